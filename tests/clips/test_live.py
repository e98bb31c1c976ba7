"""A camera's faces as they come, from pictures that stand for a camera's."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clip_maker import FaceOnGround
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.clips import live
from emotiw_cli.clips.decode import Frame
from emotiw_cli.clips.live import Look, Means, _Newest, frames_of, watch
from emotiw_cli.clips.result import COLUMNS, Step
from emotiw_cli.clips.window import open_window
from emotiw_cli.emotions import EMOTIONS


@pytest.fixture(scope="module")
def face(photo: Path) -> FaceOnGround:
    return FaceOnGround(photo)


def timed(pictures: list[np.ndarray], rate: float = 6.0) -> Iterator[Frame]:
    """RGB pictures as frames at an even rate."""
    for number, frame in enumerate(frames_of(picture[:, :, ::-1] for picture in pictures)):
        frame.time = number / rate
        yield frame


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["predict", "--camera", "0", *words])


def test_pictures_become_frames_with_their_time() -> None:
    blue = np.zeros((4, 6, 3), np.uint8)
    blue[:, :, 0] = 255  # as OpenCV has it
    frames = list(frames_of([blue, blue]))
    assert [frame.number for frame in frames] == [0, 1]
    assert frames[0].time <= frames[1].time < 1
    assert frames[0].image().tolist() == np.tile([0, 0, 255], (4, 6, 1)).tolist()


def test_each_look_has_the_faces_of_its_time(face: FaceOnGround, tiny_bundle: Path) -> None:
    pictures = [face.at((60, 20))] * 4 + [face.at()] * 4
    looks = list(watch(timed(pictures), load_bundle(tiny_bundle)))
    assert [look.frame.time for look in looks] == pytest.approx(np.arange(8) / 6)
    assert [len(look.faces) for look in looks][:4] == [1] * 4
    assert [len(look.faces) for look in looks][-2:] == [0, 0]
    ((number, step),) = looks[0].faces
    assert number == 1
    assert sum(step.posterior) == pytest.approx(1)


def test_means_are_those_of_each_face() -> None:
    def step(share: float) -> Step:
        return Step(0.0, 0, 0, 1, 1, (share, 1 - share, 0, 0, 0, 0, 0))

    means = Means()
    means.add(Look(None, ((1, step(1.0)), (2, step(0.5)))))  # type: ignore[arg-type]
    means.add(Look(None, ((1, step(0.5)),)))  # type: ignore[arg-type]
    assert means.of_faces() == {1: (0.75, 0.25, 0, 0, 0, 0, 0), 2: (0.5, 0.5, 0, 0, 0, 0, 0)}


def test_the_newest_picture_is_taken_and_the_end_is_told() -> None:
    given = iter([np.full((2, 2, 3), value, np.uint8) for value in range(5)])
    newest = _Newest(lambda: next(given, None))
    newest.stop()  # all are read by now, or reading has been told to stop
    assert len(list(newest)) <= 1


def test_rows_go_into_a_pipe_and_a_summary_follows(
    face: FaceOnGround, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [face.at((60, 20))] * 3 + [face.at()] * 5
    monkeypatch.setattr(live, "camera_frames", lambda number: timed(pictures))
    monkeypatch.delenv("DISPLAY", raising=False)
    result = run("--bundle", str(tiny_bundle))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == ",".join(COLUMNS)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {(row["path"], row["part"]) for row in rows} == {("camera 0", "step")}
    assert (rows[0]["status"], rows[0]["tube"]) == ("ok", "1")
    assert (rows[-1]["status"], rows[-1]["tube"], rows[-1]["emotion"]) == ("no_face", "", "")
    assert sum(float(rows[0][emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-5)
    assert "8 looks, face 1" in result.stderr


def test_an_interrupt_ends_it_with_a_summary(
    face: FaceOnGround, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(number: int) -> Iterator[Frame]:
        yield from timed([face.at((60, 20))] * 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(live, "camera_frames", interrupted)
    monkeypatch.delenv("DISPLAY", raising=False)
    result = run("--bundle", str(tiny_bundle), "--csv", str(tmp_path / "a.csv"))
    assert result.exit_code == 0, result.stderr
    assert "2 looks, face 1" in result.stderr
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3


def test_without_a_camera_one_sentence(tiny_bundle: Path) -> None:
    result = run("--bundle", str(tiny_bundle), "--camera", "97")
    assert result.exit_code == 3
    assert result.stderr.startswith("emotiw: camera 97 cannot be opened")
    assert len(result.stderr.splitlines()) == 1


def test_a_camera_goes_alone() -> None:
    assert run("photo.jpg").exit_code == 2
    assert run("--json", "-").exit_code == 2
    assert CliRunner().invoke(app, ["predict"]).exit_code == 2


def test_no_display_is_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    import sys

    if sys.platform == "darwin":
        pytest.skip("a Mac has its display always")
    assert open_window("emotiw") is None
