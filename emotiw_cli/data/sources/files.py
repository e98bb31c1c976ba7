"""The files of a source: in a folder, in a zip, or named in a list; read where they lie.

All three can be copied into worker processes; a zip is opened there when it is first read.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import ImageError

_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


class Files(Protocol):
    """Named files of a source."""

    @property
    def sizes(self) -> Mapping[str, object]:
        """Name (relative, forward slashes) → a number or text that changes with the content."""

    def open(self, name: str) -> Path | bytes:
        """The file `name` as :func:`emotiw_cli.faces.images.load_image` takes it."""


def read_text(files: Files, name: str, limit: int = -1) -> str:
    """Text of a small file, or its first `limit` bytes; what is not UTF-8 becomes U+FFFD."""
    content = files.open(name)
    if isinstance(content, Path):
        path = content
        try:
            with open(path, "rb") as file:
                content = file.read(limit)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    return content.decode("utf-8-sig", errors="replace")


class FolderFiles:
    """The files below a folder; hidden ones (``.DS_Store``) are passed over."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sizes: dict[str, object] = {}
        self._odd: dict[str, str] = {}
        visited = set()
        for folder, folders, names in os.walk(root, followlinks=True, onerror=_refuse):
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in visited:
                folders.clear()  # a link back to a folder seen before
                continue
            visited.add((status.st_dev, status.st_ino))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                if not name.startswith("."):
                    self._add(Path(folder, name))

    def open(self, name: str) -> Path:
        return self.root / self._odd.get(name, name)

    def _add(self, path: Path) -> None:
        real = path.relative_to(self.root).as_posix()
        name = real.encode("utf-8", "backslashreplace").decode()
        if name != real:  # bytes that are no UTF-8, which an index cannot hold
            self._odd[name] = real
        try:
            self.sizes[name] = path.stat().st_size
        except OSError:  # a dangling link: kept, so that its row can say so
            self.sizes[name] = -1


class ZipFiles:
    """The members of a zip."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip: zipfile.ZipFile | None = None
        self._process = -1
        try:
            with zipfile.ZipFile(path) as archive:
                self.sizes: dict[str, object] = {
                    info.filename: f"{info.file_size} {info.CRC:08x}"
                    for info in archive.infolist()
                    if not (info.is_dir() or _is_hidden(info.filename))
                }
        except _ZIP_FAULTS as error:
            raise InputError(
                f"{path} is not a zip that can be read ({error}); copy it again."
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_zip": None, "_process": -1}

    def open(self, name: str) -> bytes:
        if self._zip is None or self._process != os.getpid():
            self._zip, self._process = zipfile.ZipFile(self._path), os.getpid()
        try:
            return self._zip.read(name)
        except KeyError as error:
            raise ImageError(f"{name} is not in {self._path.name}.", "missing") from error
        except _ZIP_FAULTS as error:
            raise ImageError(
                f"{name} cannot be unpacked from {self._path.name} ({error}); copy the zip again.",
                "unreadable",
            ) from error


class ListedFiles:
    """Pictures given one by one, by paths relative to a folder."""

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        self._root = root
        self.names = list(names)
        self.sizes: dict[str, object] = {name: _size(root / name) for name in self.names}

    def open(self, name: str) -> Path:
        return self._root / name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return -1


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _refuse(error: OSError) -> None:
    raise InputError(
        f"{error.filename} cannot be listed ({error.strerror}); check its permissions."
    ) from error
