"""``index.csv``: one row per input picture, whatever became of it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import landing_file
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError

OK = "ok"


@dataclass(frozen=True, slots=True)
class FaceRow:
    """What is known of one input picture and of the face taken from it.

    Attributes
    ----------
    row : position in the sorted source list, from 0.
    path : name within the source, with forward slashes.
    status : ``ok``, or why there is no face: ``no_face``, ``missing``, ``unreadable``,
        ``too_large``, ``unsupported``, ``bad_row``, ``excluded``.
    split : ``train``, ``validation``, ``test`` or empty.
    label : an emotion, an identity, a class of groups, or empty.
    source_label : the label the set had before it was annotated anew (FER2013's under FER+).
    votes : annotators' votes for the seven emotions in class order, or empty.
    other_votes : votes for anything else (contempt, unknown, not a face).
    group : subject, identity, film or clip, as the set calls it; see :func:`leak_key`. None may
        be in two splits.
    width, height : size of the source picture in pixels.
    faces : number of faces found in it; `align` stores the largest clear one, `groups faces` all.
    x, y, w, h : box of the one stored face, in pixels of the source picture.
    detector : ``hog``, ``hog_x2``, or ``whole`` where the picture itself is the face; several words
        where several detectors found faces.
    landmarks : 68 points ``x,y x,y …`` in pixels of the source picture, or empty; kept as text,
        for an index may have half a million rows. See :meth:`points`.
    pixels : first 16 hexadecimal digits of the SHA-256 of the decoded source picture.
    shard, offset : where the face, or the first, lies; -1 where there is none.
    note : a sentence on what went wrong, or empty.
    """

    row: int
    path: str
    status: str = OK
    split: str = ""
    label: str = ""
    source_label: str = ""
    votes: tuple[float, ...] = ()
    other_votes: float = 0.0
    group: str = ""
    width: int = 0
    height: int = 0
    faces: int = 0
    x: int = 0
    y: int = 0
    w: int = 0
    h: int = 0
    detector: str = ""
    landmarks: str = ""
    pixels: str = ""
    shard: int = -1
    offset: int = -1
    note: str = ""

    def target(self) -> np.ndarray | None:
        """Distribution over the seven emotions, (7,) float64: the votes' shares, else the label.

        None where neither says anything.
        """
        if sum(self.votes) > 0:
            return np.asarray(self.votes, dtype=np.float64) / sum(self.votes)
        if self.label in EMOTIONS:
            return np.eye(len(EMOTIONS))[EMOTIONS.index(self.label)]
        return None

    def points(self) -> np.ndarray:
        """The landmarks, (68, 2) float64, or (0, 2) where there are none."""
        return np.array(self.landmarks.replace(",", " ").split(), dtype=np.float64).reshape(-1, 2)


def leak_key(set_name: str, group: str) -> str:
    """What `group` of the set `set_name` is called beside those of other sets.

    Two sets' subject 5 are not the same person. Empty without a group.
    """
    return f"{set_name}:{group}" if set_name and group else group


def landmarks_text(points: np.ndarray) -> str:
    """(n, 2) points as they stand in the index, to a tenth of a pixel."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


COLUMNS = tuple(field.name for field in fields(FaceRow))
_WORDS = ("status", "split", "label", "source_label", "group", "detector")
_NUMBERS = ("row", "width", "height", "faces", "x", "y", "w", "h")


def _place(text: str) -> int:
    return int(text) if text else -1


def _votes(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_WORDS, sys.intern),  # the same few words in each of many rows
    **dict.fromkeys(_NUMBERS, int),
    "votes": _votes,
    "other_votes": lambda text: float(text or 0),
    "shard": _place,
    "offset": _place,
}
_READERS = tuple(_READ.get(name, str) for name in COLUMNS)


def write_index(path: Path, rows: Iterable[FaceRow]) -> None:
    """Write `rows` as csv with :data:`COLUMNS` as header, whole or not at all."""
    with landing_file(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_to_text(name, getattr(row, name)) for name in COLUMNS])


def read_index(path: Path) -> list[FaceRow]:
    """Read an index written by :func:`write_index`.

    Raises
    ------
    ArtefactError
        If the file is missing or not such an index.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != COLUMNS:
                raise ValueError("its header is not an index's")
            return [
                FaceRow(*[read(text) for read, text in zip(_READERS, line, strict=True)])
                for line in reader
            ]
    except FileNotFoundError as error:
        raise ArtefactError(f"{path} is missing; run `emotiw align` again.") from error
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path} is damaged ({error}); run `emotiw align` again.") from error


def _to_text(name: str, value: Any) -> str:
    if name == "votes":
        return " ".join(f"{vote:g}" for vote in value)
    if name == "other_votes":
        return f"{value:g}" if value else ""
    if name in ("shard", "offset"):
        return "" if value == -1 else str(value)
    return str(value)
