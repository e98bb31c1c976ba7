"""Faces of every size and pose by YuNet (Wu, Peng & Yu 2023, doi:10.1007/s11633-023-1423-y).

``yunet.onnx`` holds the net and the weights of libfacedetection 0.0.3 by Shiqi Yu, under the
3-clause BSD licence in ``yunet.LICENSE``; ``scripts/yunet.py`` made it, and its SHA-256 is checked
before it is loaded. The weights were learnt on WIDER FACE.

The net gives boxes from forehead to chin, and five points. What stands in :class:`Detection` is
the square that the HOG detector would draw, so that landmarks, crops and all that was trained on
them see the same frame: centred on the five points, its side √(width · height) of the net's box
over :data:`SIDE`, which ``benchmarks/group_faces.py`` measures. HOG's own sizes are a fifth apart.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from emotiw_cli.errors import TamperedError
from emotiw_cli.faces.detection import Detection

METHOD = "yunet"
STRIDES = (8, 16, 32)
LOOKS = ((1600, 1.0), (480, 4.0))
"""Longest sides, in pixels, at which pictures are looked at, each with the most by which smaller
pictures are enlarged towards it. The net misses faces wider than some five hundred pixels, and
many that fill a small picture."""

THRESHOLD = 0.7
"""Least score of a face, from 0 to 1."""

SAME_FACE = 0.3
"""Boxes that overlap by more than this (intersection over union) are one face: the best stays."""

SIDE = 1.05
"""√(width · height) of the net's box over the side of HOG's: the median of faces both find."""

_NET = Path(__file__).with_name("yunet.onnx")
_NET_SHA256 = "208933e966b29d336b2ef4d55bfc589ff2c0d197104201056bfe303aa86ba61a"


def detect_yunet(image: np.ndarray, *, threshold: float = THRESHOLD) -> list[Detection]:
    """Find the faces of a picture.

    The picture is looked at once for each of :data:`LOOKS`; of what two looks see of one face, the
    better score counts.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    threshold : float
        Least score.

    Returns
    -------
    list of Detection
        The largest area first; of equal areas the one further up, then further left.
    """
    height, width = image.shape[:2]
    zooms = {min(most, side / max(height, width)) for side, most in LOOKS}
    looks = [_look(image, zoom, threshold) for zoom in sorted(zooms, reverse=True)]
    scores, centres, sizes, points = map(np.concatenate, zip(*looks, strict=True))
    faces = [
        _square(points[one], sizes[one], float(scores[one]), width, height)
        for one in _best(centres, sizes, scores)
    ]
    return sorted(
        (face for face in faces if face is not None),
        key=lambda face: (-face.width * face.height, face.y, face.x),
    )


def _look(
    image: np.ndarray, zoom: float, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores (n,), centres (n, 2), sizes (n, 2) and points (n, 5, 2), in pixels of the picture,
    of all that scores enough in the picture resized by `zoom`.
    """
    height, width = image.shape[:2]
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    if zoom != 1:
        way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        image = cv2.resize(image, size, interpolation=way)
    columns, rows = size
    block = STRIDES[-1]
    padded = np.zeros((1, 3, rows + -rows % block, columns + -columns % block), np.float32)
    padded[0, :, :rows, :columns] = image.transpose(2, 0, 1)
    scores, boxes, points = (values[0] for values in _session().run(None, {"picture": padded}))
    found = np.flatnonzero(scores[:, 0] >= threshold)
    places, strides = _places(padded.shape[2], padded.shape[3])
    place, pixels = places[found], strides[found, None] / zoom
    return (
        scores[found, 0],
        (boxes[found, :2] + place) * pixels,
        np.exp(boxes[found, 2:]) * pixels,
        (points[found].reshape(-1, 5, 2) + place[:, None]) * pixels[:, None],
    )


def _places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and row (n, 2), and stride (n,), of every place the net looks at."""
    places, strides = [], []
    for stride in STRIDES:
        row, column = np.mgrid[: height // stride, : width // stride]
        places.append(np.stack([column.ravel(), row.ravel()], axis=1))
        strides.append(np.full(row.size, stride))
    return np.concatenate(places), np.concatenate(strides)


def _best(centres: np.ndarray, sizes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Of boxes that show the same face, the one with the best score."""
    start, stop = centres - sizes / 2, centres + sizes / 2
    area = sizes.prod(axis=1)
    left = np.argsort(-scores, kind="stable")
    kept = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        shared = np.minimum(stop[left], stop[best]) - np.maximum(start[left], start[best])
        shared = shared.clip(min=0).prod(axis=1)
        left = left[shared <= SAME_FACE * (area[left] + area[best] - shared)]
    return kept


def _square(
    points: np.ndarray, size: np.ndarray, score: float, width: int, height: int
) -> Detection | None:
    """The square around five points, clipped to the picture; None if it lies outside."""
    side = max(1, round(float(np.sqrt(size.prod())) / SIDE))
    left, top = (round(float(middle) - side / 2) for middle in points.mean(axis=0))
    x, y = max(0, left), max(0, top)
    w, h = min(width, left + side) - x, min(height, top + side) - y
    if w < 1 or h < 1:
        return None
    outline = None if (x, y, w, h) == (left, top, side, side) else (left, top, side, side)
    return Detection(x, y, w, h, score, METHOD, outline)


@functools.cache
def _session() -> onnxruntime.InferenceSession:
    content = _NET.read_bytes()
    if hashlib.sha256(content).hexdigest() != _NET_SHA256:
        raise TamperedError(
            f"{_NET} is not the face detector emotiw was released with: install emotiw again."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
