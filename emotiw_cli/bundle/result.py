"""What `predict` found: one result type with clear fields, and its csv and JSON forms."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from emotiw_cli.emotions import EMOTIONS

COLUMNS = (
    *("path", "status", "face", "x", "y", "width", "height"),
    *EMOTIONS,
    *("emotion", "confidence"),
)
"""The csv's columns: other programs rely on them."""

OK = "ok"
STANDARD_OUTPUT = "-"
"""As the name of an output file: standard output."""


@dataclass(frozen=True, slots=True)
class FacePrediction:
    """One face of one picture, or why the picture gave none.

    Attributes
    ----------
    path : the picture, as it was given.
    status : ``ok``, ``no_face``, ``missing``, ``unreadable``, ``too_large``, ``unsupported``.
    face : number of the face within the picture from 1, clear and large ones first; 0 if there
        is none.
    x, y, width, height : its box in pixels of the upright picture.
    posterior : seven probabilities in the order of :data:`EMOTIONS`, or empty.
    note : a sentence on what went wrong, or empty.
    """

    path: str
    status: str = OK
    face: int = 0
    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0
    posterior: tuple[float, ...] = ()
    note: str = ""

    @property
    def confidence(self) -> float:
        """The largest probability; 0 without a face."""
        return max(self.posterior, default=0.0)

    @property
    def emotion(self) -> str:
        """The emotion of the largest probability; empty without a face."""
        return EMOTIONS[self.posterior.index(self.confidence)] if self.posterior else ""

    def cells(self) -> list[str]:
        """The csv's cells, in the order of :data:`COLUMNS`; blank where there is nothing."""
        if not self.posterior:
            return [self.path, self.status, *[""] * (len(COLUMNS) - 2)]
        return [
            *(self.path, self.status),
            *map(str, (self.face, self.x, self.y, self.width, self.height)),
            *(f"{share:.6f}" for share in self.posterior),
            *(self.emotion, f"{self.confidence:.6f}"),
        ]

    def to_json(self) -> dict[str, Any]:
        """The face as a dictionary of JSON values, without its picture's path and status."""
        return {
            "face": self.face,
            "box": {"x": self.x, "y": self.y, "width": self.width, "height": self.height},
            "posterior": {
                emotion: round(share, 6)
                for emotion, share in zip(EMOTIONS, self.posterior, strict=True)
            },
            "emotion": self.emotion,
            "confidence": round(self.confidence, 6),
        }


class Predictions(list[list[FacePrediction]]):
    """Predictions picture by picture; each picture has at least one entry."""

    def faces(self) -> Iterator[FacePrediction]:
        """The entries of all pictures in turn."""
        for picture in self:
            yield from picture

    def to_csv(self, path: Path | str) -> None:
        """Write the csv of :data:`COLUMNS`, whole or not at all; OutputError if it cannot be."""
        with csv_file(str(path)) as write:
            for picture in self:
                write(picture)

    def to_json(self, path: Path | str) -> None:
        """Write JSON, whole or not at all: ``{"pictures": [{path, status, note, faces}, …]}``."""
        with json_file(str(path)) as write:
            for picture in self:
                write(picture)

    def draw(self, folder: Path | str) -> list[Path]:
        """Write an annotated copy of every picture with faces into `folder`; return the files.

        Raises
        ------
        OutputError
            If a file cannot be written, or would replace a picture that was read.
        """
        from emotiw_cli.bundle.draw import draw_file, plan_drawings

        plan = plan_drawings([picture[0].path for picture in self], Path(folder))
        drawn = [(plan[picture[0].path], picture) for picture in self if picture[0].posterior]
        for target, picture in drawn:
            draw_file(picture, target)
        return list(dict.fromkeys(target for target, _ in drawn))


def picture_json(picture: list[FacePrediction]) -> dict[str, Any]:
    """One picture and its faces as a dictionary of JSON values."""
    first = picture[0]
    return {
        "path": first.path,
        "status": first.status,
        "note": first.note,
        "faces": [face.to_json() for face in picture if face.posterior],
    }


def csv_file(target: str) -> AbstractContextManager[Any]:
    """A function that appends a picture's rows to the csv at `target` (``-``: stdout)."""
    return csv_rows(target, COLUMNS, lambda picture: (face.cells() for face in picture))


def json_file(target: str) -> AbstractContextManager[Any]:
    """A function that appends a picture to the JSON at `target` (``-``: stdout)."""
    return json_list(target, "pictures", picture_json)


@contextlib.contextmanager
def csv_rows(
    target: str, columns: Sequence[str], rows_of: Callable[[Any], Iterable[Sequence[object]]]
) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends the rows of a thing to the csv at `target`."""
    # A file name need not be UTF-8: surrogateescape gives its bytes back as they were.
    with output_text(target, errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        begun = False

        def write(thing: Any) -> None:
            nonlocal begun
            if not begun:  # a run that fails before its first thing leaves nothing behind
                writer.writerow(columns)
                begun = True
            writer.writerows(rows_of(thing))

        yield write
        if not begun:
            writer.writerow(columns)


@contextlib.contextmanager
def json_list(
    target: str, key: str, to_json: Callable[[Any], dict[str, Any]]
) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends a thing to the JSON at `target`: ``{KEY: [ … ]}``."""
    # A name that is not UTF-8 becomes the JSON escapes that Python's json reads back.
    with output_text(target, errors="backslashreplace") as file:
        separator = f'{{"{key}": [\n'

        def write(thing: Any) -> None:
            nonlocal separator
            file.write(separator + json.dumps(to_json(thing), ensure_ascii=False))
            separator = ",\n"

        try:
            yield write
        except BaseException:  # what an interrupted run leaves behind is JSON too
            if separator == ",\n":
                file.write("\n]}\n")
            raise
        file.write(("\n" if separator == ",\n" else separator) + "]}\n")


@contextlib.contextmanager
def output_text(target: str, errors: str) -> Iterator[IO[str] | _LandingText]:
    """Text that lands at `target` whole; cut short, what there is stays as ``TARGET.partial``."""
    if target == STANDARD_OUTPUT:
        sys.stdout.reconfigure(errors=errors)  # type: ignore[union-attr]
        yield sys.stdout
        sys.stdout.flush()
        return
    file = _LandingText(Path(target), errors)
    try:
        yield file
        file.land()
    except BaseException:
        file.keep()
        raise


class _LandingText:
    """A text file on its way to `path`, for a run that may take hours.

    Beside what :func:`emotiw_cli.artefact.landing` does, it keeps what was written when the run
    fails, and calls only its own failures failures of the output.
    """

    def __init__(self, path: Path, errors: str) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        with self._blamed():
            self._file = open(  # noqa: SIM115 (open as long as the run)
                self._temporary, "w", encoding="utf-8", errors=errors, newline=""
            )

    def write(self, text: str) -> None:
        with self._blamed():
            self._file.write(text)

    def land(self) -> None:
        with self._blamed():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._path)

    def keep(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            if self._temporary.stat().st_size:
                os.replace(self._temporary, partial_of(self._path))
            else:
                self._temporary.unlink()

    @contextlib.contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            from emotiw_cli.artefact import output_error  # seldom needed, slow to import

            raise output_error(self._path, error) from error


def partial_of(path: Path) -> Path:
    """Where the rows of an interrupted run are kept."""
    return path.with_name(path.name + ".partial")
