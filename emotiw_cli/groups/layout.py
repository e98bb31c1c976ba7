"""Group photos on disk: a folder per class, as GAF has them, or pictures without labels.

GAF 2.0 is ``{train,val}/{Positive,Neutral,Negative}/``. Of the folders a picture lies in, the
innermost that is called like a class is its class, whatever the case; one called train, val, test
… is its split. A picture is known by its whole path, so that two with the same stem stay two; what
it is, its first bytes say, not its name's end.
"""

from __future__ import annotations

import difflib
import zipfile
from pathlib import Path

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources import open_source
from emotiw_cli.data.sources.files import Files, FolderFiles, ZipFiles
from emotiw_cli.data.sources.folders import FileReader, picture_names
from emotiw_cli.data.sources.source import Source, make_source
from emotiw_cli.data.sources.words import find_split, is_other_label
from emotiw_cli.errors import InputError

CLASSES: tuple[str, ...] = ("negative", "neutral", "positive")
"""The class order of every group posterior, table and file."""

_NEAR = 0.8
"""Similarity from which a folder is taken for a misspelt class: ``natural`` is below it."""


def open_groups(path: Path) -> Source:
    """List the group photos of `path`: a folder, a zip, a picture, or a .txt with a path a line.

    Its layout is ``groups`` if folders name classes, else ``photos``.

    Raises
    ------
    InputError
        If `path` is missing or holds no pictures, or a folder beside those of classes is none;
        the sentence offers the nearest name.
    """
    files: Files
    if path.is_dir():
        files = FolderFiles(path)
    elif path.is_file() and zipfile.is_zipfile(path):
        files = ZipFiles(path)
    else:
        return open_source(path, "photos")
    names = picture_names(path, files)
    folders = {name: name.split("/")[:-1] for name in names}
    labelled = any(_looks_like_class(part) for parts in folders.values() for part in parts)
    rows = [
        FaceRow(0, name, split=_split(parts), label=_label(path, parts) if labelled else "")
        for name, parts in folders.items()
    ]
    return make_source(
        path,
        "groups" if labelled else "photos",
        [(row, files.sizes[row.path]) for row in rows],
        FileReader(files),
        len(files.sizes) - len(names),
    )


def _looks_like_class(folder: str) -> bool:
    return bool(difflib.get_close_matches(folder.strip().lower(), CLASSES, n=1, cutoff=_NEAR))


def _split(folders: list[str]) -> str:
    return next(filter(None, map(find_split, folders)), "")


def _label(path: Path, folders: list[str]) -> str:
    own = [folder for folder in reversed(folders) if find_split(folder) is None]
    for folder in own:
        if folder.strip().lower() in CLASSES:
            return folder.strip().lower()
    if not own or is_other_label(own[0]):
        return ""
    near = difflib.get_close_matches(own[0].strip().lower(), CLASSES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(CLASSES)}."
    raise InputError(f"{path}, folder: {own[0]!r} is not a class of groups; {hint}")
