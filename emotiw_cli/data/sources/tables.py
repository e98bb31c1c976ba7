"""Pictures listed in a csv with their labels: FER+ with its votes, and plainer tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources.files import Files, read_text
from emotiw_cli.data.sources.folders import FileReader
from emotiw_cli.data.sources.lines import BadRowError, parse_header, parse_line, to_record
from emotiw_cli.data.sources.source import BAD_ROW, MISSING, Source, make_source
from emotiw_cli.data.sources.words import find_split, is_other_label, name_emotions
from emotiw_cli.emotions import EMOTIONS, emotion_from_label, find_emotion
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import is_picture

_FILE = ("file", "image name", "image", "filename", "path")
_LABEL = ("label", "emotion")
_PERSON = ("person", "identity")
_GROUP = ("group", "subject", *_PERSON)
_SPLIT = ("split", "usage")
_VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
_HEADER_BYTES = 4096
_OTHER_VOTES = ("contempt", "unknown", "nf")


def table_layout(header: Sequence[str]) -> str | None:
    """``ferplus``, ``table`` or None for a csv with these columns, in lower case."""
    if _column(header, _FILE) is None:
        return None
    if set(_VOTES) <= set(header):
        return "ferplus"
    return "table" if _column(header, (*_LABEL, *_PERSON, "expression")) else None


def read_header(files: Files, name: str) -> list[str]:
    """Column names of the csv `name`, in lower case; empty if it is none."""
    lines = read_text(files, name, limit=_HEADER_BYTES).splitlines()
    return parse_header(lines[0]) if lines else []


def find_table(path: Path, files: Files) -> tuple[str, str] | None:
    """Name and layout of the csv that lists a folder's or zip's pictures, or None.

    Raises
    ------
    InputError
        If there are several and none is called ``labels.csv``.
    """
    found = {}
    for name in files.sizes:
        if name.lower().endswith(".csv"):
            layout = table_layout(read_header(files, name))
            if layout:
                found[name] = layout
    if len(found) > 1:
        named = {name: found[name] for name in found if PurePosixPath(name).name == "labels.csv"}
        if len(named) != 1:
            raise InputError(
                f"{path} has several label files ({', '.join(sorted(found))}); "
                "leave one in, or call it labels.csv."
            )
        found = named
    return next(iter(found.items()), None)


def open_table(path: Path, files: Files, table: str, layout: str) -> Source:
    """Read the pictures that the csv `table` among `files` lists.

    One row per line, whatever is wrong with it, and one per picture it does not list.
    """
    lines = [
        (number, line)
        for number, line in enumerate(read_text(files, table).splitlines(), start=1)
        if line.strip()
    ]
    if not lines or table_layout(parse_header(lines[0][1])) is None:
        raise InputError(f"{table} in {path} has no columns `file` and `label` in its first line.")
    header = parse_header(lines[0][1])
    if len(lines) == 1:
        raise InputError(f"{table} in {path} has no rows below its header.")
    reading = _Table(files, table, header, layout, [line for _, line in lines[1:]])
    rows = [reading.row(number, line) for number, line in lines[1:]]
    listed = {row.path for row in rows}
    pictures = {name for name in files.sizes if is_picture(name)}
    rows += [FaceRow(0, name, note=f"not listed in {table}") for name in sorted(pictures - listed)]
    entries = [(row, files.sizes.get(row.path, "")) for row in rows]
    ignored = len(files.sizes) - len(pictures | (listed & set(files.sizes))) - 1
    return make_source(path, layout, entries, FileReader(files), ignored)


class _Table:
    """Turns the lines of a label file into rows."""

    def __init__(
        self, files: Files, table: str, header: list[str], layout: str, lines: Sequence[str]
    ) -> None:
        self._table = table
        self._header = header
        self._layout = layout
        self._sizes = files.sizes
        self._folder = PurePosixPath(table).parent
        self._taken: set[str] = set()
        self._by_name: dict[str, list[str]] = {}
        for name in files.sizes:
            self._by_name.setdefault(PurePosixPath(name).name, []).append(name)
        self._file = _column(header, _FILE) or ""
        self._label = _column(header, _LABEL)
        self._person = _column(header, _PERSON)
        self._emotions = self._label is not None and name_emotions(self._values(lines, self._label))

    def row(self, number: int, line: str) -> FaceRow:
        """The row of one line; ``bad_row`` or ``missing``, with a note, if it is of no use."""
        path = f"{self._table}:{number:06d}"
        try:
            record = to_record(self._header, line)
            if not record[self._file]:
                raise BadRowError("no file name")
            found = self._find(record[self._file])
            if found in self._taken:
                raise BadRowError(f"{found} is listed twice")
            self._taken.add(found)
            path = found
            row = self._read(path, record)
        except InputError as error:
            note = f"{self._table}, line {number}: {error}"
            return FaceRow(0, path, status=BAD_ROW, note=note)
        if path not in self._sizes:
            note = f"{path} is listed in {self._table} but is not there"
            return FaceRow(0, path, status=MISSING, split=row.split, label=row.label, note=note)
        return row

    def _values(self, lines: Sequence[str], column: str) -> list[str]:
        position, values = self._header.index(column), []
        for line in lines:
            try:
                fields = parse_line(line)
            except BadRowError:
                continue
            values.extend(fields[position : position + 1])
        return values

    def _find(self, name: str) -> str:
        exact = (self._folder / name).as_posix()
        if exact in self._sizes:
            return exact
        same = self._by_name.get(PurePosixPath(name).name, [])
        return same[0] if len(same) == 1 else exact

    def _read(self, path: str, record: Mapping[str, str]) -> FaceRow:
        split_column, group_column = _column(record, _SPLIT), _column(record, _GROUP)
        split = find_split(record[split_column]) if split_column and record[split_column] else ""
        if split is None:
            raise BadRowError(f"split {record[split_column or '']!r} is not train, val or test")
        group = record[group_column] if group_column else ""
        if self._layout == "ferplus":
            return ferplus_row(path, split, group, record)
        if self._label:
            label, source_label = self._read_label(record[self._label])
        elif self._person:
            label, source_label = record[self._person], _mapped(record.get("expression", ""))
        else:
            label, source_label = self._read_label(record["expression"])
        return FaceRow(0, path, split=split, label=label, source_label=source_label, group=group)

    def _read_label(self, word: str) -> tuple[str, str]:
        if self._label and not self._emotions:
            return word, ""
        return ("", word) if is_other_label(word) else (emotion_from_label(word), "")


def ferplus_row(path: str, split: str, group: str, record: Mapping[str, str]) -> FaceRow:
    """The row of a line with FER+'s vote counts; ``original`` is the label before the votes."""
    votes = {str(find_emotion(word)): _vote(record[word]) for word in _VOTES}
    others = [_vote(record.get(word, "")) for word in _OTHER_VOTES]
    return FaceRow(
        0,
        path,
        split=split,
        label=majority(votes, others),
        source_label=_mapped(record.get("original", "")),
        votes=tuple(votes[emotion] for emotion in EMOTIONS),
        other_votes=sum(others),
        group=group,
    )


def majority(votes: Mapping[str, float], others: Sequence[float]) -> str:
    """The emotion with the most votes; empty where votes tie or something else has as many."""
    most = max([*votes.values(), *others])
    winners = [emotion for emotion, count in votes.items() if count == most]
    return winners[0] if len(winners) == 1 and most > 0 and most not in others else ""


def _vote(text: str) -> float:
    try:
        count = float(text or 0)
    except ValueError as error:
        raise BadRowError(f"{text!r} is not a number of votes") from error
    if not 0 <= count < float("inf"):
        raise BadRowError(f"{text!r} is not a number of votes")
    return count


def _mapped(word: str) -> str:
    return find_emotion(word) or word


def _column(header: Mapping[str, str] | Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in header), None)
