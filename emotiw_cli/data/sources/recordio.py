"""InsightFace's sets as MXNet's RecordIO: ``train.rec``, with or without ``train.idx`` beside it.

A record is the magic number, a word of three bits of kind and 29 of length, the content, and
zeros up to a multiple of four bytes. Content that holds the magic number itself is cut there into
parts: the first, middle ones, the last. The content of InsightFace's records is a header of 24
bytes (flag, label, two numbers), `flag` further labels where it is not 0, and an encoded picture.
Records without a picture say how the others are divided among people; they become no rows.
"""

from __future__ import annotations

import math
import os
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from emotiw_cli.data.index import OK, FaceRow
from emotiw_cli.data.sources.lines import BadRowError
from emotiw_cli.data.sources.source import BAD_ROW, Source, make_source, read_lines
from emotiw_cli.data.sources.words import find_split
from emotiw_cli.errors import InputError

MAGIC = b"\x0a\x23\xd7\xce"
"""0xced7230a, little-endian."""

WHOLE, FIRST, MIDDLE, LAST = range(4)

_WORDS = struct.Struct("<4sI")  # magic; kind and length
_HEADER = struct.Struct("<IfQQ")
_LENGTH_BITS = 29
_SCANNED_BYTES = 1 << 20


class RecordReader:
    """Reads a row's picture from its record.

    Holds where records begin as arrays: a set of half a million is sent to every worker.
    """

    def __init__(self, root: Path, places: dict[str, dict[int, int]]) -> None:
        self._root = root
        self._places = {
            name: np.array(sorted(starts.items()), np.int64).T for name, starts in places.items()
        }

    def __call__(self, row: FaceRow) -> bytes:
        """The encoded picture; :class:`BadRowError` if the record is damaged."""
        name, _, number = row.path.rpartition(":")
        numbers, starts = self._places[name]
        start = int(starts[np.searchsorted(numbers, int(number))])
        with open(self._root / name, "rb") as file:
            return _picture(_content(file, start))


def open_records(path: Path, root: Path, names: list[str]) -> Source:
    """List the pictures of the record files `names` in the folder `root`; label and group are
    the identity.

    Rows are called ``train.rec:0000123`` after the file and the number of the record. One file
    alone has no split; several have those that their names say. Records that cannot be read are
    rows with the status ``bad_row``. Pictures are read when they are asked for.

    Raises
    ------
    InputError
        If a file is empty or holds no record.
    """
    entries: list[tuple[FaceRow, object]] = []
    places: dict[str, dict[int, int]] = {}
    for name in names:
        identities = _identities((root / name).with_name("property"))
        split = (find_split(Path(name).stem) or "") if len(names) > 1 else ""
        with open(root / name, "rb") as file:
            places[name] = _places(root / name, file)
            digits = max([7, *(len(str(number)) for number in places[name])])
            for number, start in places[name].items():
                record = f"{name}:{number:0{digits}d}"
                entries += _entries(file, start, record, split, identities)
    if not any(row.status == OK for row, _ in entries):
        raise InputError(f"{path} holds no record with a picture; copy it again.")
    return make_source(path, "recordio", entries, RecordReader(root, places))


def _entries(
    file: BinaryIO, start: int, record: str, split: str, identities: int | None
) -> list[tuple[FaceRow, object]]:
    """The row and stamp of one record, read no further than its labels; none if it has no face."""
    try:
        length, labels, empty = _labels(file, start)
        if empty and len(labels) > 1:
            return []
        if empty:
            raise BadRowError("the record holds no picture")
        label = _identity(labels[0], identities)
    except BadRowError as error:
        return [(FaceRow(0, record, status=BAD_ROW, split=split, note=str(error)), start)]
    return [(FaceRow(0, record, split=split, label=label, group=label), length)]


def _labels(file: BinaryIO, start: int) -> tuple[int, tuple[float, ...], bool]:
    """Length of a record's first part, its labels, and whether nothing follows them."""
    _, length = _first_part(file, start)
    head = file.read(min(length, _HEADER.size))
    if len(head) < _HEADER.size:
        raise BadRowError(f"the record has {length} bytes, too few for its header")
    flag, label, _, _ = _HEADER.unpack(head)
    if 4 * flag > length - _HEADER.size:
        raise BadRowError(f"the record says it has {flag} labels, more than it has room for")
    labels = struct.unpack(f"<{flag}f", file.read(4 * flag)) if flag else (label,)
    return length, labels, length == _HEADER.size + 4 * flag


