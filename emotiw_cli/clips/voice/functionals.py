"""A clip's features as one row: what they are on average, how they spread and move.

The idea of openSMILE's functionals (Eyben et al. 2010, doi:10.1145/1873951.1874246), with fewer.
"""

from __future__ import annotations

import numpy as np

from emotiw_cli.clips.voice.features import COUNT, NAMES

_VOICED = 0.5
_LEAST_VOICED = 4
_PERCENTILES = (5, 25, 50, 75, 95)
KINDS = (
    *("mean", "spread", *(f"percentile-{p}" for p in _PERCENTILES)),
    *("slope", "voiced-mean", "voiced-spread", "movement"),
)
FUNCTIONALS = len(KINDS) * COUNT + 2


def functionals(windows: np.ndarray) -> np.ndarray:
    """Mean, spread, percentiles, slope over the clip and mean step of each feature; mean and spread
    over voiced windows; how many windows there are, and the voiced share.

    Parameters
    ----------
    windows : (T, 141) float, T ≥ 1, of :func:`emotiw_cli.clips.voice.features.features`.

    Returns
    -------
    (1553,) float64.
    """
    windows = np.asarray(windows, dtype=np.float64)
    voiced = windows[:, NAMES.index("voicing")] > _VOICED
    speech = windows[voiced] if voiced.sum() >= _LEAST_VOICED else windows
    mean = windows.mean(axis=0)
    time = np.linspace(-1, 1, len(windows))[:, None]
    steps = np.abs(np.diff(windows, axis=0)) if len(windows) > 1 else np.zeros_like(windows)
    return np.concatenate(
        [
            mean,
            windows.std(axis=0),
            *np.percentile(windows, _PERCENTILES, axis=0),
            (time * (windows - mean)).mean(axis=0),
            speech.mean(axis=0),
            speech.std(axis=0),
            steps.mean(axis=0),
            [len(windows), voiced.mean()],
        ]
    )
