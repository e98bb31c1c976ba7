"""Lines of a csv, each on its own, so that a broken one costs no other."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from emotiw_cli.errors import InputError


class BadRowError(InputError):
    """A line of a csv that cannot be used; its row gets the status ``bad_row``."""


def parse_line(line: str) -> list[str]:
    """The fields of one line of a csv, stripped.

    Lines are parsed one by one: an unclosed quote would swallow the rest of the file otherwise.

    Raises
    ------
    BadRowError
        If the line is no csv.
    """
    try:
        rows = list(csv.reader([line], strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise BadRowError(str(error)) from error
    return [field.strip() for field in rows[0]] if rows else []


def parse_header(line: str) -> list[str]:
    """The column names of a csv in lower case, or an empty list if `line` is no csv."""
    try:
        return [name.lower() for name in parse_line(line)]
    except BadRowError:
        return []


def to_record(header: Sequence[str], line: str) -> dict[str, str]:
    """A line's fields by column.

    Raises
    ------
    BadRowError
        If it has another number of fields than the header.
    """
    fields = parse_line(line)
    if len(fields) != len(header):
        raise BadRowError(f"{len(fields)} fields where the header has {len(header)}")
    return dict(zip(header, fields, strict=True))