def _identity(label: float, identities: int | None) -> str:
    if not math.isfinite(label) or label < 0 or label != int(label):
        raise BadRowError(f"label {label:g} is not the number of an identity")
    if identities is not None and label >= identities:
        raise BadRowError(f"label {label:g} is none of the {identities} identities of `property`")
    return sys.intern(str(int(label)))  # the same few in each of many rows


def _identities(path: Path) -> int | None:
    """Number of identities that InsightFace's `property` names (``10572,112,112``), if any."""
    if not path.is_file():
        return None
    match = re.match(r"(\d+)\s*,", " ".join(read_lines(path)[:1]))
    return int(match[1]) if match else None


def _places(path: Path, file: BinaryIO) -> dict[int, int]:
    """Number of each record → where it begins, by the ``.idx`` beside the file, else searched."""
    index = path.with_suffix(".idx")
    return dict(_indexed(index) if index.is_file() else enumerate(_scanned(file)))


def _indexed(path: Path) -> Iterator[tuple[int, int]]:
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if len(fields) != 2 or not all(field.isdecimal() for field in fields):
            raise InputError(
                f"{path}, line {number}, is not a number and a place; copy the file again, or "
                "take it away to have the records searched for."
            )
        yield int(fields[0]), int(fields[1])


def _scanned(file: BinaryIO) -> Iterator[int]:
    """Go from record to record; after a damaged one, go on at the next magic number."""
    size, start = _size(file), 0
    while start < size:
        yield start
        try:
            end = _end(file, start)
        except BadRowError:
            end = size
        if end == size or not _begins(file, end):
            # The length may be wrong: no magic number stands within a sound record.
            end = _next_magic(file, start + 4, end)
        start = end


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _begins(file: BinaryIO, start: int) -> bool:
    try:
        return _first_part(file, start)[1] >= 0
    except BadRowError:
        return False


def _next_magic(file: BinaryIO, start: int, size: int) -> int:
    """Start of the next record in `start` … `size`, a multiple of 4 bytes on; else `size`."""
    while start < size:
        file.seek(start)
        block = file.read(min(_SCANNED_BYTES + len(MAGIC) - 1, size - start))
        place = block.find(MAGIC)
        while place >= 0:
            if place % 4 == 0 and _begins(file, start + place):
                return start + place
            place = block.find(MAGIC, place + 1)
        start += _SCANNED_BYTES
    return size


def _part(file: BinaryIO, start: int) -> tuple[int, int]:
    """Kind and length of the part at `start`; the file stands at its content then."""
    file.seek(start)
    words = file.read(_WORDS.size)
    magic, word = _WORDS.unpack(words) if len(words) == _WORDS.size else (b"", 0)
    if magic != MAGIC:
        raise BadRowError(f"no record begins at byte {start}")
    kind, length = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
    if _size(file) < start + _WORDS.size + length:
        raise BadRowError(f"the record at byte {start} is cut short")
    return kind, length


def _first_part(file: BinaryIO, start: int) -> tuple[int, int]:
    kind, length = _part(file, start)
    if kind not in (WHOLE, FIRST):
        raise BadRowError(f"byte {start} lies in the middle of a record")
    return kind, length


def _parts(file: BinaryIO, start: int) -> Iterator[tuple[int, int]]:
    """Start and length of the content of each part of the record at `start`."""
    kind, length = _first_part(file, start)
    yield start + _WORDS.size, length
    while kind in (FIRST, MIDDLE):
        start += _WORDS.size + length + -length % 4
        kind, length = _part(file, start)
        if kind not in (MIDDLE, LAST):
            raise BadRowError(f"the record ends without its last part before byte {start}")
        yield start + _WORDS.size, length


def _end(file: BinaryIO, start: int) -> int:
    """First byte after the record at `start`."""
    *_, (place, length) = _parts(file, start)
    return place + length + -length % 4


def _content(file: BinaryIO, start: int) -> bytes:
    parts = []
    for place, length in list(_parts(file, start)):
        file.seek(place)
        parts.append(file.read(length))
    return MAGIC.join(parts)


def _picture(content: bytes) -> bytes:
    flag = _HEADER.unpack_from(content)[0]
    return content[_HEADER.size + 4 * flag :]
