"""Image sequences: pictures of a folder, or of a pattern such as ``frames/%04d.png``, as a clip.

A picture's number is the last one in its name. It says when the picture is shown, so a number that
is missing leaves a hole in the clip and does not pull the rest forward.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emotiw_cli.faces.images import is_picture

MOST_FPS = 1000.0
"""Frames a second that a sequence may have."""

_PATTERN = re.compile(r"((?:[^%]|%%)*)%(?:0([1-9][0-9]?))?d((?:[^%]|%%)*)")
_NUMBER = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class ImageSequence:
    """The pictures of a sequence.

    Attributes
    ----------
    files : in order.
    places : when each is shown, in frames from the first.
    holes : places without a picture between the first and the last.
    unnumbered : whether the places are not those of numbers: the pictures follow each other in the
        natural order of their names.
    """

    files: tuple[Path, ...]
    places: tuple[int, ...]
    holes: int
    unnumbered: bool


def is_sequence(path: Path) -> bool:
    """Whether a path is that of a folder, or a pattern of FFmpeg's, rather than that of a file."""
    return _is_folder(path) or is_pattern(path)


def is_pattern(path: Path) -> bool:
    """Whether a picture's name has one ``%d`` or ``%04d`` in it, and is not that of a file."""
    named = is_picture(path.name) and _PATTERN.fullmatch(path.name) is not None
    return named and not os.path.lexists(path)


def list_sequence(path: Path) -> ImageSequence:
    """List the pictures directly in a folder, hidden ones left out, or those of a pattern.

    If all names are equal but for their last number, places are by the numbers, over the greatest
    step that divides all their distances: 5, 10, 20 lacks one picture. Otherwise, and where more
    numbers are missing than there are, the pictures follow each other.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    if _is_folder(path):
        names = [name for name in _files_in(path) if is_picture(name)]
        folder = path
    else:
        names, folder = _matches(path), path.parent
    names.sort(key=_natural)
    files = tuple(folder / name for name in names)
    numbers = _numbers(names)
    if numbers is not None:
        step = math.gcd(*(number - numbers[0] for number in numbers)) or 1
        places = tuple((number - numbers[0]) // step for number in numbers)
        holes = places[-1] + 1 - len(places)
        if holes <= len(places):
            return ImageSequence(files, places, holes, False)
    return ImageSequence(files, tuple(range(len(files))), 0, len(files) > 1)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 (False, not an error, for an impossible name)


def _files_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]


def _matches(path: Path) -> list[str]:
    """The files whose names FFmpeg would make of a pattern."""
    match = _PATTERN.fullmatch(path.name)
    if match is None or not _is_folder(path.parent):
        return []
    before, width, after = match[1].replace("%%", "%"), int(match[2] or 1), match[3]
    wanted = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after.replace('%%', '%'))}")
    return [
        name
        for name in _files_in(path.parent)
        if (found := wanted.fullmatch(name)) and found[1] == f"{int(found[1]):0{width}d}"
    ]


def _numbers(names: Iterable[str]) -> list[int] | None:
    """The last number of each name, if nothing else tells the names apart, else None."""
    frames, numbers = set(), []
    for name in names:
        parts = _NUMBER.split(Path(name).stem)
        if len(parts) < 3:
            return None
        frames.add((*parts[:-2], parts[-1]))
        numbers.append(int(parts[-2]))
    return numbers if len(frames) == 1 and len(set(numbers)) == len(numbers) else None


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts 2 before 10; of equal numbers, 02 and 2, by the text."""
    parts = _NUMBER.split(name)
    return [(int(part) if place % 2 else 0, part) for place, part in enumerate(parts)], name
