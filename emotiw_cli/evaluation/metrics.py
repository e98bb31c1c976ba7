"""Figures of merit over the seven emotions. numpy only.

Every figure is a function of sums over faces (a confusion matrix, the counts of reliability
bins), and takes them with any leading axes: a thousand bootstrap resamples are one call.

Missing classes: recall is NaN for a class with no labelled face, precision for a class never
given, F1 for a class with neither; means over classes are over those that have labelled faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotiw_cli.emotions import EMOTIONS

CLASSES = len(EMOTIONS)
BINS = 15
FLOOR = 1e-12
"""A probability counts as at least this in a logarithm: at worst 27.6 nats."""
NO_FACE = CLASSES
"""Column of a confusion matrix for labelled pictures in which no face was found."""


def predictions(posteriors: np.ndarray) -> np.ndarray:
    """Number of each row's most probable emotion, the first of equals: (n, 7) → (n,) int64."""
    return np.asarray(posteriors).argmax(axis=-1).astype(np.int64)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count labelled faces by label and prediction.

    Parameters
    ----------
    labels : (n,) int, 0 to 6; -1 for a face without a label, which is not counted.
    predicted : (n,) int, 0 to 6; -1 where no face was found.

    Returns
    -------
    (7, 8) int64: row = label, column = prediction, last column = no face found.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    known = labels >= 0
    column = np.where(predicted >= 0, predicted, NO_FACE)
    cells = labels[known] * (CLASSES + 1) + column[known]
    return np.bincount(cells, minlength=CLASSES * (CLASSES + 1)).reshape(CLASSES, CLASSES + 1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _right(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def support(confusion: np.ndarray) -> np.ndarray:
    """Labelled faces of each emotion: (..., 7, 8) → (..., 7)."""
    counts: np.ndarray = np.asarray(confusion).sum(axis=-1)
    return counts


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of labelled faces whose prediction is their label: (..., 7, 8) → (...)."""
    confusion = np.asarray(confusion)
    return _ratio(_right(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def recall(confusion: np.ndarray) -> np.ndarray:
    """Share of each emotion's faces given that emotion: (..., 7, 8) → (..., 7)."""
    confusion = np.asarray(confusion)
    return _ratio(_right(confusion), support(confusion))


def precision(confusion: np.ndarray) -> np.ndarray:
    """Share of the faces given each emotion that are labelled so: (..., 7, 8) → (..., 7)."""
    confusion = np.asarray(confusion)
    return _ratio(_right(confusion), confusion[..., :CLASSES].sum(axis=-2))


def f1(confusion: np.ndarray) -> np.ndarray:
    """2·right / (labelled + given), the harmonic mean of precision and recall: → (..., 7)."""
    confusion = np.asarray(confusion)
    given = confusion[..., :CLASSES].sum(axis=-2)
    return _ratio(2 * _right(confusion), support(confusion) + given)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 of the emotions that have labelled faces: (..., 7, 8) → (...)."""
    present = support(confusion) > 0
    return _ratio(np.where(present, f1(confusion), 0).sum(axis=-1), present.sum(axis=-1))


def mean_recall(confusion: np.ndarray) -> np.ndarray:
    """Mean recall of the emotions that have labelled faces: (..., 7, 8) → (...)."""
    present = support(confusion) > 0
    return _ratio(np.where(present, recall(confusion), 0).sum(axis=-1), present.sum(axis=-1))


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Labels (n,) int as distributions (n, 7) float64; a row of NaN for label -1."""
    labels = np.asarray(labels)
    return np.where(labels[:, None] >= 0, np.eye(CLASSES)[labels], np.nan)


def losses(posteriors: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Cross-entropy of each posterior against its target, in nats: -Σ target · ln posterior.

    Parameters
    ----------
    posteriors : (n, 7) float, floored at 1e-12.
    targets : (n, 7) float, one-hot labels or shares of votes; a face without a target is a row
        of NaN, and so is its loss.

    Returns
    -------
    (n,) float64.
    """
    entropy: np.ndarray = -(targets * np.log(np.maximum(posteriors, FLOOR))).sum(axis=-1)
    return entropy


def log_loss(posteriors: np.ndarray, targets: np.ndarray) -> float:
    """Mean of :func:`losses` over the faces that have a target, in nats; NaN if none has.

    A posterior that is not finite makes it NaN: a system that fails on a face is not let off.
    """
    known = ~np.isnan(targets).any(axis=-1)
    return float(losses(posteriors, targets)[known].mean()) if known.any() else float("nan")


@dataclass(frozen=True)
class Reliability:
    """Faces by the confidence of their prediction, in bins of equal width.

    Attributes
    ----------
    count, confidence, right : (..., bins): the number of faces, the sum of their confidences and
        the number of right ones. Bin i holds confidences in (i/bins, (i+1)/bins].
    """

    count: np.ndarray
    confidence: np.ndarray
    right: np.ndarray

    @property
    def ece(self) -> np.ndarray:
        """Expected calibration error: Σ_bins |right - confidence| / faces, (...).

        Guo et al. 2017, arXiv:1706.04599.
        """
        gap = np.abs(np.asarray(self.right, float) - self.confidence)
        return _ratio(gap.sum(axis=-1), np.asarray(self.count).sum(axis=-1))


def confidence_bins(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Bin of each confidence, (n,) int64: bin i holds (i/bins, (i+1)/bins], 0 goes to bin 0."""
    # Without rounding a confidence on a bin's edge falls to either side of it.
    upper = np.ceil(np.round(np.asarray(confidence, float) * bins, 9)).astype(np.int64)
    return np.clip(upper - 1, 0, bins - 1)


def reliability(posteriors: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Bin labelled faces by the probability of their prediction.

    Parameters
    ----------
    posteriors : (n, 7) float.
    labels : (n,) int; -1 for none, not counted.
    """
    known = np.asarray(labels) >= 0
    posteriors, labels = np.asarray(posteriors)[known], np.asarray(labels)[known]
    confidence = posteriors.max(axis=-1)
    place = confidence_bins(confidence, bins)
    return Reliability(
        count=np.bincount(place, minlength=bins),
        confidence=np.bincount(place, weights=confidence, minlength=bins),
        right=np.bincount(place, weights=predictions(posteriors) == labels, minlength=bins),
    )


def ece(posteriors: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error of labelled faces; NaN if there are none."""
    return float(reliability(posteriors, labels, bins).ece)
