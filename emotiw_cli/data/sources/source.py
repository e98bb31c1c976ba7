"""A source: the sorted list of its pictures, with all that is known of each before it is read."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from emotiw_cli.data.index import OK, FaceRow
from emotiw_cli.data.sources.exclusions import Exclusions
from emotiw_cli.data.sources.words import find_split
from emotiw_cli.errors import InputError

EXCLUDED = "excluded"
BAD_ROW = "bad_row"
MISSING = "missing"


class Reader(Protocol):
    """Reads a source's pictures; can be copied into worker processes."""

    def __call__(self, row: FaceRow) -> Path | bytes | np.ndarray:
        """A picture's file, its bytes, or its pixels (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class Source:
    """What a user has on disk, read as one sorted list of pictures.

    Attributes
    ----------
    path : as it was given.
    layout : one of :data:`emotiw_cli.data.sources.LAYOUTS`.
    rows : one per picture, sorted by path; their status is ``ok`` unless it is known already that
        no face will come of them (``bad_row``, ``missing``, ``excluded``).
    read : gives a row's picture.
    stamps : for each row something that changes with its content: size or checksum.
    ignored : number of files that are no pictures.
    options : how the list was changed: exclusions, a drawn split.
    """

    path: Path
    layout: str
    rows: list[FaceRow]
    read: Reader
    stamps: list[object]
    ignored: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over the list: paths, splits, labels, groups and sizes."""
        digest = hashlib.sha256()
        for row, stamp in zip(self.rows, self.stamps, strict=True):
            known = [row.path, row.status, row.split, row.label, row.source_label]
            digest.update(json.dumps([*known, row.votes, row.group, stamp]).encode())
        return digest.hexdigest()

    @property
    def set_name(self) -> str:
        """What the set is called, for leak keys: ``ck`` for ``ck.zip``, ``ck/`` and ``ck/all.csv``.

        A folder called train, val or test is part of the set it lies in.
        """
        path = self.path.absolute()
        if path.is_dir() or not zipfile.is_zipfile(path):
            path = path if path.is_dir() else path.parent
            return (path.parent if find_split(path.name) else path).name
        return path.stem

    def with_rows(self, change: Callable[[FaceRow], FaceRow], **options: Any) -> Source:
        """The source with every row changed; `options` says how."""
        rows = [change(row) for row in self.rows]
        return replace(self, rows=rows, options={**self.options, **options})


def make_source(
    path: Path,
    layout: str,
    entries: Iterable[tuple[FaceRow, object]],
    read: Reader,
    ignored: int = 0,
) -> Source:
    """Sort `entries` (a row and its stamp) by path and number the rows."""
    ordered = sorted(entries, key=lambda entry: entry[0].path)
    rows = [replace(row, row=number) for number, (row, _) in enumerate(ordered)]
    return Source(path, layout, rows, read, [stamp for _, stamp in ordered], ignored)


def exclude_listed(source: Source, path: Path, name: str = "") -> tuple[Source, list[str]]:
    """Mark the pictures named in a file as ``excluded``; see :class:`Exclusions` for its lines.

    Where there is no such file, `path` is one within the source, a zip or a folder.

    Parameters
    ----------
    name : what the faces will be called: entries for those of another name do not count.

    Returns
    -------
    The changed source, and the names in the file that are not in the source.

    Raises
    ------
    InputError
        If `path` cannot be read.
    """
    exclusions = Exclusions.parse(_listed(source, path), path.name)
    wanted = exclusions.of(name)
    note = f"named in {path.name}"

    def mark(row: FaceRow) -> FaceRow:
        return replace(row, status=EXCLUDED, note=note) if row.path in wanted else row

    changed = source.with_rows(mark, exclude=exclusions.digest)
    return changed, sorted(wanted - {row.path for row in source.rows})


def _listed(source: Source, path: Path) -> str:
    if path.exists() or not zipfile.is_zipfile(source.path):
        inside = source.path / path
        return "\n".join(read_lines(path if path.exists() or not inside.is_file() else inside))
    with zipfile.ZipFile(source.path) as archive:
        if path.as_posix() not in archive.namelist():
            raise InputError(f"{path} is neither a file nor in {source.path}; check the name.")
        return archive.read(path.as_posix()).decode("utf-8-sig", "replace")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank, stripped; :class:`InputError` if unreadable."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def validate_on_test(source: Source) -> Source:
    """Call the test split validation, as papers do with sets that have no validation split.

    Raises
    ------
    InputError
        If the set has no test split, or has a validation split.
    """
    splits = {row.split for row in source.rows}
    if "test" not in splits or "validation" in splits:
        why = "has a validation split" if "validation" in splits else "has no test split"
        raise InputError(f"{source.path} {why}; leave --test-as-validation out.")

    def rename(row: FaceRow) -> FaceRow:
        return replace(row, split="validation") if row.split == "test" else row

    return source.with_rows(rename, test_as_validation=True)


def split_groups(source: Source, fraction: float, seed: int) -> Source:
    """Draw a validation split: a share of the groups, whole, or of each label's pictures.

    Groups (subjects, films, identities) are never divided; among groups, a picture without one is
    drawn by itself. Without groups, `fraction` of the pictures of each label is drawn. The draw
    orders by SHA-256 of seed and name, so that it is the same on every machine and with every
    library version.

    Parameters
    ----------
    fraction : share of the groups, or pictures, for validation: 0 < fraction < 1.
    seed : another seed draws others.

    Raises
    ------
    InputError
        If the set has splits of its own.
    """
    if any(row.split for row in source.rows):
        raise InputError(
            f"{source.path} has splits of its own; leave --split-by-group out to keep them."
        )

    def draw(name: str) -> str:
        return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()

    usable = [row for row in source.rows if row.status == OK]
    strata: dict[str, set[str]] = {}
    grouped = any(row.group for row in usable)
    for row in usable:
        stratum = "" if grouped else row.label
        strata.setdefault(stratum, set()).add(row.group or row.path)
    chosen: set[str] = set()
    for names in strata.values():
        share = round(fraction * len(names))
        chosen.update(sorted(names, key=draw)[: max(1, share) if grouped else share])

    def assign(row: FaceRow) -> FaceRow:
        drawn = (row.group or row.path) in chosen
        return replace(row, split="validation" if drawn else "train")

    return source.with_rows(assign, split_by_group=fraction, seed=seed)
