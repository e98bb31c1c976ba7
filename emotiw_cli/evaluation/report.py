"""``report.html``: an evaluation on one page that needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import jinja2
import numpy as np

from emotiw_cli import __version__
from emotiw_cli.bundle.schema import BundleSpec
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.index import OK
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.evaluation.evaluate import Evaluation

_SHOWN = 6
_WIDTH = 96
_JPEG_QUALITY = 84


@dataclass(frozen=True)
class Thumbnail:
    """A face as the report shows it."""

    source: str
    path: str
    label: str
    emotion: str
    confidence: float


@dataclass(frozen=True)
class Words:
    """How the report of a kind of set is worded.

    Attributes
    ----------
    thing, things : what is measured on. counted : what figures are counted over.
    found, is_found : with an answer, and how that came. missing, lacks : without.
    system, part : what was measured, and what it is made of.
    """

    thing: str
    things: str
    counted: str
    found: str
    is_found: str
    missing: str
    lacks: str
    system: str
    part: str


OF_FACES = Words(
    *("picture", "pictures", "faces", "with a face", "in which a face was found", "no face"),
    *("in which no face was found", "ensemble", "member"),
)
OF_CLIPS = Words(
    *("clip", "clips", "clips", "with an answer", "of which something was said", "no answer"),
    *("of which nothing was said", "system", "module"),
)


def render_report(evaluation: Evaluation, spec: BundleSpec, faces: Faces) -> str:
    """The report as HTML: figures, charts and faces, without links to anything outside.

    Parameters
    ----------
    spec : of the bundle that was measured.
    faces : the set it was measured on, for the pictures.
    """
    weights = spec.weights.values
    return _rendered(
        evaluation,
        OF_FACES,
        name=spec.name,
        version=spec.version,
        licence=spec.licence,
        parts=[
            (member.name, f"{member.preprocessing.representation}, {member.net}")
            for member in spec.members
        ],
        how=f"all with the bundle's prior (strength {spec.prior.strength:.2f}) and temperature "
        f"({spec.temperature:.3f})",
        kind=spec.weights.kind,
        weights=weights.tolist(),
        largest=float(weights.max()),
        size=faces.size,
        gallery=_gallery(evaluation, faces),
    )


def render_clip_report(
    evaluation: Evaluation, name: str, version: str, licence: str, parts: Sequence[str]
) -> str:
    """The report of what reads clips, as HTML; it shows no faces.

    Parameters
    ----------
    name, version, licence : of what was measured. parts : its modules.
    """
    return _rendered(
        evaluation,
        OF_CLIPS,
        name=name,
        version=version,
        licence=licence,
        parts=[(part, "") for part in parts],
        how="even odds where a module says nothing",
        kind="",
        size=None,
        gallery=[],
    )


def _rendered(evaluation: Evaluation, words: Words, **told: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emotiw_cli.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = _percent
    environment.filters["number"] = _number
    environment.filters["signed"] = lambda figure, digits: f"{figure:+.{digits}f}".replace("-", "−")
    return environment.get_template("report.html.j2").render(
        figures=evaluation.figures,
        words=words,
        emotions=EMOTIONS,
        confusion=_confusion(evaluation.figures["confusion"]["counts"]),
        emotiw=__version__,
        **told,
    )


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}"


def _number(figure: float | None, digits: int = 3) -> str:
    return "–" if figure is None else f"{figure:.{digits}f}"


def _confusion(counts: list[list[int]]) -> list[list[Mapping[str, Any]]]:
    """Cells of the matrix: count and share of the row; the last column only if it is used."""
    used = counts if any(row[-1] for row in counts) else [row[:-1] for row in counts]
    return [
        [{"count": count, "share": count / sum(row) if sum(row) else None} for count in row]
        for row in used
    ]


def _gallery(evaluation: Evaluation, faces: Faces) -> list[dict[str, Any]]:
    """For each emotion the faces labelled so that are most confidently right, and wrong."""
    predicted = np.nan_to_num(evaluation.posteriors).argmax(axis=1)
    confidence = np.nan_to_num(evaluation.posteriors).max(axis=1)
    found = np.array([row.status == OK for row in evaluation.rows])
    order = np.argsort(-confidence, kind="stable")
    gallery = []
    for number, emotion in enumerate(EMOTIONS):
        of_class = found & (evaluation.labels == number)
        parts = {
            "right": of_class & (predicted == number),
            "wrong": of_class & (predicted != number),
        }
        shown = {
            name: [
                _thumbnail(evaluation, faces, int(place)) for place in order[part[order]][:_SHOWN]
            ]
            for name, part in parts.items()
        }
        totals = {f"{name}_total": int(part.sum()) for name, part in parts.items()}
        if of_class.any():
            gallery.append({"emotion": emotion, **shown, **totals})
    return gallery


def _thumbnail(evaluation: Evaluation, faces: Faces, place: int) -> Thumbnail:
    row, posterior = evaluation.rows[place], evaluation.posteriors[place]
    face = faces.face(row.row)
    height = round(face.shape[0] * _WIDTH / face.shape[1])
    smaller = cv2.resize(face, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(
        ".jpg", smaller[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    return Thumbnail(
        source="data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode(),
        path=row.path,
        label=row.label,
        emotion=EMOTIONS[int(posterior.argmax())],
        confidence=float(posterior.max()),
    )
