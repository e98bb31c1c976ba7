"""Lists of pictures to leave out: one path a line, or a csv such as `emotiw duplicates` writes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from emotiw_cli.data.sources.lines import BadRowError, parse_header, to_record
from emotiw_cli.errors import InputError


@dataclass(frozen=True)
class Exclusions:
    """Pictures to leave out.

    Attributes
    ----------
    entries : (name of the faces, or empty for all; path) of each.
    """

    entries: frozenset[tuple[str, str]]

    @classmethod
    def parse(cls, text: str, name: str) -> Exclusions:
        """Read the content of the file `name`; the columns ``path`` and ``faces`` if it is a csv.

        Raises
        ------
        InputError
            If a file called .csv has no column ``path``, or a line of it is no csv.
        """
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not name.lower().endswith(".csv"):
            return cls(frozenset(("", line) for line in lines))
        header = parse_header(lines[0]) if lines else []
        if "path" not in header:
            raise InputError(f"{name} has no column `path` in its first line; name one so.")
        entries = set()
        for number, line in enumerate(lines[1:], start=2):
            try:
                record = to_record(header, line)
            except BadRowError as error:
                raise InputError(
                    f"{name}, line {number}, cannot be read ({error}); write the file again."
                ) from error
            entries.add((record.get("faces", ""), record["path"]))
        return cls(frozenset(entries))

    @property
    def digest(self) -> str:
        """SHA-256 of the entries."""
        lines = sorted(f"{name}\t{path}" if name else path for name, path in self.entries)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def of(self, name: str) -> frozenset[str]:
        """The paths to leave out of the faces called `name`."""
        return frozenset(path for faces, path in self.entries if faces in ("", name))
