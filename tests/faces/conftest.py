"""A real photo that comes with scikit-image."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """Eileen Collins, (512, 512, 3) uint8 RGB (NASA, public domain); one frontal face."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photo")
    return np.ascontiguousarray(data.astronaut())
