"""Faces for group photos, from the two photos in examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = Path(__file__).parents[1] / "examples" / "photos"


def single(name: str, side: int) -> np.ndarray:
    """The square with the face of an example photo, `side` pixels wide."""
    boxes = {"astronaut.png": (150, 28, 300, 178), "grace_hopper.jpg": (140, 70, 390, 320)}
    with Image.open(PHOTOS / name) as photo:
        face = photo.convert("RGB").crop(boxes[name]).resize((side, side), Image.Resampling.BOX)
    return np.asarray(face)
