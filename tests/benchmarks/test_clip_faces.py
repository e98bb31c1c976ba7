"""What is counted of faces followed through composed clips."""

from __future__ import annotations

import sys
from pathlib import Path

import clip_faces
import numpy as np
import pytest
from clip_faces import Tally, composed, follow, frames_of, on, panned, paste
from PIL import Image

from emotiw_cli.faces.detection import Detection


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips of a second, ten frames."""
    monkeypatch.setattr(clip_faces, "SECONDS", 1)
    monkeypatch.setattr(clip_faces, "RATE", 10)


def test_a_box_is_on_a_face_if_each_holds_the_others_centre() -> None:
    face = np.array([10.0, 10, 20, 20])
    assert on(np.array([15.0, 10, 20, 20]), face)
    assert not on(np.array([21.0, 10, 20, 20]), face)
    assert not on(np.array([0.0, 0, 200, 200]), face)


def test_a_pasted_face_lies_where_its_box_says() -> None:
    canvas = np.zeros((200, 300, 3), np.uint8)
    box = paste(canvas, "astronaut.png", 40, np.array([150.0, 100.0]), 0)
    assert box[:3] == pytest.approx([130, 100 - box[3] / 2, 40])
    x, y, width, height = box.round().astype(int)
    face = canvas[y : y + height, x : x + width]
    original = np.asarray(Image.open(clip_faces.PHOTOS / "astronaut.png").convert("RGB"))
    left, top, w, h = clip_faces.HEADS["astronaut.png"][1]
    part = Image.fromarray(original[top : top + h, left : left + w]).resize((width, height))
    assert np.abs(face.astype(float) - np.asarray(part)).mean() < 8


def test_a_window_keeps_the_boxes_on_their_faces() -> None:
    photo = np.zeros((400, 600, 3), np.uint8)
    photo[100:150, 200:250] = 255
    seen = 0
    for view, (whole, touched) in panned(photo, [(200, 100, 50, 50)]):
        assert len(whole) <= len(touched)
        for x, y, width, height in whole:
            seen += 1
            inside = view[round(max(y, 0)) + 2 : round(y + height) - 2]
            assert inside[:, round(max(x, 0)) + 2 : round(x + width) - 2].min() == 255
    assert seen


def counted(shift: int | None) -> Tally:
    """One face of 100 px; what is detected lies so many pixels beside it, or is nothing."""
    tally, truths = Tally(), []  # type: ignore[var-annotated]

    def detect(image: np.ndarray) -> list[Detection]:
        x, y, width, height = truths[-1][0][0].round().astype(int)
        return [] if shift is None else [Detection(x + shift, y, width, height, 0.9, "hand")]

    follow(frames_of(composed([("astronaut.png", 100)]), truths), detect, tally, truths)
    return tally


def test_looks_faces_and_tubes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_faces, "SECONDS", 4)
    monkeypatch.setattr(clip_faces, "RATE", 15)
    right = counted(10)
    assert (right.looks, right.faces, right.found) == (24, 24, 24)
    assert (right.people, right.tubes, right.false) == (1, 1, 0)
    wrong = counted(150)
    assert wrong.found == wrong.tubes == 0
    assert wrong.false >= 1
    nothing = counted(None)
    assert (nothing.faces, nothing.found, nothing.tubes, nothing.false) == (24, 0, 0, 0)


def test_without_its_data_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["clip_faces.py", "--clips", str(tmp_path / "gone")])
    with pytest.raises(SystemExit) as ended:
        clip_faces.main()
    assert ended.value.code == 0
    assert "gone is no folder here" in capsys.readouterr().err
