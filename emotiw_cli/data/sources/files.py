"""The files of a source: in a folder, in a zip, in zips within, or in a list; read where they lie.

All can be copied into worker processes; a zip is opened there when it is first read.
"""

from __future__ import annotations

import functools
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
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
    """The members of a zip.

    Parameters
    ----------
    path : what messages call it.
    find : gives the zip's file or its bytes, which each process then holds; `path` by default.
    """

    def __init__(self, path: Path, find: Callable[[], Path | bytes] | None = None) -> None:
        self._path = path
        self._find = find
        self._zip: zipfile.ZipFile | None = None
        self._process = -1
        try:
            with self._opened() as archive:
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
            self._zip, self._process = self._opened(), os.getpid()
        try:
            return self._zip.read(name)
        except KeyError as error:
            raise ImageError(f"{name} is not in {self._path.name}.", "missing") from error
        except _ZIP_FAULTS as error:
            raise ImageError(
                f"{name} cannot be unpacked from {self._path.name} ({error}); copy the zip again.",
                "unreadable",
            ) from error

    def _opened(self) -> zipfile.ZipFile:
        content = self._find() if self._find else self._path
        return zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content)


def unpacked(path: Path, files: Files) -> Files:
    """`files` as if the zips among them were unpacked, each into a folder beside it.

    One level deep. A zip with such a folder beside it has been unpacked and is passed over.

    Raises
    ------
    InputError
        If a zip cannot be read.
    """
    zips = any(name.lower().endswith(".zip") for name in files.sizes)
    return _NestedFiles(path, files) if zips else files


class _NestedFiles:
    def __init__(self, path: Path, files: Files) -> None:
        self._files = files
        self._zips: dict[str, ZipFiles] = {}
        self.sizes: dict[str, object] = dict(files.sizes)
        folders = {parent for name in files.sizes for parent in _parents(name)}
        for name in files.sizes:
            folder = name[: -len(".zip")]
            if not name.lower().endswith(".zip") or folder in folders:
                continue
            inner = ZipFiles(path / name, functools.partial(files.open, name))
            self._zips[folder] = inner
            del self.sizes[name]
            self.sizes.update({f"{folder}/{member}": inner.sizes[member] for member in inner.sizes})

    def open(self, name: str) -> Path | bytes:
        for folder in _parents(name):
            if folder in self._zips:
                return self._zips[folder].open(name[len(folder) + 1 :])
        return self._files.open(name)


class ListedFiles:
    """Pictures given one by one, by paths relative to a folder."""

    def __init__(self, root: Path, names: Iterable[str]) -> None:
        self._root = root
        self.names = list(names)
        self.sizes: dict[str, object] = {name: _size(root / name) for name in self.names}

    def open(self, name: str) -> Path:
        return self._root / name


def _parents(name: str) -> list[str]:
    """The folders a file lies in, the outermost first: ``a/b/c.png`` → ``a``, ``a/b``."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


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
