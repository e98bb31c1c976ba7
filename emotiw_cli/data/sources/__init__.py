"""What users have on disk, in any known layout, as one sorted list of pictures."""

from __future__ import annotations

import zipfile
from pathlib import Path

from emotiw_cli.data.sources.fer2013 import is_pixel_header, open_fer2013
from emotiw_cli.data.sources.files import Files, FolderFiles, ListedFiles, ZipFiles, unpacked
from emotiw_cli.data.sources.folders import FOLDER_LAYOUTS, open_folders, open_list
from emotiw_cli.data.sources.numbered import (
    find_rafdb,
    is_affectnet,
    open_affectnet,
    open_rafdb,
)
from emotiw_cli.data.sources.recordio import open_records
from emotiw_cli.data.sources.source import (
    Source,
    exclude_listed,
    read_lines,
    split_groups,
    validate_on_test,
)
from emotiw_cli.data.sources.tables import find_table, open_table, read_header, table_layout
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import is_picture

LAYOUTS: dict[str, str] = {
    "photos": "pictures without labels: a file, a folder, a zip, or a .txt with one path a line",
    "classes": "a folder per emotion, below train, val, test or not",
    "identities": "a folder per person, below train, val, test or not",
    "afew": "AFEW's faces: a folder per clip, with the clips or below a folder per emotion",
    "table": "pictures and a csv: file,label[,subject][,split] or file,person[,expression]",
    "ferplus": "pictures, or FER2013's csv, and a csv with the ten vote counts of FER+",
    "rafdb": "RAF-DB's basic emotions: Image/aligned or original, and list_patition_label.txt",
    "affectnet": "AffectNet: train_set and val_set with images and annotations/ID_exp.npy",
    "fer2013": "a csv with the columns emotion,pixels,Usage",
    "recordio": "InsightFace's train.rec of identities, with or without train.idx",
}

__all__ = [
    "LAYOUTS",
    "Source",
    "exclude_listed",
    "open_source",
    "split_groups",
    "validate_on_test",
]


def open_source(path: Path, layout: str = "auto") -> Source:
    """List the pictures of `path`: a picture, folder, zip, list of paths, or csv.

    Parameters
    ----------
    layout : one of :data:`LAYOUTS`, or ``auto`` to tell it from the names and label files.

    Raises
    ------
    InputError
        If `path` is missing, holds no pictures, or is not laid out so; a folder that looks like
        a misspelt emotion is named with the nearest right name.
    """
    if layout != "auto" and layout not in LAYOUTS:
        raise InputError(f"{layout!r} is not a layout; use auto or one of {', '.join(LAYOUTS)}.")
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    source = _open(path, layout)
    if layout not in ("auto", source.layout):
        raise InputError(f"{path} is not laid out as {layout} ({LAYOUTS[layout]}).")
    return source


def _open(path: Path, layout: str) -> Source:
    suffix = path.suffix.lower()
    if path.is_dir():
        return _open_files(path, FolderFiles(path), layout)
    if suffix == ".csv":
        return _open_csv(path)
    if suffix == ".txt":
        return open_list(path, ListedFiles(path.parent, read_lines(path)))
    if suffix == ".rec":
        return open_records(path, path.parent, [path.name])
    if is_picture(path.name):
        return open_list(path, ListedFiles(path.parent, [path.name]))
    if zipfile.is_zipfile(path) or suffix == ".zip":
        return _open_files(path, ZipFiles(path), layout)
    raise InputError(
        f"{path} is not a picture, a folder, a zip, a csv, a .rec, or a .txt list of pictures."
    )


def _open_csv(path: Path) -> Source:
    beside = ListedFiles(path.parent, [path.name])
    header = read_header(beside, path.name)
    if is_pixel_header(header):
        return open_fer2013(path)
    layout = table_layout(header)
    if layout is None:
        raise InputError(
            f"{path} has neither the columns emotion,pixels nor file,label in its first line."
        )
    files = FolderFiles(path.parent)
    if layout == "ferplus":
        pixels = _pixel_csvs(files)
        if len(pixels) == 1 and not _has_pictures(files):
            return open_fer2013(path.parent / pixels[0], path)
    return open_table(path, files, path.name, layout)


def _open_files(path: Path, files: Files, layout: str) -> Source:
    if path.is_dir() and layout in ("auto", "ferplus", "fer2013", "recordio"):
        records = [name for name in files.sizes if name.lower().endswith(".rec")]
        if records and layout in ("auto", "recordio"):
            return open_records(path, path, records)
        pixels = _pixel_csvs(files)
        if len(pixels) == 1 and layout == "fer2013":
            return open_fer2013(path / pixels[0])
        if len(pixels) == 1 and not _has_pictures(files):
            table = find_table(path, files)
            voted = table is not None and table[1] == "ferplus"
            return open_fer2013(path / pixels[0], path / table[0] if table and voted else None)
    files = unpacked(path, files)
    if layout in ("auto", "rafdb"):
        labels = find_rafdb(files)
        if labels is not None:
            return open_rafdb(path, files, labels)
    if layout in ("auto", "affectnet") and is_affectnet(files):
        return open_affectnet(path, files)
    if layout in ("auto", "table", "ferplus"):
        table = find_table(path, files)
        if table is not None:
            return open_table(path, files, *table)
    return open_folders(path, files, layout if layout in FOLDER_LAYOUTS else "auto")


def _pixel_csvs(files: Files) -> list[str]:
    csvs = [name for name in files.sizes if name.lower().endswith(".csv")]
    return [name for name in csvs if is_pixel_header(read_header(files, name))]


def _has_pictures(files: Files) -> bool:
    return any(is_picture(name) for name in files.sizes)
