"""Measure a group bundle on labelled features: what `evaluate` does with one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import Artefact, bundle_reference, check_fresh
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.errors import ArtefactError, InputError, LeakError
from emotiw_cli.evaluation.exposure import find_exposure
from emotiw_cli.evaluation.write import land_evaluation
from emotiw_cli.groups.bundle import GroupBundle
from emotiw_cli.groups.faces import Groups
from emotiw_cli.groups.features import Features
from emotiw_cli.groups.figures import measure
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.groups.schema import SPEC
from emotiw_cli.groups.train import Photos, groups_of, vectors_of

COLUMNS = ("path", "status", "label", *CLASSES, "emotion")
"""Of ``predictions.csv``."""


@dataclass(frozen=True)
class GroupEvaluation:
    """A group bundle measured on a set.

    Attributes
    ----------
    names : (n,) the labelled photos that could be read. labels : (n,) int64.
    posteriors : (n, 3) float64. with_faces : (n,) bool.
    figures : ``with_faces`` and ``all``, see :func:`emotiw_cli.groups.figures.measure`; and
        ``counts``.
    """

    names: np.ndarray
    labels: np.ndarray
    posteriors: np.ndarray
    with_faces: np.ndarray
    figures: dict[str, Any]


def evaluate_group(
    bundle: GroupBundle,
    features: Features,
    work: Path,
    *,
    split: str | None = None,
    allow_seen: bool = False,
    seed: int = 0,
) -> GroupEvaluation:
    """Measure `bundle` on the labelled photos of `features`.

    Parameters
    ----------
    split : measure on this split alone.
    allow_seen : measure even on photos that were trained on.
    seed : of the bootstrap.

    Raises
    ------
    ArtefactError
        If the features are stale, or of another bundle of faces, or another net, than those the
        group bundle reads faces with.
    InputError
        If no photo of the split has a label.
    LeakError
        If photos were trained on.
    """
    check_fresh(features.artefact, work)
    groups = Groups(groups_of(features.artefact, work))
    digests = [entry["digest"] for entry in features.artefact.manifest["inputs"]]
    if bundle.spec.faces_digest not in digests:
        raise ArtefactError(
            f"{features.artefact.folder} was not made with {bundle.spec.faces}, which the group "
            f"bundle reads faces with; make it again with --bundle {bundle.spec.faces}."
        )
    net = bundle.spec.embedding
    if net is not None and net["digest"] not in digests:
        raise ArtefactError(
            f"{features.artefact.folder} was not made with the net {net['name']}, which embeds the "
            f"faces for the group bundle; make it again with --vggface {net['name']}."
        )
    photos = Photos.of(features)
    chosen = photos.labels >= 0
    if split is not None:
        chosen &= photos.splits == split
    if not chosen.any():
        where = f" of split {split!r}" if split else ""
        raise InputError(
            f"{features.artefact.folder} has no labelled photo{where}; photos without labels are "
            "for `emotiw predict --group`."
        )
    rows = [groups.rows[row] for row in np.flatnonzero(chosen)]
    exposure = find_exposure(rows, Seen.read(bundle.folder / SEEN))
    if exposure.trained and not allow_seen:
        raise LeakError(
            f"{bundle.spec.name} was trained on {len(exposure.trained)} of these {len(rows)} "
            f"photos of {features.artefact.name}, so figures would be too good; choose another "
            "--split, or add --allow-seen to measure all the same."
        )
    vectors = np.full((len(bundle.spec.members), len(rows), len(CLASSES)), np.nan)
    for place, member in enumerate(bundle.spec.members):
        if bundle.spec.fusion.parts[place] != "scene":
            vectors[place] = vectors_of(photos, member, bundle.forests[member], chosen)
        elif bundle.scene is not None:
            vectors[place] = [bundle.scene(groups.scene(row.row)) for row in rows]
    posteriors = bundle.spec.fusion.posteriors(vectors)
    labels, faces = photos.labels[chosen], photos.with_faces[chosen]
    figures = {
        "bundle": {"name": bundle.spec.name, "version": bundle.spec.version},
        "data": {"name": features.artefact.name, "split": split},
        "counts": {
            "photos": len(rows),
            "with_faces": int(faces.sum()),
            "trained_on": len(exposure.trained),
            "chosen_on": len(exposure.chosen),
        },
        "with_faces": measure(posteriors[faces], labels[faces], seed=seed),
        "all": measure(posteriors, labels, seed=seed),
    }
    return GroupEvaluation(photos.names[chosen], labels, posteriors, faces, figures)


def write_group_evaluation(
    folder: Path,
    evaluation: GroupEvaluation,
    bundle: GroupBundle,
    features: Features,
    parameters: Mapping[str, Any],
) -> Artefact:
    """Write ``predictions.csv``, a row per photo, and ``metrics.json`` into `folder`.

    `parameters` are the options it was made with; see :func:`land_evaluation`, which also names
    what is raised.
    """
    return land_evaluation(
        folder,
        evaluation.figures,
        (COLUMNS, *_prediction_rows(evaluation)),
        system=bundle_reference(bundle.folder / SPEC),
        data=features.artefact,
        metrics=evaluation.figures["all"],
        parameters=parameters,
    )


def _prediction_rows(evaluation: GroupEvaluation) -> Iterator[list[str]]:
    for name, label, posterior, face in zip(
        evaluation.names.tolist(),
        evaluation.labels.tolist(),
        evaluation.posteriors,
        evaluation.with_faces.tolist(),
        strict=True,
    ):
        shares = [f"{share:.6f}" for share in posterior]
        answer = CLASSES[int(posterior.argmax())]
        yield [name, "ok" if face else "no_face", CLASSES[label], *shares, answer]
