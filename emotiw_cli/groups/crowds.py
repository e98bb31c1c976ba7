"""What is known of a photo's faces taken together, each alone, and together but for one.

Each function takes n faces' values, (n, d) float, and gives (1 + 2n, d): a row for all faces, n for
each alone, n for all but each. A row of no faces is NaN.
"""

from __future__ import annotations

import numpy as np


def sums(values: np.ndarray) -> np.ndarray:
    """Sums over the faces, float64."""
    values = values.astype(np.float64)
    count = len(values)
    others = (1 - np.eye(count)) @ values
    together = values.sum(axis=0, keepdims=True)
    return np.concatenate(
        [
            together if count else np.full_like(together, np.nan),
            values,
            others if count != 1 else np.full_like(others, np.nan),
        ]
    )


def means(values: np.ndarray) -> np.ndarray:
    """Means over the faces, float32."""
    count = len(values)
    faces = np.array([count, *[1] * count, *[count - 1] * count]).clip(1)
    found: np.ndarray = (sums(values) / faces[:, None]).astype(np.float32)
    return found


def medians(values: np.ndarray) -> np.ndarray:
    """Medians over the faces, number by number, float32.

    They are sorted once: without one of them, who stood behind it moves up by one.
    """
    count = len(values)
    order = np.argsort(values, axis=0, kind="stable")
    ranks = np.argsort(order, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)

    def without_each(place: int) -> np.ndarray:
        return np.where(ranks > place, ordered[place], ordered[place + 1])

    if count == 0:
        return np.full((1, values.shape[1]), np.nan, np.float32)
    together = np.median(values, axis=0)[None]
    if count == 1:
        others = np.full_like(values, np.nan)
    else:  # of count - 1 faces, the one or the two in the middle
        others = (without_each((count - 2) // 2) + without_each((count - 1) // 2)) / 2
    return np.concatenate([together, values, others]).astype(np.float32)
