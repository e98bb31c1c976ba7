"""A csv of clips or of speech: its lines, whatever its columns are called."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotiw_cli.errors import InputError

FILE = ("file", "path", "filename", "clip")
"""What the column of files may be called."""


def read_table(path: Path, columns: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Read the lines of a csv.

    Parameters
    ----------
    columns : what a column is, and what it may be called, in any case. The first two are needed;
        the very first is the file.

    Returns
    -------
    A dictionary a line, by what the columns are; empty where there is no column or nothing in it.
    The first is that of line 2.

    Raises
    ------
    InputError
        If it cannot be read, lacks a column that is needed, or a line names no file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names, records = reader.fieldnames or (), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a csv ({error}); save it as UTF-8.") from error
    header = {name.strip().lower(): name for name in names if name}
    found = {
        what: next((header[name] for name in known if name in header), None)
        for what, known in columns.items()
    }
    needed = list(columns)[:2]
    if any(found[what] is None for what in needed):
        raise InputError(
            f"{path} has no columns {' and '.join(needed)}; give it a header that names them."
        )
    lines = [
        {what: (record[name] or "") if name else "" for what, name in found.items()}
        for record in records
    ]
    for number, line in enumerate(lines, start=2):
        if not line[needed[0]].strip():
            raise InputError(
                f"{path}, line {number} names no file; fill it in or leave the line out."
            )
    return lines
