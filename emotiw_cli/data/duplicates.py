"""Faces that are in two splits, exactly or nearly: what makes a measurement too good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from emotiw_cli.data.faces import Faces
from emotiw_cli.data.index import FaceRow

SIDE = 16
NEAR = 0.93
"""Correlation of thumbnails from which two faces are near duplicates."""

MIRRORED = 0.95
"""The same for a face and another's mirror image, where chance likeness is greater."""

_MEASURED_BY = {"": 0, "train": 0, "validation": 1, "test": 2}
_BLOCK = 2048  # faces: 16 MB of correlations


@dataclass(frozen=True)
class Duplicate:
    """A face to leave out, and the face of another split that it repeats.

    Attributes
    ----------
    faces, path, split : the faces artefact, name and split of the one to leave out: the training
        face before the validation face, either before the test face.
    kind : ``exact``, the same pixels; ``near``; or ``mirrored``.
    correlation : of the thumbnails.
    other_faces, other_path, other_split : the most alike face of a later split.
    """

    faces: str
    path: str
    split: str
    kind: str
    correlation: float
    other_faces: str
    other_path: str
    other_split: str


def find_duplicates(
    sets: Sequence[Faces],
    *,
    near: float = NEAR,
    mirrored: float = MIRRORED,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Duplicate]:
    """Find faces of `sets` that one of a later split repeats; train and no split come first.

    Faces are compared as grey thumbnails of 16×16 pixels by their correlation, all pairs.

    Parameters
    ----------
    near, mirrored : least correlation of near duplicates; above 1 finds none.
    on_progress : told the faces read and all faces.

    Returns
    -------
    One entry per face to leave out, in the order of sets and rows.
    """
    places = [(faces, row) for faces in sets for row in faces.select()]
    rows = [faces.rows[row] for faces, row in places]
    thumbnails = np.empty((len(places), SIDE, SIDE), np.float32)
    for number, (faces, row) in enumerate(places):
        thumbnails[number] = thumbnail(faces.face(row))
        on_progress(number + 1, len(places))
    measures = np.array([_MEASURED_BY[row.split] for row in rows], np.int64)
    found: dict[int, Duplicate] = {}
    for measure in (0, 1):
        mine, later = np.flatnonzero(measures == measure), np.flatnonzero(measures > measure)
        if not len(mine) or not len(later):
            continue
        exact = _exact(rows, mine, later)
        best, values, flipped = most_alike(thumbnails[mine], thumbnails[later], near, mirrored)
        for number, place in enumerate(mine):
            kind, value = ("mirrored" if flipped[number] else "near"), float(values[number])
            other = int(later[best[number]])
            if int(place) in exact:
                kind, value, other = "exact", 1.0, exact[int(place)]
            elif best[number] < 0:
                continue
            found[int(place)] = Duplicate(
                *_name(places[place]), kind, round(value, 4), *_name(places[other])
            )
    return [found[place] for place in sorted(found)]


def thumbnail(face: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 → (16, 16) float32, grey, each the mean of its area."""
    grey: np.ndarray = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA).mean(axis=2)
    return grey.astype(np.float32)


def most_alike(
    ours: np.ndarray, theirs: np.ndarray, near: float, mirrored: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The one of `theirs` that each of `ours` correlates with most, where it is a near duplicate.

    Parameters
    ----------
    ours, theirs : (n, s, s) and (m, s, s) float; a picture of one shade is like nothing.

    Returns
    -------
    (n,) int64 number among `theirs`, -1 for none; (n,) float32 correlation; (n,) bool, with the
    mirror image.
    """
    best = np.full(len(ours), -1, np.int64)
    values = np.full(len(ours), -1, np.float32)
    flipped = np.zeros(len(ours), bool)
    for start in range(0, len(theirs), _BLOCK):
        columns = _standard(theirs[start : start + _BLOCK]).T
        for first in range(0, len(ours), _BLOCK):
            block = slice(first, first + _BLOCK)
            for mirror, least in ((False, near), (True, mirrored)):
                pictures = ours[block, :, ::-1] if mirror else ours[block]
                alike = _standard(pictures) @ columns
                place = alike.argmax(axis=1)
                value = alike[np.arange(len(place)), place]
                better = (value >= least) & (value > values[block])
                best[block] = np.where(better, place + start, best[block])
                values[block] = np.where(better, value, values[block])
                flipped[block] = np.where(better, mirror, flipped[block])
    return best, values, flipped


def _standard(pictures: np.ndarray) -> np.ndarray:
    """(n, s, s) → (n, s²) of mean 0 and norm 1, so that products are correlations; 0 if flat."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 1e-3)


def _exact(rows: Sequence[FaceRow], mine: np.ndarray, later: np.ndarray) -> dict[int, int]:
    """Place of each of `mine` whose picture is one of `later`, pixel by pixel → its place there."""
    there: dict[str, int] = {}
    for place in later:
        there.setdefault(rows[place].pixels, int(place))
    there.pop("", None)
    return {int(place): there[rows[place].pixels] for place in mine if rows[place].pixels in there}


def _name(place: tuple[Faces, int]) -> tuple[str, str, str]:
    faces, row = place
    return faces.artefact.name, faces.rows[row].path, faces.rows[row].split
