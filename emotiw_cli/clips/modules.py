"""What a module says of every clip of a set, on disk: what is fused, and what it is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import Artefact, landing_file, open_artefact
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.fusion import fill_missing
from emotiw_cli.clips.index import ClipRow
from emotiw_cli.clips.voice.make import measured
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError
from emotiw_cli.evaluation.metrics import CLASSES, confusion_matrix, predictions

KIND = "modules"
OUTPUTS = "posteriors.npz"
TRAIN = "train"


@dataclass(frozen=True)
class Outputs:
    """A module's posteriors of the clips of a set, in the order of its index.

    Attributes
    ----------
    posteriors : (n, 7) float64; a row that is not finite is a clip it says nothing of. Those of
        clips it was trained on come from a fit without them.
    labels : (n,) int64, −1 where there is none. splits, groups : (n,) strings.
    """

    posteriors: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[ClipRow], posteriors: np.ndarray) -> Outputs:
        """Those of the clips `rows`."""
        labels = [EMOTIONS.index(row.label) if row.label else -1 for row in rows]
        return cls(
            posteriors,
            np.array(labels, np.int64),
            np.array([row.split for row in rows], np.str_),
            np.array([row.group or row.path for row in rows], np.str_),
        )

    def write(self, path: Path) -> None:
        """Write an npz, whole or not at all."""
        with landing_file(path) as file:
            np.savez_compressed(file, allow_pickle=False, **vars(self))

    @classmethod
    def read(cls, path: Path) -> Outputs:
        """Read what :meth:`write` wrote; :class:`ArtefactError` if it is something else."""
        try:
            made = cls(**read_arrays(path))
            if made.posteriors.shape != (len(made.labels), len(EMOTIONS)):
                raise ValueError("its arrays do not fit together")
        except (TypeError, ValueError) as error:
            raise ArtefactError(
                f"{path} does not hold a module's posteriors ({error}); make the module again."
            ) from error
        return made

    @property
    def known(self) -> np.ndarray:
        """Which clips can be trained on: of the training split, with a label; (n,) bool."""
        return (self.splits == TRAIN) & (self.labels >= 0)

    def figures(self) -> dict[str, Any]:
        """Accuracy, mean recall and the confusion (truth × answer, in the order of the emotions) on
        the labelled clips of each other split; a clip that the module says nothing of counts with
        even odds.
        """
        found = {}
        for split in sorted(set(self.splits.tolist()) - {TRAIN}):
            own = (self.splits == split) & (self.labels >= 0)
            if own.any():
                posteriors = fill_missing(self.posteriors[own])
                figures = measured(posteriors, self.labels[own], self.groups[own])
                confusion = confusion_matrix(self.labels[own], predictions(posteriors))
                failed = int((~np.isfinite(self.posteriors[own]).all(axis=1)).sum())
                found[split or "unsplit"] = {
                    "clips": int(own.sum()),
                    "without_answer": failed,
                    **figures,
                    "confusion": confusion[:, :CLASSES].tolist(),
                }
        return found


def folds_of(groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """A fold for each clip, all of a group's in one: (n,) int."""
    names, places = np.unique(groups, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(names)) % folds)[places]


def open_module(work: Path, name: str) -> tuple[Artefact, Outputs]:
    """A finished module and its posteriors."""
    artefact = open_artefact(work, KIND, name)
    return artefact, Outputs.read(artefact.folder / OUTPUTS)
