"""What `predict --group` found: one result type with clear fields, and its csv and JSON forms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from emotiw_cli.bundle.result import csv_rows, json_list
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.groups.layout import CLASSES

COLUMNS = (
    *("path", "status", "part", "face", "x", "y", "width", "height"),
    *CLASSES,
    *("emotion", "confidence", "share"),
)
"""The csv's columns: other programs rely on them."""


@dataclass(frozen=True)
class GroupFace:
    """One face of a group photo.

    Attributes
    ----------
    number : from 1, in the detector's order.
    x, y, width, height : its box in pixels of the upright picture.
    posterior : (3,) what the bundle says of the face alone.
    share : how much the probability of the group's emotion would fall without it; negative for
        one that speaks against it.
    emotions : (7,) its posterior of the seven emotions.
    """

    number: int
    x: int
    y: int
    width: int
    height: int
    posterior: tuple[float, ...]
    share: float
    emotions: tuple[float, ...]

    @property
    def expression(self) -> str:
        """The likeliest of the seven emotions."""
        return EMOTIONS[self.emotions.index(max(self.emotions))]


@dataclass(frozen=True)
class GroupPrediction:
    """One group photo, or why it gave nothing.

    Attributes
    ----------
    path : as it was given.
    status : ``ok``; ``no_face``: the posterior is that of the whole image, or, of a bundle that
        does not read it, the mix of the labels it was made with; ``missing``, ``unreadable``,
        ``too_large``, ``unsupported``.
    posterior : (3,) of the group, or empty.
    faces : those found.
    note : a sentence on what went wrong or is to be known, or empty.
    """

    path: str
    status: str = "ok"
    posterior: tuple[float, ...] = ()
    faces: tuple[GroupFace, ...] = ()
    note: str = ""

    @property
    def emotion(self) -> str:
        """The likeliest group emotion, see :func:`emotion_of`."""
        return emotion_of(self.posterior)

    def rows(self) -> Iterator[list[str]]:
        """The csv's rows: one of the group, then one of each face."""
        yield [self.path, self.status, "group", *[""] * 5, *_cells(self.posterior), ""]
        for face in self.faces:
            place = (face.number, face.x, face.y, face.width, face.height)
            cells = [*map(str, place), *_cells(face.posterior), f"{face.share:.6f}"]
            yield [self.path, self.status, "face", *cells]

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return {
            "path": self.path,
            "status": self.status,
            "note": self.note,
            **_answer(self.posterior),
            "faces": [
                {
                    "face": face.number,
                    "box": {"x": face.x, "y": face.y, "width": face.width, "height": face.height},
                    **_answer(face.posterior),
                    "share": round(face.share, 6),
                    "expression": face.expression,
                    "emotions": {
                        emotion: round(share, 6)
                        for emotion, share in zip(EMOTIONS, face.emotions, strict=True)
                    },
                }
                for face in self.faces
            ],
        }


def emotion_of(posterior: tuple[float, ...]) -> str:
    """The likeliest group emotion; empty without a posterior and where none is likeliest."""
    if not posterior or posterior.count(max(posterior)) > 1:
        return ""
    return CLASSES[posterior.index(max(posterior))]


def _cells(posterior: tuple[float, ...]) -> list[str]:
    if not posterior:
        return [""] * (len(CLASSES) + 2)
    shares = [f"{share:.6f}" for share in posterior]
    return [*shares, emotion_of(posterior), f"{max(posterior):.6f}"]


def _answer(posterior: tuple[float, ...]) -> dict[str, Any]:
    if not posterior:
        return {"posterior": None, "emotion": "", "confidence": 0.0}
    return {
        "posterior": {name: round(p, 6) for name, p in zip(CLASSES, posterior, strict=True)},
        "emotion": emotion_of(posterior),
        "confidence": round(max(posterior), 6),
    }


def csv_file(target: str) -> AbstractContextManager[Any]:
    """A function that appends a photo's rows to the csv at `target` (``-``: stdout)."""
    return csv_rows(target, COLUMNS, GroupPrediction.rows)


def json_file(target: str) -> AbstractContextManager[Any]:
    """A function that appends a photo to the JSON at `target` (``-``: stdout)."""
    return json_list(target, "groups", GroupPrediction.to_json)
