"""Every figure of an evaluation, with intervals, as JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from emotiw_cli.data.index import FaceRow
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.evaluation import metrics
from emotiw_cli.evaluation.exposure import Exposure
from emotiw_cli.evaluation.intervals import (
    ALL_FIGURES,
    FIGURES,
    Figure,
    Tally,
    compare,
    group_numbers,
    measure,
)

_CLASS_FIGURES = {"recall": metrics.recall, "precision": metrics.precision, "f1": metrics.f1}


def label_number(row: FaceRow) -> int:
    """Number of the row's emotion, -1 if its label is none."""
    return EMOTIONS.index(row.label) if row.label in EMOTIONS else -1


def all_figures(
    names: Sequence[str],
    rows: Sequence[FaceRow],
    labels: np.ndarray,
    members: np.ndarray,
    posteriors: np.ndarray,
    exposure: Exposure,
    seed: int = 0,
    *,
    missing: str = "no_face",
) -> dict[str, Any]:
    """The figures of metrics.json.

    Parameters
    ----------
    names : of the m members.
    rows : n index rows.
    labels : (n,) int64, -1 for none; at least one is not.
    members : (m, n, 7) float64 posteriors of each alone, see :meth:`BundleSpec.alone`; NaN where
        there is no face.
    posteriors : (n, 7) float64 of the ensemble.
    exposure : what the bundle knows of the rows.
    seed : of the bootstrap.
    missing : what the confusion's last column is called.
    """
    groups = group_numbers([row.group for row in rows], [row.pixels for row in rows])
    votes = np.array([_votes(row) for row in rows])
    ensemble = Tally(posteriors, labels, votes)
    total = ensemble.parts.sum(axis=0)
    alone = [Tally(posterior, labels, votes) for posterior in members]
    best = max(range(len(alone)), key=lambda m: _accuracy(alone[m]))
    confusion = Tally.confusion(total)
    labelled = int(confusion.sum())
    missed = int(confusion[:, metrics.NO_FACE].sum())

    def measured(tally: Tally, figures: dict[str, Figure]) -> dict[str, Any]:
        done = measure(tally, groups, figures=figures, seed=seed)
        return {name: figure.to_json() for name, figure in done.items()}

    found = measured(ensemble, {**FIGURES, **_class_figures()})
    return {
        "counts": {
            "rows": len(rows),
            "labelled": labelled,
            "labelled_found": labelled - missed,
            "groups": int(groups.max()) + 1,
            "status": dict(sorted(Counter(row.status for row in rows).items())),
            "trained_on": len(exposure.trained),
            "chosen_on": len(exposure.chosen),
        },
        "coverage": (labelled - missed) / labelled,
        "found": {name: found[name] for name in FIGURES},
        "all": measured(ensemble, dict(ALL_FIGURES)),
        "per_class": {
            emotion: {
                "labelled": int(confusion[c].sum()),
                "missed": int(confusion[c, metrics.NO_FACE]),
                **{name: found[f"{name} {emotion}"] for name in _CLASS_FIGURES},
            }
            for c, emotion in enumerate(EMOTIONS)
        },
        "confusion": {
            "rows": list(EMOTIONS),
            "columns": [*EMOTIONS, missing],
            "counts": confusion.astype(int).tolist(),
        },
        "reliability": _reliability(total),
        "members": {
            name: measured(tally, dict(FIGURES)) for name, tally in zip(names, alone, strict=True)
        },
        "best_member": names[best],
        "gain": {
            name: difference.to_json()
            for name, difference in compare(ensemble, alone[best], groups, seed=seed).items()
        },
    }


def _accuracy(tally: Tally) -> float:
    return float(metrics.accuracy(Tally.found(tally.parts.sum(axis=0))))


def _class_figures() -> dict[str, Figure]:
    def of_class(figure: Figure, c: int) -> Figure:
        return lambda sums: figure(Tally.found(sums))[..., c]

    return {
        f"{name} {emotion}": of_class(figure, c)
        for name, figure in _CLASS_FIGURES.items()
        for c, emotion in enumerate(EMOTIONS)
    }


def _votes(row: FaceRow) -> np.ndarray:
    """Shares of a labelled picture's votes, NaN where there are none."""
    shares = row.target() if row.votes and label_number(row) >= 0 else None
    return np.full(len(EMOTIONS), np.nan) if shares is None else shares


def _reliability(total: np.ndarray) -> list[dict[str, Any]]:
    bins = Tally.reliability(total)
    return [
        {
            "low": place / metrics.BINS,
            "high": (place + 1) / metrics.BINS,
            "count": int(count),
            "confidence": float(bins.confidence[place] / count) if count else None,
            "accuracy": float(bins.right[place] / count) if count else None,
        }
        for place, count in enumerate(bins.count)
    ]
