"""FER2013 as its csv of pixels: ``emotion,pixels,Usage``, in any order of columns.

FER+'s ``fer2013new.csv`` has its votes line by line in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources.lines import BadRowError, parse_header, to_record
from emotiw_cli.data.sources.source import BAD_ROW, Source, make_source, read_lines
from emotiw_cli.data.sources.tables import ferplus_row
from emotiw_cli.data.sources.words import find_split
from emotiw_cli.errors import InputError

NUMBERED = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER2013's emotions in the order of its numbers 0–6."""


class _Line(NamedTuple):
    start: int
    length: int


class PixelReader:
    """Reads a row's pixels from its line of the csv."""

    def __init__(self, path: Path, header: Sequence[str], lines: dict[str, _Line]) -> None:
        self._path = path
        self._header = header
        self._lines = lines

    def __call__(self, row: FaceRow) -> np.ndarray:
        """(s, s, 3) uint8; :class:`BadRowError` if the pixels are no square of values 0–255."""
        line = self._lines[row.path]
        with open(self._path, "rb") as file:
            file.seek(line.start)
            text = file.read(line.length).decode("utf-8", errors="replace")
        return parse_pixels(to_record(self._header, text)["pixels"])


def parse_pixels(text: str) -> np.ndarray:
    """Grey values of a square picture, separated by spaces → (s, s, 3) uint8.

    Raises
    ------
    BadRowError
        If they are not numbers of 0–255, or make no square.
    """
    try:
        values = np.array([int(value) for value in text.split()], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise BadRowError(f"a pixel is no number ({error})") from error
    side = math.isqrt(len(values))
    if not side or side * side != len(values):
        raise BadRowError(f"{len(values)} pixels make no square picture")
    if values.min() < 0 or values.max() > 255:
        raise BadRowError("a pixel is not in 0–255")
    grey = values.astype(np.uint8).reshape(side, side, 1)
    return np.repeat(grey, 3, axis=2)


def is_pixel_header(header: Sequence[str]) -> bool:
    """Whether a csv with these columns is FER2013's."""
    return {"emotion", "pixels"} <= set(header)


def open_fer2013(path: Path, votes: Path | None = None) -> Source:
    """Read the list of a FER2013 csv; pixels are read when they are asked for.

    Rows are called ``fer2013.csv:000002`` after the file and the line they stand on.

    Parameters
    ----------
    votes : FER+'s csv for it. Its labels are taken then and FER2013's kept aside; where the two
        do not name the same split, the row has the status ``bad_row``.

    Raises
    ------
    InputError
        If a file has no rows or not these columns, or the two have not as many.
    """
    entries: list[tuple[FaceRow, object]] = []
    lines: dict[str, _Line] = {}
    header: list[str] = []
    with open(path, "rb") as file:
        start = 0
        for number, raw in enumerate(file, start=1):
            if number == 1:
                header = parse_header(raw.decode("utf-8-sig", errors="replace"))
                if not is_pixel_header(header):
                    raise InputError(f"{path} has no columns emotion and pixels in its first line.")
            elif raw.strip():
                name = f"{path.name}:{number:06d}"
                lines[name] = _Line(start, len(raw))
                entries.append((_row(name, header, raw), len(raw)))
            start += len(raw)
    if not entries:
        raise InputError(f"{path} has no rows below its header.")
    if votes is not None:
        entries = _voted(path, entries, votes)
    layout = "fer2013" if votes is None else "ferplus"
    return make_source(path, layout, entries, PixelReader(path, header, lines))


def _voted(
    path: Path, entries: list[tuple[FaceRow, object]], votes: Path
) -> list[tuple[FaceRow, object]]:
    """`entries`, in the order of their file, with the votes of the file `votes`."""
    first, *lines = read_lines(votes)
    header = parse_header(first)
    if len(lines) != len(entries):
        raise InputError(
            f"{votes} has {len(lines)} rows and {path.name} {len(entries)}, so they do not belong "
            "together; get both whole."
        )
    return [
        (_voted_row(row, header, line), stamp)
        for (row, stamp), line in zip(entries, lines, strict=True)
    ]


def _voted_row(row: FaceRow, header: Sequence[str], line: str) -> FaceRow:
    if row.status == BAD_ROW:
        return row
    try:
        record = to_record(header, line)
        if find_split(record.get("usage", "")) != row.split:
            raise BadRowError(f"FER+'s Usage {record.get('usage')!r} is not FER2013's")
        return ferplus_row(row.path, row.split, "", {**record, "original": row.label})
    except BadRowError as error:
        return FaceRow(0, row.path, status=BAD_ROW, split=row.split, note=str(error))


def _row(name: str, header: Sequence[str], raw: bytes) -> FaceRow:
    try:
        record = to_record(header, raw.decode("utf-8", errors="replace"))
        split = find_split(record["usage"]) if record.get("usage") else ""
        if split is None:
            raise BadRowError(f"Usage {record['usage']!r} is not Training, PublicTest, PrivateTest")
        return FaceRow(0, name, split=split, label=_emotion(record["emotion"]))
    except BadRowError as error:
        return FaceRow(0, name, status=BAD_ROW, note=str(error))


def _emotion(number: str) -> str:
    if not number.isdecimal() or int(number) >= len(NUMBERED):
        raise BadRowError(f"emotion {number!r} is not a number 0–{len(NUMBERED) - 1}")
    return NUMBERED[int(number)]
