"""Sets of clips on disk: a folder per emotion, AFEW's folders, or a csv of files and labels."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from emotiw_cli.clips.index import ClipRow
from emotiw_cli.clips.names import is_clip
from emotiw_cli.clips.sequence import MOST_FPS, is_sequence, list_sequence
from emotiw_cli.clips.table import FILE, read_table
from emotiw_cli.data.sources.files import FolderFiles
from emotiw_cli.data.sources.folders import place_of
from emotiw_cli.data.sources.words import find_split, is_other_label, name_emotions
from emotiw_cli.emotions import emotion_from_label
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import is_picture

_COLUMNS = {
    "file": FILE,
    "label": ("label", "emotion"),
    "group": ("subject", "actor", "speaker", "group", "film"),
    "split": ("split", "set"),
    "fps": ("fps", "frame_rate", "rate"),
}
"""What columns of a csv hold, and what they may be called."""


@dataclass(frozen=True)
class ClipSource:
    """A set of clips.

    Attributes
    ----------
    path : as it was given. root : what the rows' paths are relative to.
    rows : one per clip, sorted by path. A clip's id may occur in two splits, its path may not.
    pictures : (split, clip id) → names of the pictures of its face that the set brings, in order.
    fps : path → frames a second, of rows that are image sequences.
    digest : SHA-256 over the list with sizes.
    """

    path: Path
    root: Path
    rows: list[ClipRow]
    pictures: dict[tuple[str, str], list[str]]
    fps: dict[str, float]
    digest: str

    def pictures_of(self, row: ClipRow) -> list[str]:
        """The pictures of a clip's face that the set brings; mostly none."""
        if row.path in self.fps:
            return []
        return self.pictures.get((row.split, PurePosixPath(row.path).stem), [])


def open_clips(path: Path, *, fps: float | None = None) -> ClipSource:
    """List the clips of a folder, or of a csv with the columns file, label and perhaps subject,
    split and fps.

    In a folder, a clip's own folder is its label, if most of them name emotions, and a folder
    called train, val, test … on the way its split, as AFEW has it. Folders of pictures that are
    called like a clip, below the same split, are its faces. With `fps` all other folders that
    pictures lie in are image sequences, and clips themselves.

    Parameters
    ----------
    fps : frames a second of image sequences; in a csv, of those for which it gives none.

    Raises
    ------
    InputError
        If there are no clips, or a label is misspelt.
    """
    if path.is_dir():
        root, sizes = path, dict(FolderFiles(path).sizes)
        names = sorted(name for name in sizes if is_clip(name))
        pictures = _pictures(name for name in sorted(sizes) if is_picture(name))
        sequences = {} if fps is None else _sequences(names, sizes)
        rates = dict.fromkeys(sequences, fps or 0.0)
        sizes.update(sequences)
        names = sorted([*names, *sequences])
        places = {name: place_of(name) for name in names}
        labelled = name_emotions({place.folder for place in places.values()})
        rows = [
            ClipRow(
                path=name,
                split=place.split,
                label=_emotion(place.folder, f"{path}, folder") if labelled else "",
            )
            for name, place in places.items()
        ]
    elif path.is_file():
        rows, rates = _table(path, fps)
        root, pictures = path.parent, {}
        sizes = {row.path: _size(root / row.path) for row in rows}
    else:
        raise InputError(f"{path} does not exist: give a folder of clips or a csv.")
    if not rows:
        raise InputError(
            f"{path} holds no clips: give a folder with MP4, AVI, MKV … files, with --sequence one "
            "of folders of pictures, or a csv with the columns file and label."
        )
    rows = [replace(row, row=number) for number, row in enumerate(rows)]
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([row.path, row.split, row.label, row.group]).encode())
        digest.update(json.dumps(sizes[row.path]).encode())
    digest.update(json.dumps([list(map(list, pictures)), list(pictures.values())]).encode())
    if rates:
        digest.update(json.dumps(rates, sort_keys=True).encode())
    return ClipSource(path, root, rows, pictures, rates, digest.hexdigest())


def _pictures(names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        place = place_of(name)
        found[place.split, place.folder].append(name)
    return dict(found)


def _sequences(clips: Iterable[str], sizes: Mapping[str, object]) -> dict[str, object]:
    """Folders that pictures lie in, but for the faces of `clips`, with what is in them."""
    known = {(place_of(name).split, PurePosixPath(name).stem) for name in clips}
    found: dict[str, list[tuple[str, object]]] = defaultdict(list)
    for name in sorted(name for name in sizes if is_picture(name)):
        place = place_of(name)
        if (place.split, place.folder) not in known:
            found[str(PurePosixPath(name).parent)].append((name, sizes[name]))
    return dict(found)


def _table(path: Path, fps: float | None) -> tuple[list[ClipRow], dict[str, float]]:
    """The rows of a csv, and the frames a second of its image sequences."""
    rows, rates = [], {}
    for number, line in enumerate(read_table(path, _COLUMNS), start=2):
        where = f"{path}, line {number}"
        word = line["split"]
        named = find_split(word)
        if word.strip() and named is None:
            raise InputError(f"{where}: {word!r} is no split; use train, validation or test.")
        rows.append(
            ClipRow(
                path=line["file"],
                split=named or "",
                label=_emotion(line["label"], where),
                group=line["group"],
            )
        )
        rate = _fps(line["fps"], where) or fps
        if rate is not None and is_sequence(path.parent / line["file"]):
            rates[line["file"]] = rate
    for name, count in Counter(row.path for row in rows).items():
        if count > 1:
            raise InputError(f"{path} names {name} twice; leave one of the lines out.")
    return sorted(rows, key=lambda row: row.path), rates


def _emotion(word: str, where: str) -> str:
    return "" if is_other_label(word) else emotion_from_label(word, where)


def _fps(text: str, where: str) -> float | None:
    if not text.strip():
        return None
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= MOST_FPS:
            return float(text)
    raise InputError(f"{where}: {text!r} is not frames a second; give a number up to {MOST_FPS:g}.")


def _size(path: Path) -> object:
    try:
        if is_sequence(path):
            return [(file.name, file.stat().st_size) for file in list_sequence(path).files]
        return path.stat().st_size
    except (OSError, ValueError):
        return -1
