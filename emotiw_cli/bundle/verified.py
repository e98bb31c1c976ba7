"""Read a bundle's file: the bytes that are checked are the bytes that are used."""

from __future__ import annotations

import hashlib
from pathlib import Path

from emotiw_cli.errors import ArtefactError, TamperedError


def read_verified(path: Path, expected: str) -> bytes:
    """The bytes of `path`, once their SHA-256 proves to be `expected`.

    Raises
    ------
    ArtefactError
        If there is no such file.
    TamperedError
        If it is another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"{path} is missing or cannot be read ({error.strerror}); copy the bundle again."
        ) from error
    check(path, content, expected)
    return content


def check(path: Path, content: bytes, expected: str) -> None:
    """Raise :class:`TamperedError` unless `expected` is the SHA-256 of `content`, of `path`."""
    if hashlib.sha256(content).hexdigest() != expected:
        raise TamperedError(
            f"{path} is not the file the bundle was made with (its SHA-256 differs); copy the "
            "bundle again, or install emotiw again if it came with it."
        )
