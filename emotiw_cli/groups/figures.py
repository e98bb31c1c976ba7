"""Figures of merit over the three group emotions, with 95 % bootstrap intervals over photos."""

from __future__ import annotations

from typing import Any

import numpy as np

from emotiw_cli.evaluation.intervals import interval, resampled_sums
from emotiw_cli.evaluation.metrics import losses
from emotiw_cli.groups.layout import CLASSES

_COUNT = len(CLASSES)


def _sums(posteriors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What each photo adds: the cells of the confusion matrix, then its loss in nats."""
    cells = np.eye(_COUNT**2)[labels * _COUNT + posteriors.argmax(axis=1)]
    return np.column_stack([cells, losses(posteriors, np.eye(_COUNT)[labels])])


def _confusion(sums: np.ndarray) -> np.ndarray:
    return sums[..., :-1].reshape(*sums.shape[:-1], _COUNT, _COUNT)


def _accuracy(sums: np.ndarray) -> np.ndarray:
    confusion = _confusion(sums)
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))


def _mean_recall(sums: np.ndarray) -> np.ndarray:
    confusion = _confusion(sums)
    counts, right = confusion.sum(axis=-1), np.diagonal(confusion, axis1=-2, axis2=-1)
    shares = np.divide(right, counts, out=np.zeros(right.shape), where=counts > 0)
    return shares.sum(axis=-1) / np.maximum((counts > 0).sum(axis=-1), 1)


def _log_loss(sums: np.ndarray) -> np.ndarray:
    return sums[..., -1] / _confusion(sums).sum(axis=(-2, -1))


_FIGURES = {"accuracy": _accuracy, "mean_recall": _mean_recall, "log_loss": _log_loss}


def measure(posteriors: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> dict[str, Any]:
    """Accuracy, mean recall of the classes that occur, and log-loss in nats.

    Parameters
    ----------
    posteriors : (n, 3) float. labels : (n,) int, 0 to 2.

    Returns
    -------
    ``images``, and of each figure its value and the bounds of its interval; nothing but
    ``images`` where there are none.
    """
    if not len(labels):
        return {"images": 0}
    sums = _sums(posteriors, labels)
    draws = resampled_sums(sums, seed=seed)
    return {
        "images": len(labels),
        **{
            name: interval(float(figure(sums.sum(axis=0))), figure(draws)).to_json()
            for name, figure in _FIGURES.items()
        },
        "recall": {
            emotion: float((posteriors[labels == c].argmax(axis=1) == c).mean())
            for c, emotion in enumerate(CLASSES)
            if (labels == c).any()
        },
    }


def compare(
    posteriors: np.ndarray, other: np.ndarray, labels: np.ndarray, *, seed: int = 0
) -> dict[str, Any]:
    """Differences of every figure, the first system less the other, by a paired bootstrap."""
    both = np.column_stack([_sums(posteriors, labels), _sums(other, labels)])
    width = both.shape[1] // 2
    draws, total = resampled_sums(both, seed=seed), both.sum(axis=0)
    return {
        name: interval(
            float(figure(total[:width]) - figure(total[width:])),
            figure(draws[:, :width]) - figure(draws[:, width:]),
        ).to_json()
        for name, figure in _FIGURES.items()
    }
