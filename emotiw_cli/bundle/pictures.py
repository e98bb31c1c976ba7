"""Which pictures or clips `predict`'s arguments mean: files, folders, globs, a list on stdin."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.clips.names import is_clip
from emotiw_cli.clips.sequence import is_pattern
from emotiw_cli.faces.images import is_picture

STANDARD_INPUT = "-"


def find_pictures(
    arguments: Iterable[str], listed: Iterable[str] = (), *, sequences: bool = False
) -> Iterator[str | FacePrediction]:
    """Yield the path of every picture or clip meant, in order, repeats and all.

    A path that exists is taken as it is, even if it holds ``*`` or ``[``; a folder stands for the
    pictures below it (:func:`is_picture`), or for the clips if there are none, sorted by name,
    hidden ones left out; a glob for what it matches. Clips beside pictures are not read with them,
    but none is passed over in silence.

    Parameters
    ----------
    arguments : paths of files and folders, globs, or ``-`` for `listed`.
    listed : lines with a path each, such as standard input; empty ones are skipped. If there is a
        NUL, that ends a path instead of the line's end, as in what ``find -print0`` writes.
    sequences : a folder stands for the folders below it, or itself, that pictures lie in, and for
        the clips below it: each is a clip. So is a pattern such as ``frames/%04d.png``.

    Yields
    ------
    str
        A path: as it was given; for members of a folder, the given folder joined with the name.
    FacePrediction
        Status ``missing``, for a folder without either, a glob without match and a pattern that is
        no clip; ``unsupported``, for a clip in a folder that has pictures too.
    """
    members = _sequences if sequences else _members
    for argument in arguments:
        if argument == STANDARD_INPUT:
            yield from find_pictures(_paths_in(listed), sequences=sequences)
        elif os.path.isdir(argument):  # noqa: PTH112 (False, not an error, for an impossible name)
            yield from _or_missing(argument, members(argument), "holds no pictures")
        elif is_pattern(Path(argument)):
            note = f"{argument} is a pattern of pictures: --sequence FPS reads them as a clip."
            yield argument if sequences else FacePrediction(argument, "missing", note=note)
        elif not os.path.lexists(argument) and glob.has_magic(argument):
            found = (
                path
                for match in sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 (any pattern)
                for path in ([match] if Path(match).is_file() else members(match))
            )
            yield from _or_missing(argument, found, "matches no picture")
        else:
            yield argument


def _paths_in(listed: Iterable[str]) -> Iterator[str]:
    text = "".join(listed)
    for path in text.split("\0") if "\0" in text else text.splitlines():
        if path and path != STANDARD_INPUT:
            yield path


def _members(folder: str) -> Iterator[str | FacePrediction]:
    files = list(_files_below(folder))
    pictures = any(is_picture(file) for file in files)
    for file in files:
        if is_picture(file) or (is_clip(file) and not pictures):
            yield file
        elif is_clip(file):
            note = f"{file} is a clip among pictures: call predict for the clips by themselves."
            yield FacePrediction(file, "unsupported", note=note)


def _sequences(folder: str) -> Iterator[str]:
    pictured = set()
    for file in _files_below(folder):
        place = os.path.dirname(file)  # noqa: PTH120 (keeps ./ and //)
        if is_picture(file) and place not in pictured:
            pictured.add(place)
            yield place
        elif is_clip(file):
            yield file


def _files_below(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield os.path.join(place, name)  # noqa: PTH118 (keeps ./ and //)


def _or_missing(
    given: str, found: Iterable[str | FacePrediction], trouble: str
) -> Iterator[str | FacePrediction]:
    empty = True
    for path in found:
        empty = False
        yield path
    if empty:
        yield FacePrediction(given, "missing", note=f"{given} {trouble}: check the path.")
