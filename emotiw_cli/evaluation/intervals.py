"""Bootstrap intervals: how far a figure would move with another draw of faces.

Percentile intervals (Efron 1979, doi:10.1214/aos/1176344552). What is drawn with replacement is
groups (subjects, films, identical pictures), for faces of one group are not independent.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from emotiw_cli.evaluation import metrics

RESAMPLES = 2000
CONFIDENCE = 0.95
_CHUNK = 250


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds of its 95 % bootstrap interval; NaN where it is undefined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """As JSON values; NaN, which JSON does not know, becomes null."""
        parts = {"value": self.value, "low": self.low, "high": self.high}
        return {name: float(part) if np.isfinite(part) else None for name, part in parts.items()}


Figure = Callable[[np.ndarray], np.ndarray]
"""A figure of sums over faces: (..., k) → (...)."""


def group_numbers(*keys: Sequence[str] | np.ndarray) -> np.ndarray:
    """Number the groups of faces that share any key, directly or through other faces.

    Parameters
    ----------
    keys : (n,) strings each, such as subjects and pixel digests; an empty string is no key.

    Returns
    -------
    (n,) int64, from 0.
    """
    faces = np.arange(len(keys[0]))
    rows, columns, nodes = [faces], [faces], len(faces)
    for key in keys:
        names, numbers = np.unique(np.asarray(key, dtype=np.str_), return_inverse=True)
        named = np.asarray(key, dtype=np.str_) != ""
        rows.append(faces[named])
        columns.append(nodes + numbers[named])
        nodes += len(names)
    edges = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(edges[0])), edges), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    groups: np.ndarray = np.unique(component[faces], return_inverse=True)[1]
    return groups.astype(np.int64)


def resampled_sums(
    parts: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> np.ndarray:
    """Sums over faces, of bootstrap draws of groups of faces.

    Parameters
    ----------
    parts : (n, k) float: what each face adds to k sums.
    groups : (n,) int from 0, see :func:`group_numbers`; None: each face alone.

    Returns
    -------
    (resamples, k) float64.
    """
    if groups is not None and len(parts):
        grouped = np.zeros((int(groups.max()) + 1, parts.shape[1]))
        np.add.at(grouped, groups, parts)
        parts = grouped
    generator = np.random.default_rng(seed)
    count = len(parts)
    sums = np.zeros((resamples, parts.shape[1]))
    for start in range(0, resamples if count else 0, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        drawn = generator.integers(count, size=(rows, count))
        drawn += np.arange(rows)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        sums[start : start + rows] = times @ parts
    return sums


def interval(value: float, draws: np.ndarray) -> Interval:
    """The percentile interval of bootstrap `draws` (b,); undefined draws are left out."""
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(draws) == 0:
        return Interval(float(value), float("nan"), float("nan"))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(draws, [tail, 100 - tail])
    return Interval(float(value), float(low), float(high))


class Tally:
    """What each face adds to the sums that all figures are functions of.

    Parameters
    ----------
    posteriors : (n, 7) float; rows of NaN where no face was found.
    labels : (n,) int, -1 for none.
    votes : (n, 7) float shares of votes, rows of NaN for none; by default there are none.
    """

    _CELLS = metrics.CLASSES * (metrics.CLASSES + 1)

    def __init__(
        self, posteriors: np.ndarray, labels: np.ndarray, votes: np.ndarray | None = None
    ) -> None:
        posteriors, labels = np.asarray(posteriors, float), np.asarray(labels)
        found = np.isfinite(posteriors).all(axis=1)
        filled = np.where(found[:, None], posteriors, 0)
        predicted = np.where(found, metrics.predictions(filled), metrics.NO_FACE)
        known = labels >= 0
        confidence = filled.max(axis=1)
        counted = (known & found).astype(float)
        bins = np.eye(metrics.BINS)[metrics.confidence_bins(confidence)] * counted[:, None]
        cells = np.eye(self._CELLS)[np.maximum(labels, 0) * (metrics.CLASSES + 1) + predicted]
        against_labels = metrics.losses(filled, metrics.one_hot(labels))
        against_votes = (
            np.full(len(labels), np.nan) if votes is None else metrics.losses(filled, votes)
        )
        self.parts = np.column_stack(
            [
                cells * known[:, None],
                bins,
                bins * confidence[:, None],
                bins * (predicted == labels)[:, None],
                *self._loss(against_labels, found),
                *self._loss(against_votes, found),
            ]
        )

    def of(self, faces: np.ndarray) -> Tally:
        """The tally of some of the faces: (n,) bool."""
        part = copy.copy(self)
        part.parts = self.parts[faces]
        return part

    @staticmethod
    def _loss(values: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counted = found & ~np.isnan(values)
        return np.where(counted, values, 0), counted

    @classmethod
    def confusion(cls, sums: np.ndarray) -> np.ndarray:
        """(..., k) → (..., 7, 8)."""
        shape = (*sums.shape[:-1], metrics.CLASSES, metrics.CLASSES + 1)
        return sums[..., : cls._CELLS].reshape(shape)

    @classmethod
    def found(cls, sums: np.ndarray) -> np.ndarray:
        """The confusion matrix without the pictures in which no face was found."""
        confusion = cls.confusion(sums).copy()
        confusion[..., metrics.NO_FACE] = 0
        return confusion

    @classmethod
    def reliability(cls, sums: np.ndarray) -> metrics.Reliability:
        """(..., k) → bins (..., 15)."""
        parts = sums[..., cls._CELLS : cls._CELLS + 3 * metrics.BINS]
        return metrics.Reliability(*np.split(parts, 3, axis=-1))

    @staticmethod
    def log_loss(sums: np.ndarray) -> np.ndarray:
        """Against the labels, in nats: (..., k) → (...)."""
        return _mean(sums[..., -4], sums[..., -3])

    @staticmethod
    def log_loss_votes(sums: np.ndarray) -> np.ndarray:
        """Against the votes, in nats: (..., k) → (...)."""
        return _mean(sums[..., -2], sums[..., -1])


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


FIGURES: Mapping[str, Figure] = {
    "accuracy": lambda sums: metrics.accuracy(Tally.found(sums)),
    "macro_f1": lambda sums: metrics.macro_f1(Tally.found(sums)),
    "mean_recall": lambda sums: metrics.mean_recall(Tally.found(sums)),
    "log_loss": Tally.log_loss,
    "log_loss_votes": Tally.log_loss_votes,
    "ece": lambda sums: Tally.reliability(sums).ece,
}
"""The figures of the faces found."""

ALL_FIGURES: Mapping[str, Figure] = {
    "accuracy": lambda sums: metrics.accuracy(Tally.confusion(sums)),
    "macro_f1": lambda sums: metrics.macro_f1(Tally.confusion(sums)),
    "mean_recall": lambda sums: metrics.mean_recall(Tally.confusion(sums)),
}
"""The figures of all labelled pictures: one in which no face was found counts as wrong."""


def measure(
    tally: Tally,
    groups: np.ndarray | None = None,
    *,
    figures: Mapping[str, Figure] = FIGURES,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every figure of a system with its interval."""
    total = tally.parts.sum(axis=0)
    draws = resampled_sums(tally.parts, groups, resamples=resamples, seed=seed)
    return {name: interval(float(figure(total)), figure(draws)) for name, figure in figures.items()}


def compare(
    system: Tally,
    other: Tally,
    groups: np.ndarray | None = None,
    *,
    figures: Mapping[str, Figure] = FIGURES,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Difference `system` - `other` of every figure on the same faces, by a paired bootstrap.

    Both are measured on the same draws, so what they share cancels.
    """
    both = np.column_stack([system.parts, other.parts])
    width = system.parts.shape[1]
    draws = resampled_sums(both, groups, resamples=resamples, seed=seed)
    total = both.sum(axis=0)
    return {
        name: interval(
            float(figure(total[:width]) - figure(total[width:])),
            figure(draws[:, :width]) - figure(draws[:, width:]),
        )
        for name, figure in figures.items()
    }
