"""Run a bundle over a labelled set of faces and measure it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotiw_cli.artefact import Artefact
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.index import OK, FaceRow
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError, LeakError
from emotiw_cli.evaluation.exposure import Exposure, find_exposure, refusal
from emotiw_cli.evaluation.figures import all_figures, label_number
from emotiw_cli.faces.align import fit_face

if TYPE_CHECKING:
    from emotiw_cli.clips.index import ClipRow

_BATCH = 256


@dataclass(frozen=True)
class Evaluation:
    """A bundle measured on a set.

    Attributes
    ----------
    rows : the index rows measured on, faces or not.
    labels : (n,) int64, -1 for none.
    members : (m, n, 7) float64 posteriors of each member; NaN where there is no face, and where
        the member gave none.
    posteriors : (n, 7) float64 of the ensemble; NaN where there is no face.
    exposure : what the bundle knows of the rows.
    figures : what metrics.json holds.
    """

    rows: list[FaceRow]
    labels: np.ndarray
    members: np.ndarray
    posteriors: np.ndarray
    exposure: Exposure
    figures: dict[str, Any]


def evaluate(
    bundle: Bundle,
    faces: Faces,
    *,
    split: str | None = None,
    allow_seen: bool = False,
    seed: int = 0,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Measure `bundle` on the rows of `faces`.

    Labelled pictures without a face count as wrong in the figures of ``all`` and not in those
    of ``found``.

    Parameters
    ----------
    split : measure on this split alone.
    allow_seen : measure even if members were trained on these pictures or subjects.
    seed : of the bootstrap.
    advance : is told how many faces of how many are done.

    Raises
    ------
    InputError
        If no row of the split has an emotion as label.
    LeakError
        If members were trained on these pictures or subjects.
    ArtefactError
        If the faces are of a shape the bundle's members are not made for.
    """
    rows = [row for row in faces.rows if split is None or row.split == split]
    labels = np.array([label_number(row) for row in rows], dtype=np.int64)
    if not (labels >= 0).any():
        raise InputError(nothing_labelled(faces.artefact, faces.rows, split))
    _check_shape(bundle, faces)
    exposure = find_exposure(rows, Seen.read(bundle.folder / SEEN), faces.set_name)
    if exposure.trained and not allow_seen:
        who = f"members of {bundle.spec.name} were"
        splits = {row.split for row in faces.rows} if split is None else set()
        raise LeakError(refusal(who, "pictures", faces.artefact.name, rows, exposure, splits))

    members = _run(bundle, faces, rows, advance)
    # Not where posteriors are finite: `predict` too lets a member that fails count as uniform.
    found = np.array([row.status == OK for row in rows])
    posteriors = np.full((len(rows), len(EMOTIONS)), np.nan)
    posteriors[found] = bundle.spec.fuse(members[:, found])
    alone = np.full(members.shape, np.nan)
    alone[:, found] = bundle.spec.alone(members[:, found])
    names = [member.name for member in bundle.spec.members]
    figures = {
        "bundle": {"name": bundle.spec.name, "version": bundle.spec.version},
        "data": {"name": faces.artefact.name, "split": split, "digest": faces.artefact.digest},
        **all_figures(names, rows, labels, alone, posteriors, exposure, seed),
    }
    return Evaluation(rows, labels, members, posteriors, exposure, figures)


def nothing_labelled(data: Artefact, rows: Iterable[FaceRow | ClipRow], split: str | None) -> str:
    """What is wrong with `data` if none of its rows of the split has an emotion as label."""
    splits = Counter(row.split for row in rows if row.label in EMOTIONS)
    if not splits:
        return (
            f"{data.folder} has nothing labelled with one of the seven emotions; use "
            "`emotiw predict` for what has no labels."
        )
    there = ", ".join(f"{name or 'none'} ({count})" for name, count in sorted(splits.items()))
    return f"{data.folder} has no labelled row of split {split!r}; there are: {there}."


def _check_shape(bundle: Bundle, faces: Faces) -> None:
    """Refuse faces of another aspect than those the members were made for."""
    (width, height), (w, h) = bundle.spec.face_size, faces.size
    if width * h != height * w:
        raise ArtefactError(
            f"{faces.artefact.folder} holds faces of {w}×{h} pixels, bundle {bundle.spec.name} is "
            f"made for {width}×{height}; align the set again with `--size {width}x{height}`."
        )


def _run(
    bundle: Bundle, faces: Faces, rows: Sequence[FaceRow], advance: Callable[[int, int], None]
) -> np.ndarray:
    """Members' posteriors of `rows`, (m, n, 7), NaN where there is no face."""
    spec = bundle.spec
    asis = faces.size == spec.face_size and (
        spec.detail is None or faces.artefact.manifest["parameters"].get("detail") == spec.detail
    )
    members = np.full((len(spec.members), len(rows), len(EMOTIONS)), np.nan)
    places = [place for place, row in enumerate(rows) if row.status == OK]
    for start in range(0, len(places), _BATCH):
        batch = places[start : start + _BATCH]
        pictures = [faces.face(rows[place].row) for place in batch]
        if not asis:
            pictures = [fit_face(face, spec.face_size, detail=spec.detail) for face in pictures]
        members[:, batch] = bundle.member_posteriors(pictures)
        advance(start + len(batch), len(places))
    return members
