"""Sets that number their emotions, each in an order of its own: RAF-DB and AffectNet."""

from __future__ import annotations

import io
import re
from pathlib import Path, PurePosixPath

import numpy as np

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources.files import Files, read_text
from emotiw_cli.data.sources.folders import FileReader
from emotiw_cli.data.sources.lines import BadRowError
from emotiw_cli.data.sources.source import BAD_ROW, MISSING, Source, make_source
from emotiw_cli.data.sources.words import find_split
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import is_picture

RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
"""RAF-DB's basic emotions in the order of its numbers 1–7."""

AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
"""AffectNet's expressions in the order of its numbers 0–7."""

_MORE_OF_AFFECTNET = ("none", "uncertain", "non-face")  # 8–10, in the full set alone
_LISTS = ("list_patition_label.txt", "list_partition_label.txt")  # the first is RAF-DB's own
_EXPRESSION = re.compile(r"((?:.*/)?)annotations/([^/]+)_exp\.npy$")


def find_rafdb(files: Files) -> str | None:
    """Name of RAF-DB's label list among `files`, or None."""
    return next((name for name in files.sizes if PurePosixPath(name).name in _LISTS), None)


def open_rafdb(path: Path, files: Files, labels: str) -> Source:
    """Read RAF-DB's basic emotions: a row per line of the list `labels`, and per picture it lacks.

    Where both are there, the aligned faces are taken and the originals left. The set has a
    training and a test part.
    """
    pictures = {name for name in files.sizes if is_picture(name)}
    aligned = {name for name in pictures if PurePosixPath(name).stem.endswith("_aligned")}
    pictures = aligned or pictures
    by_stem = {PurePosixPath(name).stem.removesuffix("_aligned"): name for name in pictures}
    rows: dict[str, FaceRow] = {}
    for number, line in enumerate(read_text(files, labels).splitlines(), start=1):
        if line.strip():
            row = _rafdb_row(line, by_stem, rows, f"{labels}:{number:06d}")
            rows[row.path] = row
    if not rows:
        raise InputError(f"{labels} in {path} is empty; copy it again.")
    for name in sorted(pictures - set(rows)):
        rows[name] = FaceRow(0, name, note=f"not listed in {labels}")
    entries = [(row, files.sizes.get(name, "")) for name, row in rows.items()]
    ignored = len(files.sizes) - len(pictures) - 1
    return make_source(path, "rafdb", entries, FileReader(files), ignored)


def _rafdb_row(line: str, by_stem: dict[str, str], rows: dict[str, FaceRow], place: str) -> FaceRow:
    try:
        fields = line.split()
        if len(fields) != 2:
            raise BadRowError(f"{line.strip()!r} is not a file and a number")
        stem = PurePosixPath(fields[0]).stem
        split = find_split(stem.split("_")[0])
        if split is None:
            raise BadRowError(f"{fields[0]!r} begins neither with train nor with test")
        label = _numbered(fields[1], RAFDB, 1)
        if by_stem.get(stem) in rows:
            raise BadRowError(f"{fields[0]} is listed twice")
    except BadRowError as error:
        return FaceRow(0, place, status=BAD_ROW, note=str(error))
    if stem not in by_stem:
        note = f"{fields[0]} is listed but is not there"
        return FaceRow(0, fields[0], status=MISSING, split=split, label=label, note=note)
    return FaceRow(0, by_stem[stem], split=split, label=label)


def is_affectnet(files: Files) -> bool:
    """Whether `files` hold AffectNet's annotations beside its pictures."""
    return any(_EXPRESSION.match(name) for name in files.sizes)


def open_affectnet(path: Path, files: Files) -> Source:
    """Read AffectNet: a row per picture in ``images``, and per expression without one.

    Contempt, and in the full set none, uncertain and non-face, give a blank label.
    """
    found = {
        (match[1], match[2]): name
        for name in files.sizes
        if (match := _EXPRESSION.match(name)) is not None
    }
    pictures = {}
    for name in files.sizes:
        picture = PurePosixPath(name)
        if is_picture(name) and picture.parent.name == "images":
            folder = name[: -len(f"images/{picture.name}")]
            pictures[folder, picture.stem] = name
    rows = [
        _affectnet_row(pictures.get(key), found.get(key), key, files)
        for key in sorted(set(pictures) | set(found))
    ]
    entries = [(row, files.sizes.get(row.path, "")) for row in rows]
    ignored = len(files.sizes) - len(pictures) - len(found)
    return make_source(path, "affectnet", entries, FileReader(files), ignored)


def _affectnet_row(
    picture: str | None, expression: str | None, key: tuple[str, str], files: Files
) -> FaceRow:
    folder, stem = key
    name = picture or f"{folder}images/{stem}.jpg"
    splits = [find_split(part) for part in folder.split("/")]
    split = next((found for found in splits if found), "")
    if expression is None:
        return FaceRow(0, name, split=split, note=f"no {folder}annotations/{stem}_exp.npy")
    try:
        label = _numbered(_number(files, expression), (*AFFECTNET, *_MORE_OF_AFFECTNET), 0)
    except InputError as error:
        return FaceRow(0, name, status=BAD_ROW, split=split, note=f"{expression}: {error}")
    known = label in EMOTIONS
    row = FaceRow(
        0, name, split=split, label=label if known else "", source_label="" if known else label
    )
    if picture is None:
        note = f"{expression} has no picture"
        return FaceRow(0, name, status=MISSING, split=split, label=row.label, note=note)
    return row


def _number(files: Files, name: str) -> str:
    """The one number, kept as text or not, in a file of NumPy's."""
    content = files.open(name)
    try:
        data = content if isinstance(content, bytes) else content.read_bytes()
        return str(np.load(io.BytesIO(data), allow_pickle=False).item())
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise BadRowError(f"it holds no number ({' '.join(str(error).split())})") from error


def _numbered(text: str, names: tuple[str, ...], first: int) -> str:
    last = first + len(names) - 1
    if not text.isdecimal() or not first <= int(text) <= last:
        raise BadRowError(f"{text!r} is not a number {first}–{last}")
    return names[int(text) - first]
