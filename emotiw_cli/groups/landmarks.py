"""How far a face's landmarks lie from one another.

All distances between two of the 68 points divided by the largest of them: 2,278 numbers that
neither the size of the face nor its place changes, nor a turn in the picture's plane.
"""

from __future__ import annotations

import numpy as np

POINTS = 68
PAIRS = POINTS * (POINTS - 1) // 2
"""2,278."""


def distances(points: np.ndarray) -> np.ndarray:
    """Pairwise distances of faces' landmarks, divided by each face's largest.

    Parameters
    ----------
    points : (n, p, 2) float.

    Returns
    -------
    (n, p·(p-1)/2) float32
        In the order (0, 1), (0, 2), …, (0, p-1), (1, 2), …, (p-2, p-1). Zeros where all points of
        a face coincide.
    """
    points = np.asarray(points, dtype=np.float64)
    first, second = np.triu_indices(points.shape[1], k=1)
    apart = np.linalg.norm(points[:, first] - points[:, second], axis=2)
    largest = apart.max(axis=1, keepdims=True, initial=0)
    return (apart / np.where(largest > 0, largest, 1)).astype(np.float32)
