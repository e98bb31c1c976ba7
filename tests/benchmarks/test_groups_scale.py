"""The benchmark's photos have faces, and its watch sees memory, kills, and what had landed."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import groups_scale
import numpy as np
import pytest
from group_photos import PHOTOS
from groups_scale import HEIGHT, MOST_FACES, PARTS, WIDTH, compose, compose_all, cut_faces, watch

from emotiw_cli.faces.detectors import find_detector

# Writes ten files, one after the other, beside 100 MB that it holds from the sixth on.
PROGRAM = """
import sys, time, pathlib
held = b""
for number in range(10):
    if number == 5:
        held = bytes(bytearray(b"x") * 100_000_000)
    time.sleep(0.06)
    (pathlib.Path(sys.argv[1]) / f"{number}.part").touch()
time.sleep(0.2)
print("done")
"""


def test_composed_photos_show_the_faces(tmp_path: Path) -> None:
    faces = cut_faces([PHOTOS / "grace_hopper.jpg"])
    assert len(faces) == 1
    picture = compose(faces, np.random.default_rng(0))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    found = [
        len(find_detector("yunet")(compose(faces, np.random.default_rng(seed))))
        for seed in range(6)
    ]
    assert min(found) >= 1
    assert max(found) <= MOST_FACES
    compose_all(tmp_path / "photos", 3, faces)
    assert [path.name for path in sorted((tmp_path / "photos").iterdir())] == [
        "000000.jpg",
        "000001.jpg",
        "000002.jpg",
    ]


def test_pictures_without_a_face_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((90, 90, 3), 128, np.uint8))
    with pytest.raises(SystemExit, match="no face"):
        cut_faces([tmp_path / "grey.png"])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc, as Linux has it")
def test_a_program_is_watched_and_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_scale, "EMOTIW", (sys.executable, "-c", PROGRAM, str(tmp_path)))
    monkeypatch.setattr(groups_scale, "_LOOK_SECONDS", 0.01)

    def landed() -> int:
        return len(list(tmp_path.glob("*.part")))

    killed = watch([], landed, 10, kill_at=0.5)
    assert killed.output == ""
    assert 5 <= killed.landed < 10
    for path in tmp_path.glob("*.part"):
        path.unlink()
    whole = watch([], landed, 10)
    assert (whole.output, whole.landed) == ("done\n", 10)
    assert whole.peaks[PARTS[0]] < 100_000_000 < whole.peaks[PARTS[-1]]
