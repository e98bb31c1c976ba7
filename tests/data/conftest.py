"""Tiny pictures and sets of them, as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[..., Path]:
    """Write 12×12 pictures, each of one colour that tells its place in the list, below a folder."""

    def make(names: list[str], *, root: str = "set", grey: bool = True) -> Path:
        folder = tmp_path / root
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            colour = (number % 251,) * 3 if grey else (number % 251, 100, 200)
            picture = np.full((12, 12, 3), colour, dtype=np.uint8)
            encoded = cv2.imencode(".png", picture[:, :, ::-1])[1]
            path.write_bytes(encoded.tobytes())
        return folder

    return make
