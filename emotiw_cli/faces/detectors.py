"""What finds faces, by name; each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

import numpy as np

from emotiw_cli.errors import InputError
from emotiw_cli.faces.detection import Detection

DETECTORS = {
    "hog": ("detect", "detect_faces"),
    "hog-haar": ("haar", "detect_hog_haar"),
    "yunet": ("yunet", "detect_yunet"),
}
"""Name → module and function.

``hog`` looks at an enlarged picture only where the first look suggests it, ``hog-haar`` always,
and asks a Haar cascade where there is none; ``yunet`` is a small net.
"""

DEFAULT_DETECTOR = "yunet"
"""What finds faces in photos unless told otherwise."""

Detect = Callable[[np.ndarray], list[Detection]]
"""(H, W, 3) uint8 RGB → the faces, the largest first."""


def find_detector(name: str) -> Detect:
    """The detector called `name`; :class:`InputError` if there is none."""
    if name not in DETECTORS:
        raise InputError(f"{name!r} is not a detector; use one of {', '.join(DETECTORS)}.")
    module, function = DETECTORS[name]
    return cast(Detect, getattr(importlib.import_module(f"emotiw_cli.faces.{module}"), function))
