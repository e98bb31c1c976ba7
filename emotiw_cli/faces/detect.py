"""Frontal faces by dlib's HOG detector, from a copy that loads at once.

``dlib.get_frontal_face_detector()`` unpacks its five filters for a third of a second; what it
returns, saved once with ``.save()``, loads in a millisecond or two. That file,
``frontal_face_hog.svm``, is package data and its SHA-256 is checked before it is loaded. The
detector is Davis King's, part of dlib and under dlib's licence, the Boost Software License 1.0:
http://dlib.net, doi:10.5555/1577069.1755843; the features are those of Felzenszwalb et al. 2010,
doi:10.1109/TPAMI.2009.167.

The search runs on grey, which finds the same faces as colour in three quarters of the time. The
detector's window is 80 pixels wide, its box on the finest level of its pyramid 73. Smaller faces
are found only in an enlarged picture, which costs four times as much, so a second look is taken
only where the first one suggests it: see :func:`detect_faces`. In 18 photos with 139 faces
(``python benchmarks/faces_recall.py FOLDER``) one look finds 74, the second look all of them and
two that are none, at any longest side from 1024 pixels up; 1600 leaves room for larger crowds.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import dlib
import numpy as np

from emotiw_cli.errors import TamperedError
from emotiw_cli.faces.detection import Detection

LONGEST_SIDE = 1600
"""Larger pictures are reduced to this longest side, in pixels, before the first look."""

SMALLEST_BOX = 80
"""A box below this width, in pixels of the searched picture, lies on the finest pyramid level."""

CLEAR = 0.25
"""Detections that are no face score below this, but so do a few faces: such come last."""

SAME_FACE = 0.3
"""Boxes of two looks that overlap by more than this (intersection over union) are one face."""

_DETECTOR = Path(__file__).with_name("frontal_face_hog.svm")
_DETECTOR_SHA256 = "f3f7aa833fb4a14a46fc48689f45b98d85ef72d6dfaf8bdc012b7d3c522a5426"


def detect_faces(image: np.ndarray, *, upsample: Sequence[int] = (0, 1)) -> list[Detection]:
    """Find the frontal faces of a picture.

    The picture, reduced to :data:`LONGEST_SIDE` if it is larger, is searched in turn at each
    enlargement of `upsample`. The search ends as soon as faces are found that are all larger than
    the smallest the detector can see. No face, or one of the very smallest size, suggests that
    there are smaller ones, and the next enlargement is tried; its faces and those that only an
    earlier look saw are returned together.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    upsample : sequence of int
        Doublings of the picture, in the order they are tried: ``(0,)`` never enlarges, ``(1,)``
        always looks at twice the size.

    Returns
    -------
    list of Detection
        Clear faces first, those that score :data:`CLEAR` or more; within clear and doubtful
        ones the largest area first; of equal areas the one further up, then further left.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    base = min(1.0, LONGEST_SIDE / max(height, width))
    faces: list[Detection] = []
    for doublings in upsample:
        zoom = base * 2**doublings
        seen = _search(grey, zoom, "hog" if doublings == 0 else f"hog_x{2**doublings}")
        faces = seen + [face for face in faces if not any(_same(face, other) for other in seen)]
        if faces and min(face.width for face in faces) * zoom >= SMALLEST_BOX:
            break
    return sorted(faces, key=_rank)


def _rank(face: Detection) -> tuple[bool, int, int, int]:
    return face.score < CLEAR, -face.width * face.height, face.y, face.x


def _search(grey: np.ndarray, zoom: float, method: str) -> list[Detection]:
    height, width = grey.shape
    if zoom != 1.0:
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        grey = cv2.resize(
            grey, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        )
    boxes, scores, _ = _detector().run(grey, 0, 0.0)
    found = []
    for box, score in zip(boxes, scores, strict=True):
        left, top = round(box.left() / zoom), round(box.top() / zoom)
        right, bottom = round((box.right() + 1) / zoom), round((box.bottom() + 1) / zoom)
        x, y = max(0, left), max(0, top)
        w, h = min(width, right) - x, min(height, bottom) - y
        if w < 1 or h < 1:
            continue
        whole = (left, top, right - left, bottom - top)
        outline = None if whole == (x, y, w, h) else whole
        found.append(Detection(x, y, w, h, float(score), method, outline))
    return found


def _same(a: Detection, b: Detection) -> bool:
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return False
    shared = width * height
    return shared > SAME_FACE * (a.width * a.height + b.width * b.height - shared)


@functools.cache
def _detector() -> dlib.fhog_object_detector:
    if hashlib.sha256(_DETECTOR.read_bytes()).hexdigest() != _DETECTOR_SHA256:
        raise TamperedError(
            f"{_DETECTOR} is not the face detector emotiw was released with: install emotiw again."
        )
    return dlib.fhog_object_detector(str(_DETECTOR))
