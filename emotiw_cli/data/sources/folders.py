"""Sets told by their folders: flat photos, a folder per class, a folder per identity.

The folder a picture lies in names its class or identity; a folder called train, val, test …
anywhere on the way is its split. In AFEW's faces it names a clip, whose emotion is the folder above
or that of the clip itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from emotiw_cli.clips.names import is_clip
from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources.files import Files, ListedFiles
from emotiw_cli.data.sources.source import Source, make_source
from emotiw_cli.data.sources.words import (
    find_split,
    is_other_label,
    meant_split,
    name_emotions,
)
from emotiw_cli.emotions import emotion_from_label
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import is_picture

FOLDER_LAYOUTS = ("photos", "classes", "identities", "afew")

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

    split: str
    folders: tuple[str, ...]  # those the picture lies in, the outermost first, splits apart

    @property
    def folder(self) -> str:
        return self.folders[-1] if self.folders else ""


def open_folders(path: Path, files: Files, layout: str) -> Source:
    """Read a folder or zip without label files; `layout` is one of these or auto."""
    names = picture_names(path, files)
    places = _places(names)
    folders = {place.folder for place in places.values()}
    clips = _clips(path, files, places) if layout in ("auto", "afew") else {}
    if layout == "auto":
        layout = _guess(folders, clips)
    if layout == "afew":
        rows = [_clip_row(name, place, clips) for name, place in places.items()]
    elif layout == "classes":
        _check_splits(path, places)
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
    return make_source(path, layout, entries, FileReader(files), len(files.sizes) - len(names))


def picture_names(path: Path, files: Files) -> list[str]:
    """The names of the pictures among `files`; :class:`InputError` if there are none."""
    names = [name for name in files.sizes if is_picture(name)]
    if not names:
        raise InputError(
            f"{path} holds no pictures ({len(files.sizes)} other files); give a folder or zip with "
            "JPEG, PNG, WebP, BMP or TIFF files."
        )
    return names


def open_list(path: Path, files: ListedFiles) -> Source:
    """Read pictures given one by one."""
    if not files.names:
        raise InputError(f"{path} names no pictures; write one path a line.")
    entries = [(FaceRow(0, name), files.sizes[name]) for name in files.names]
    return make_source(path, "photos", entries, FileReader(files))


def place_of(name: str) -> Place:
    """The split that a folder on the way to `name` says, and the other folders."""
    split, folders = "", []
    for part in name.split("/")[:-1]:
        found = find_split(part)
        if found is None:
            folders.append(part)
        elif not split:
            split = found
    return Place(split, tuple(folders))


def _places(names: list[str]) -> dict[str, Place]:
    """The place of each picture, without the folders that all lie in, if there are others.

    They name the set: a flat test split below ``SFEW_2`` would be of the class SFEW_2.
    """
    places = {name: place_of(name) for name in names}
    shared = 0
    for parts in zip(*(place.folders for place in places.values()), strict=False):
        if len(set(parts)) > 1:
            break
        shared += 1
    inner = {name: Place(split, parts[shared:]) for name, (split, parts) in places.items()}
    return inner if len({place.folder for place in inner.values()}) > 1 else places


def _clips(path: Path, files: Files, places: dict[str, Place]) -> dict[tuple[str, str], str]:
    """Split and name of each clip that faces were taken from → its emotion; empty if none were.

    A clip's name can come again in another split.
    """
    above = {place.folders[-2] for place in places.values() if len(place.folders) > 1}
    if name_emotions(above):
        inside = [place for place in places.values() if len(place.folders) > 1]
        return {(p.split, p.folder): _emotion(path, p.folders[-2]) for p in inside}
    clips = [name for name in files.sizes if is_clip(name)]
    if not {Path(name).stem for name in clips} & {place.folder for place in places.values()}:
        return {}
    return {
        (place.split, Path(name).stem): _emotion(path, place.folder)
        for name, place in _places(clips).items()
    }


def _check_splits(path: Path, places: dict[str, Place]) -> None:
    """Refuse a slip in a split's name, by which its pictures would be trained on."""
    if all(place.split for place in places.values()):
        return
    for folder in sorted({part for place in places.values() for part in place.folders[:-1]}):
        meant = meant_split(folder)
        if meant is not None:
            raise InputError(
                f"{path}: {folder!r} is no split's name; did you mean {meant!r}? Rename the folder."
            )


def _guess(folders: set[str], clips: dict[tuple[str, str], str]) -> str:
    if name_emotions(folders):
        return "classes"
    if clips:
        return "afew"
    return "identities" if "" not in folders and len(folders) > 1 else "photos"


def _clip_row(name: str, place: Place, clips: dict[tuple[str, str], str]) -> FaceRow:
    clip = (place.split, place.folder)
    known = clip in clips
    return FaceRow(
        0,
        name,
        split=place.split,
        label=clips.get(clip, ""),
        group="/".join(filter(None, clip)),
        note="" if known else f"no clip {place.folder} tells its emotion",
    )


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
