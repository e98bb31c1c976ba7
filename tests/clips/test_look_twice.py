"""Faces shown by their smoothed boxes, in a second reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clip_maker import FaceOnGround, write_clip

from emotiw_cli.clips.decode import Frame, read_frames
from emotiw_cli.clips.look_twice import look_twice


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    """A face for a second and a half, another beside it for a half."""
    face = FaceOnGround(photo, 160)
    wide = (480, 200)
    frames = [face.at((10, 20), (300, 20), size=wide)] * 6
    frames += [face.at((10 + 4 * n, 20), size=wide) for n in range(12)]
    return write_clip(tmp_path_factory.mktemp("twice") / "a.mp4", frames, rate=12)


@pytest.mark.parametrize("every_frame", [False, True])
def test_faces_are_shown_where_they_are_and_end_once(clip: Path, every_frame: bool) -> None:
    readings = 0
    told: list[float] = []

    def read() -> Iterator[Frame]:
        nonlocal readings
        readings += 1
        return read_frames(clip)

    shown = list(look_twice(read, read, every_frame=every_frame, advance=told.append))
    assert readings == 2
    assert told == sorted(told)
    assert told[-1] == pytest.approx(17 / 12, abs=0.001)
    tubes = {tube.number: tube for faces in shown for tube in faces.tubes}
    assert sorted(tubes) == [1, 2]
    for number, tube in tubes.items():
        of_tube = [
            (faces, place)
            for faces in shown
            for place, one in enumerate(faces.tubes)
            if one.number == number
        ]
        frames = [faces.frame.number for faces, _ in of_tube]
        assert frames == [n for n in tube.frames if every_frame or n % 2 == 0]
        assert [bool(faces.last[place]) for faces, place in of_tube] == [
            n == frames[-1] for n in frames
        ]
        smoothed = dict(zip(tube.frames, tube.smoothed(), strict=True))
        for faces, place in of_tube:
            assert (faces.boxes[place] == smoothed[faces.frame.number]).all()
    assert {faces.frame.number for faces in shown if faces.looked} <= set(range(0, 18, 2))


def test_a_clip_without_a_face_is_read_once(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", [np.full((96, 128, 3), 90, np.uint8)] * 3)

    def again() -> Iterator[Frame]:
        raise AssertionError("it is read again")

    assert list(look_twice(lambda: read_frames(path), again)) == []
