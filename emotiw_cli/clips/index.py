"""``index.csv`` of tubes: one row per clip, whatever became of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from emotiw_cli.artefact import landing_file
from emotiw_cli.errors import ArtefactError

INDEX = "index.csv"


@dataclass(frozen=True)
class ClipRow:
    """What is known of a clip and of what was taken from it.

    Attributes
    ----------
    row : position in the sorted source list, from 0.
    path : name within the source, with forward slashes; with the split, what a clip is known by.
    status : ``ok``; ``no_face``, ``missing``, ``unreadable``, ``no_video``, ``too_large``.
    split : ``train``, ``validation``, ``test`` or empty.
    label : an emotion, or empty. group : who or which film is in it, or empty.
    seconds, frames : its length.
    tubes : faces through it. origin : ``detected``, or ``given`` if the set brings its faces.
    shard : where it is stored, -1: nowhere. start, crops : its faces there.
    sound_start, samples : its sound there.
    note : a sentence on what went wrong, or empty.
    """

    path: str
    row: int = 0
    status: str = "ok"
    split: str = ""
    label: str = ""
    group: str = ""
    seconds: float = 0.0
    frames: int = 0
    tubes: int = 0
    origin: str = ""
    shard: int = -1
    start: int = 0
    crops: int = 0
    sound_start: int = 0
    samples: int = 0
    note: str = ""


COLUMNS = tuple(field.name for field in fields(ClipRow))
_READERS = {"int": int, "float": float, "str": str}


def write_index(path: Path, rows: Iterable[ClipRow]) -> None:
    """Write rows as csv with :data:`COLUMNS` as header, whole or not at all."""
    with landing_file(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)


def read_index(path: Path) -> list[ClipRow]:
    """Read what :func:`write_index` wrote; :class:`ArtefactError` if it is something else."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError("its header is not an index's")
            return [
                ClipRow(
                    **{one.name: _READERS[str(one.type)](line[one.name]) for one in fields(ClipRow)}
                )
                for line in reader
            ]
    except (OSError, ValueError, TypeError) as error:
        raise ArtefactError(
            f"{path} is missing or damaged ({error}); run `emotiw clips tubes` again."
        ) from error
