"""From the posteriors of a clip's faces to one row per clip (Kahou et al. 2016, EmoNets,
doi:10.1007/s12193-015-0195-2).
"""

from __future__ import annotations

import numpy as np

SEGMENTS = 10


def frame_mean(posteriors: np.ndarray) -> np.ndarray:
    """The mean over a clip's faces: (T, c) float → (c,) float64."""
    return np.asarray(posteriors, dtype=np.float64).mean(axis=0)


def segment_means(posteriors: np.ndarray, segments: int = SEGMENTS) -> np.ndarray:
    """The means of a clip's consecutive segments, one after the other: what the SVM is fed.

    From T ≥ `segments` rows each segment takes round(rows left / segments left) rows, halves
    rounded up. Of fewer rows, row round(i (T − 1) / (segments − 1)) stands for segment i.

    Parameters
    ----------
    posteriors : (T, c) float in the order of time, T ≥ 1.

    Returns
    -------
    (segments · c,) float64.
    """
    rows = np.asarray(posteriors, dtype=np.float64)
    count = len(rows)
    if count < 1:
        raise ValueError("a clip without faces has no segments")
    if count < segments:
        places = np.arange(segments) * (count - 1) / (segments - 1)
        return rows[np.floor(places + 0.5).astype(int)].ravel()
    means, start = [], 0
    for left in range(segments, 0, -1):
        size = (2 * (count - start) + left) // (2 * left)
        means.append(rows[start : start + size].mean(axis=0))
        start += size
    return np.concatenate(means)
