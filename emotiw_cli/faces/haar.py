"""The chain of face detectors of the AMD entry of 2017: HOG, then a Haar cascade.

dlib's HOG detector looks at the picture enlarged twofold; where it finds no face, OpenCV's Haar
cascade ``frontalface_alt2`` is asked, with the scale 1.3 and 4 neighbours (Rassadin et al. 2017,
doi:10.1145/3136755.3143007). Boxes are clipped to the picture. Pictures with a side above
:data:`emotiw_cli.faces.detect.LONGEST_SIDE` pixels are reduced to it before they are enlarged.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emotiw_cli.faces.detect import detect_faces
from emotiw_cli.faces.detection import Detection

CASCADE = "haarcascade_frontalface_alt2.xml"
SCALE = 1.3
NEIGHBOURS = 4


def detect_hog_haar(image: np.ndarray) -> list[Detection]:
    """Find faces as the paper did.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB.

    Returns
    -------
    list of Detection
        In the order of :func:`emotiw_cli.faces.detect.detect_faces`; the method is ``hog_x2`` or
        ``haar``.
    """
    return detect_faces(image, upsample=(1,)) or detect_haar(image)


def detect_haar(image: np.ndarray) -> list[Detection]:
    """Find faces by the Haar cascade alone, the largest first; a Haar detection has no score."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    boxes = _cascade().detectMultiScale(grey, SCALE, NEIGHBOURS)
    found = [Detection(int(x), int(y), int(w), int(h), 0.0, "haar") for x, y, w, h in boxes]
    return sorted(found, key=lambda face: (-face.width * face.height, face.y, face.x))


@functools.cache
def _cascade() -> Any:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / CASCADE))
