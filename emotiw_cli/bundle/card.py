"""``MODEL_CARD.md``: what a bundle was made of, how good it is, and where it fails.

After Mitchell et al. 2019, doi:10.1145/3287560.3287596.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from emotiw_cli.artefact import KINDS, Artefact, open_artefact
from emotiw_cli.bundle.schema import BundleSpec
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError


def lineage(work: Path, artefacts: Sequence[Artefact]) -> list[Artefact]:
    """`artefacts` and all they were made from that is still in `work`, in order of making."""
    made: dict[tuple[str, str], Artefact] = {}

    def visit(artefact: Artefact) -> None:
        if (artefact.kind, artefact.name) in made:
            return
        for source in artefact.manifest.get("inputs", []):
            if source.get("kind") in KINDS:
                with contextlib.suppress(ArtefactError):
                    visit(open_artefact(work, source["kind"], source["name"]))
        made[artefact.kind, artefact.name] = artefact

    for artefact in artefacts:
        visit(artefact)
    return list(made.values())


def portable(command: str) -> str:
    """A recorded command without the places of one machine: outside paths become their names."""
    words = shlex.split(command)
    return shlex.join(
        Path(word).name if word.startswith(("/", "~", "..")) else word for word in words
    )


def render_card(spec: BundleSpec, ancestors: Sequence[Artefact]) -> str:
    """The card of the bundle `spec`, Markdown.

    Parameters
    ----------
    ancestors : what it was made from, see :func:`lineage`.
    """
    return (
        card_environment("emotiw_cli.bundle")
        .get_template("MODEL_CARD.md.j2")
        .render(
            spec=spec,
            emotions=EMOTIONS,
            sets=[artefact for artefact in ancestors if artefact.kind == "faces"],
            weights_files=_files(ancestors),
            commands=dict.fromkeys(
                portable(artefact.manifest["command"]) for artefact in ancestors
            ),
            weights=_weights(spec),
        )
    )


def card_environment(package: str) -> jinja2.Environment:
    """The templates of a package, with filters for figures and their intervals."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # it is Markdown
    )
    environment.filters["percent"] = _percent
    environment.filters["figure"] = _figure
    return environment


def _files(ancestors: Sequence[Artefact]) -> list[Mapping[str, str]]:
    found = {
        source["digest"]: source
        for artefact in ancestors
        if artefact.kind == "models"
        for source in artefact.manifest.get("inputs", [])
        if source.get("kind") == "file"
    }
    return list(found.values())


def _weights(spec: BundleSpec) -> list[str]:
    if spec.weights.kind == "member":
        return [f"{weight:.3f}" for weight in spec.weights.values]
    return [" ".join(f"{weight:.2f}" for weight in row) for row in spec.weights.values]


def _percent(figure: Mapping[str, Any] | float | None) -> str:
    """A share as percents, with its interval if it has one."""
    if not isinstance(figure, Mapping):
        return "–" if figure is None else f"{100 * figure:.1f} %"
    if figure["value"] is None:
        return "–"
    return f"{100 * figure['value']:.1f} %{_bounds(figure, 100, 1)}"


def _figure(figure: Mapping[str, Any]) -> str:
    """A figure with its interval."""
    return "–" if figure["value"] is None else f"{figure['value']:.3f}{_bounds(figure, 1, 3)}"


def _bounds(figure: Mapping[str, Any], scale: float, digits: int) -> str:
    low, high = figure["low"], figure["high"]
    return "" if low is None else f" ({scale * low:.{digits}f} to {scale * high:.{digits}f})"
