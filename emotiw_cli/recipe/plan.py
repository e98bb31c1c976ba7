"""How far each step of a recipe is, from the artefacts' manifests, as `status` knows them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw_cli.errors import InputError
from emotiw_cli.recipe.experiment import Experiment, Step
from emotiw_cli.status.chain import OK, STALE, WRITING, Node, read_chain

DONE = "done"
MISSING = "missing"
OTHER = "other options"
ALWAYS = "always"

# They change how a step is run, or are told by the artefact's name, and not what comes of it.
_NO_MATTER = frozenset(
    [
        "name",
        "radius",
        "picture",
        "face",
        "work",
        "as_json",
        "workers",
        "threads",
        "device",
        "overwrite",
        "share",
    ]
)


@dataclass(frozen=True)
class Planned:
    """A step and its state.

    Attributes
    ----------
    state : :data:`DONE`; :data:`MISSING`; :data:`OTHER`, made by a command with other options,
        which the verb looks into when it is run; :data:`ALWAYS`, makes no artefact; or a state of
        the chain: stale, half-written, being written, damaged.
    """

    step: Step
    state: str
    note: str = ""


def plan(experiment: Experiment, work: Path) -> list[Planned]:
    """The state of every step, in order."""
    nodes = read_chain(work)
    return [judge(step, nodes) for step in experiment.steps]


def judge(step: Step, nodes: Mapping[str, Node]) -> Planned:
    """The state of one step."""
    if not step.makes:
        return Planned(step, ALWAYS)
    for key in step.makes:
        if key not in nodes:
            return Planned(step, MISSING)
        if nodes[key].state != OK:
            return Planned(step, nodes[key].state, nodes[key].note)
    for key in step.makes:
        other = _differences(step, nodes[key])
        if other:
            return Planned(step, OTHER, other)
    return Planned(step, DONE)


def remade(state: str) -> bool:
    """Whether a step in `state` has to be told to overwrite before it makes its artefact again."""
    return state in (STALE, OTHER)


def waits(state: str) -> bool:
    """Whether somebody else is at it."""
    return state == WRITING


def _differences(step: Step, node: Node) -> str:
    """In what the command that made an artefact differs from the step; empty if in nothing."""
    words = shlex.split(str(node.manifest.get("command", "")))[1:]
    depth = len(step.verb.words)
    if tuple(words[:depth]) != step.verb.words:
        return f"made by `emotiw {' '.join(words[:depth])}`"
    try:
        made = step.verb.parse(words[depth:])
    except InputError:
        return "made by a command this emotiw does not know"
    return ", ".join(
        f"{name.replace('_', '-')} {made.get(name)}, not {wanted}"
        for name, wanted in step.options.items()
        if name not in _NO_MATTER and _plain(made.get(name)) != _plain(wanted)
    )


def _plain(value: Any) -> Any:
    """Paths by their last part, as data may lie elsewhere; lists as one, commas or not."""
    if isinstance(value, list | tuple):
        return [_plain(part) for one in value for part in str(one).split(",")]
    return Path(value).name if isinstance(value, str | Path) and str(value) else value
