"""Sets told by their folders: flat photos, a folder per class, a folder per identity.

The folder a picture lies in names its class or identity; a folder called train, val, test …
anywhere on the way is its split.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources.files import Files, ListedFiles
from emotiw_cli.data.sources.source import Source, make_source
from emotiw_cli.data.sources.words import find_split, is_other_label, name_emotions
from emotiw_cli.emotions import emotion_from_label
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import is_picture

FOLDER_LAYOUTS = ("photos", "classes", "identities")

_FILM = re.compile(r"(.+)_\d{9}_\d{8}$")
"""SFEW's file names: film, time, frame; the film is the leak key."""


class FileReader:
    """Reads a row's picture from a source's files."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def __call__(self, row: FaceRow) -> Path | bytes:
        return self._files.open(row.path)


class Place(NamedTuple):
    """Where a file lies."""

    folder: str  # the folder the picture lies in, splits apart; empty if there is none
    split: str


def open_folders(path: Path, files: Files, layout: str) -> Source:
    """Read a folder or zip without label files; `layout` is photos, classes, identities or auto."""
    names = [name for name in files.sizes if is_picture(name)]
    ignored = len(files.sizes) - len(names)
    if not names:
        raise InputError(
            f"{path} holds no pictures ({ignored} other files); give a folder or zip with JPEG, "
            "PNG, WebP, BMP or TIFF files, and unpack zips within it first."
        )
    places = {name: place_of(name) for name in names}
    folders = {place.folder for place in places.values()}
    if layout == "auto":
        layout = _guess(folders)
    if layout == "classes":
        emotions = {folder: _emotion(path, folder) for folder in sorted(folders)}
        rows = [_class_row(name, place, emotions) for name, place in places.items()]
    elif layout == "identities":
        rows = [
            FaceRow(0, name, split=place.split, label=place.folder, group=place.folder)
            for name, place in places.items()
        ]
    else:
        rows = [FaceRow(0, name, split=place.split) for name, place in places.items()]
    entries = [(row, files.sizes[row.path]) for row in rows]
    return make_source(path, layout, entries, FileReader(files), ignored)


def open_list(path: Path, files: ListedFiles) -> Source:
    """Read pictures given one by one."""
    if not files.names:
        raise InputError(f"{path} names no pictures; write one path a line.")
    entries = [(FaceRow(0, name), files.sizes[name]) for name in files.names]
    return make_source(path, "photos", entries, FileReader(files))


def place_of(name: str) -> Place:
    """The split that a folder on the way to `name` says, and the last other folder."""
    split, folder = "", ""
    for part in name.split("/")[:-1]:
        found = find_split(part)
        if found is None:
            folder = part
        elif not split:
            split = found
    return Place(folder, split)


def _guess(folders: set[str]) -> str:
    if name_emotions(folders):
        return "classes"
    return "identities" if "" not in folders and len(folders) > 1 else "photos"


def _emotion(path: Path, folder: str) -> str:
    return "" if is_other_label(folder) else emotion_from_label(folder, where=f"{path}, folder")


def _class_row(name: str, place: Place, emotions: dict[str, str]) -> FaceRow:
    film = _FILM.match(Path(name).stem)
    label = emotions[place.folder]
    return FaceRow(
        0,
        name,
        split=place.split,
        label=label,
        source_label="" if label else place.folder,
        group=film[1] if film else "",
    )
