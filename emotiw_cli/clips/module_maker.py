"""What modules made of tubes share: fits that leave clips out, and how a module lands on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli import __version__
from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    exclusive,
    folder_of,
    landing_file,
    open_artefact,
    reference,
    write_manifest,
)
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips.modules import KIND, OUTPUTS, Outputs, folds_of
from emotiw_cli.clips.svm import FOLDS, Kernel, fit_svm
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError

Fit = Callable[
    [np.ndarray, np.ndarray],
    tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, np.ndarray]],
]
"""Features and labels of clips → what gives posteriors for features, and its arrays."""

MODEL = "model.npz"
_KEPT = "kept-*.npz"


def check_training(outputs: Outputs, there: np.ndarray) -> np.ndarray:
    """The clips that can be trained on, (n,) bool, of those that are `there`.

    Raises
    ------
    InputError
        If they are too few.
    """
    known = outputs.known & there
    groups = outputs.groups[known]
    if len(np.unique(outputs.labels[known])) < 2 or len(np.unique(groups)) < FOLDS:
        raise InputError(
            f"there is too little to train on: {int(known.sum())} labelled clips of the split "
            f"train can be read; at least {FOLDS}, of two emotions, are needed."
        )
    return known


def crossed(
    features: np.ndarray, outputs: Outputs, there: np.ndarray, fit: Fit, seed: int
) -> tuple[Mapping[str, np.ndarray], np.ndarray]:
    """Arrays of a fit to all training clips, and posteriors of all: those of training clips by
    fits without their group.
    """
    known = check_training(outputs, there)
    labels = outputs.labels
    spoken = np.full((len(labels), len(EMOTIONS)), np.nan)
    apply, arrays = fit(features[known], labels[known])
    rest = there & ~known
    if rest.any():
        spoken[rest] = apply(features[rest])
    places, folds = np.flatnonzero(known), folds_of(outputs.groups[known], FOLDS, seed)
    for fold in range(FOLDS):
        own, others = places[folds == fold], places[folds != fold]
        if len(own):
            spoken[own] = fit(features[others], labels[others])[0](features[own])
    return arrays, spoken


def machine(c: float, gamma: float | None, seed: int, kernel: Kernel = "rbf") -> Fit:
    """A fit of a support vector machine, see :func:`emotiw_cli.clips.svm.fit_svm`."""

    def fit(
        features: np.ndarray, labels: np.ndarray
    ) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, np.ndarray]]:
        made = fit_svm(features, labels, c=c, gamma=gamma, kernel=kernel, seed=seed)
        return lambda other: made.posteriors(other, len(EMOTIONS)), made.arrays()

    return fit


class Keeper:
    """Keeps the parts of a long fit, so that a run that was killed goes on from there.

    Parameters
    ----------
    folder : of the module. made_of : all that decides the parts; others are made again.
    """

    def __init__(self, folder: Path, made_of: Mapping[str, Any]) -> None:
        self._folder = folder
        text = json.dumps({**made_of, "emotiw": __version__}, sort_keys=True)
        self._key = np.asarray(hashlib.sha256(text.encode()).hexdigest())

    def part(
        self, name: str, make: Callable[[], Mapping[str, np.ndarray]]
    ) -> Mapping[str, np.ndarray]:
        """The arrays `make` gives, or gave before."""
        path = self._folder / _KEPT.replace("*", name)
        if path.is_file():
            with contextlib.suppress(ArtefactError):
                arrays = read_arrays(path)
                if arrays.pop("key", None) == self._key:
                    return arrays
        arrays = dict(make())
        with landing_file(path) as file:
            np.savez(file, allow_pickle=False, key=self._key, **arrays)
        return arrays


def drop_kept(folder: Path) -> None:
    """Remove what :class:`Keeper` kept, and what was half written when a run was killed."""
    for pattern in (_KEPT, f".{_KEPT}.*.part"):
        for path in folder.glob(pattern):
            path.unlink()


def write_model(folder: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Write a module's arrays, whole or not at all; return the file's name."""
    with landing_file(folder / MODEL) as file:
        np.savez(file, allow_pickle=False, **arrays)
    return MODEL


def make_module(
    work: Path,
    name: str,
    parameters: Mapping[str, Any],
    sources: Sequence[Artefact],
    make: Callable[[Path], tuple[Outputs, list[str]]],
    seed: int,
    overwrite: bool,
    *,
    seen: Callable[[], Seen],
    beside: Sequence[Mapping[str, str]] = (),
) -> Artefact:
    """Make a module unless it is there already, and write it with its figures.

    Parameters
    ----------
    sources : artefacts it is made from.
    seen : gives the clips of the training split and who is in them, see
        :func:`emotiw_cli.clips.known.trained_on`.
    beside : references to what else it is made from: a bundle's file, the tubes behind modules.
    make : gives the module's posteriors, and the names of files it wrote into the folder.

    Raises
    ------
    ArtefactError
        If `name` is another module already.
    InputError
        If `name` is one of `sources`.
    """
    folder = folder_of(work, KIND, name)
    if any(source.folder == folder for source in sources):
        raise InputError(f"{folder} cannot be made from itself; choose another --name.")
    inputs = [reference(source) for source in sources] + [dict(one) for one in beside]
    with exclusive(folder):
        if (folder / MANIFEST).is_file() and not overwrite:
            made = open_artefact(work, KIND, name)
            same = made.manifest["parameters"] == dict(parameters) and made.manifest["seed"] == seed
            if same and made.manifest["inputs"] == inputs:
                return made
            raise ArtefactError(
                f"{folder} was made otherwise or from other clips; choose another --name, or start "
                "again with --overwrite."
            )
        (folder / MANIFEST).unlink(missing_ok=True)
        if overwrite:
            drop_kept(folder)
        outputs, files = make(folder)
        outputs.write(folder / OUTPUTS)
        seen().write(folder / SEEN)
        made = write_manifest(
            folder,
            KIND,
            parameters=parameters,
            inputs=inputs,
            outputs=[OUTPUTS, SEEN, *files],
            counts={
                "clips": len(outputs.labels),
                "training": int(outputs.known.sum()),
                "without_answer": int((~np.isfinite(outputs.posteriors).all(axis=1)).sum()),
            },
            metrics=outputs.figures(),
            seed=seed,
            licences=[note for source in sources for note in source.manifest["licences"]],
        )
        drop_kept(folder)
        return made
