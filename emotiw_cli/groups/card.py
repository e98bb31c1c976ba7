"""``MODEL_CARD.md`` of a group bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotiw_cli.artefact import Artefact
from emotiw_cli.bundle.card import card_environment, lineage, portable
from emotiw_cli.groups.forest import Forest
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.groups.schema import GroupSpec


def render_card(
    spec: GroupSpec,
    work: Path,
    artefacts: Sequence[Artefact],
    forests: Mapping[str, Forest],
    about: str,
) -> str:
    """The card of the group bundle `spec`, Markdown.

    Parameters
    ----------
    artefacts : of its members, in `work`. forests : of its members.
    about : a paragraph on the photos it was trained and measured on.
    """
    ancestors = lineage(work, artefacts)
    template = card_environment("emotiw_cli.groups").get_template("MODEL_CARD.md.j2")
    return template.render(
        spec=spec,
        classes=CLASSES,
        about=about,
        trees={member: forest.trees for member, forest in forests.items()},
        commands=dict.fromkeys(portable(artefact.manifest["command"]) for artefact in ancestors),
    )
