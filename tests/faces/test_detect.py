"""Faces are found where they are, at any size of picture, and twice looked for only with reason."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest

from emotiw_cli.errors import TamperedError
from emotiw_cli.faces import detect
from emotiw_cli.faces.detect import detect_faces
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.images import load_image

FACE = (180, 70, 90, 100)  # where the astronaut's face is: x, y, width, height, by eye


def overlap(face: Detection, box: tuple[float, float, float, float]) -> float:
    x, y, w, h = box
    width = min(face.x + face.width, x + w) - max(face.x, x)
    height = min(face.y + face.height, y + h) - max(face.y, y)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (face.width * face.height + w * h - shared)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> dict[float, list[Detection]]:
    """Answers of the detector by enlargement, instead of a search; what is asked is looked up."""
    answers: dict[float, list[Detection]] = {}
    monkeypatch.setattr(detect, "_search", lambda grey, zoom, method: answers.pop(zoom))
    return answers


def test_the_astronaut_has_one_face(astronaut: np.ndarray) -> None:
    (face,) = detect_faces(astronaut)
    assert overlap(face, FACE) > 0.6
    assert face.score > 1
    assert face.method == "hog"
    assert face.outline is None


def test_the_copy_is_dlibs_own_detector(astronaut: np.ndarray) -> None:
    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    boxes, scores, _ = dlib.get_frontal_face_detector().run(grey, 1, -0.5)
    ours, our_scores, _ = detect._detector().run(grey, 1, -0.5)
    assert len(boxes) > 1
    assert list(ours) == list(boxes)
    assert list(our_scores) == list(scores)


def test_a_changed_detector_file_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("detector") / "frontal_face_hog.svm"
    content = bytearray(detect._DETECTOR.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(detect, "_DETECTOR", path)
    with pytest.raises(TamperedError, match="install emotiw again"):
        detect._detector.__wrapped__()


def test_a_small_face_is_found_enlarged(astronaut: np.ndarray) -> None:
    small = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    assert detect_faces(small, upsample=(0,)) == []
    (face,) = detect_faces(small)
    assert face.method == "hog_x2"
    assert overlap(face, tuple(side / 2 for side in FACE)) > 0.6


def test_a_large_picture_is_searched_reduced(astronaut: np.ndarray) -> None:
    large = cv2.resize(astronaut, (4096, 4096), interpolation=cv2.INTER_LINEAR)
    face = detect_faces(large)[0]
    assert overlap(face, tuple(side * 8 for side in FACE)) > 0.6
    assert (face.method, face.score > 1) == ("hog", True)


def test_every_face_of_a_crowd_largest_first(astronaut: np.ndarray) -> None:
    head = astronaut[30:230, 120:320]
    crowd = np.tile(head, (4, 5, 1))
    crowd[:200, :200] = cv2.resize(head[20:180, 20:180], (200, 200))
    faces = detect_faces(crowd)
    assert len(faces) == 20
    assert (faces[0].x < 200, faces[0].y < 200) == (True, True)
    areas = [face.width * face.height for face in faces]
    assert areas == sorted(areas, reverse=True)
    assert faces == detect_faces(crowd)


def test_faces_counted_by_eye(shared: Path) -> None:
    with (shared / "data/photos/faces.csv").open(newline="", encoding="utf-8") as file:
        counts = {row["file"]: int(row["faces"]) for row in csv.DictReader(file)}
    missed = beyond = 0
    for name, count in counts.items():
        found = len(detect_faces(load_image(shared / "data/photos" / name)))
        missed += max(0, count - found)
        beyond += max(0, found - count)
    assert sum(counts.values()) == 139
    assert missed <= 2
    assert beyond <= 4


def test_no_face() -> None:
    for shape in ((200, 300, 3), (1, 1, 3), (1, 5000, 3), (3, 2, 3)):
        assert detect_faces(np.full(shape, 127, np.uint8)) == []


def test_a_face_at_the_edge_is_clipped_and_keeps_its_outline(astronaut: np.ndarray) -> None:
    cut = np.ascontiguousarray(astronaut[:, 195:])
    (face,) = detect_faces(cut, upsample=(0,))
    assert face.x == 0
    assert face.outline is not None
    x, y, width, height = face.outline
    assert x < 0
    assert x + width == face.width
    assert (y, height) == (face.y, face.height)


def test_clear_large_faces_end_the_search(scripted: dict) -> None:
    large = Detection(0, 0, 80, 80, 1.0, "hog")
    scripted.update({1.0: [large], 2.0: []})
    assert detect_faces(np.zeros((100, 200, 3), np.uint8)) == [large]
    assert list(scripted) == [2.0]  # never asked


def test_the_smallest_size_seen_asks_for_a_second_look_and_keeps_what_only_the_first_saw(
    scripted: dict,
) -> None:
    again = Detection(2, 2, 70, 70, 1.0, "hog")
    once = Detection(100, 20, 79, 79, 1.0, "hog")
    better = Detection(0, 0, 72, 72, 2.0, "hog_x2")
    small = Detection(0, 80, 40, 40, 1.0, "hog_x2")
    scripted.update({1.0: [again, once], 2.0: [better, small]})
    assert detect_faces(np.zeros((100, 200, 3), np.uint8)) == [once, better, small]


def test_enlargements_are_of_the_reduced_picture(scripted: dict) -> None:
    scripted.update({0.5: [], 1.0: [], 2.0: [], 4.0: []})
    assert detect_faces(np.zeros((10, 3200, 3), np.uint8), upsample=(0, 1, 2)) == []
    assert list(scripted) == [4.0]


def test_equal_areas_are_ordered_by_place(scripted: dict) -> None:
    places = [(90, 5), (10, 5), (50, 0)]
    scripted[1.0] = [Detection(x, y, 30, 30, 1.0, "hog") for x, y in places]
    faces = detect_faces(np.zeros((100, 200, 3), np.uint8), upsample=(0,))
    assert [(face.x, face.y) for face in faces] == [(50, 0), (10, 5), (90, 5)]


def test_doubtful_faces_come_last_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(size: int, score: float) -> Detection:
        return Detection(0, 0, size, size, score, "hog")

    faces = [found(300, 0.04), found(90, 1.5), found(200, 0.25), found(400, 0.2)]
    monkeypatch.setattr(detect, "_search", lambda grey, zoom, method: faces)
    image = np.zeros((50, 50, 3), np.uint8)
    assert [face.width for face in detect_faces(image)] == [200, 90, 400, 300]
