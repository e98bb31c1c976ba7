"""What of a recipe is there already, by the manifests in the workspace."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotiw_cli.recipes.step import Step, choices_of_command
from emotiw_cli.status.chain import OK, Node, read_chain

DONE = "done"
MISSING = "missing"
OTHER = "other options"


@dataclass(frozen=True)
class Planned:
    """A step and what there is of it.

    Attributes
    ----------
    step : the step.
    state : :data:`DONE`; :data:`MISSING`; :data:`OTHER`, made by a command that decides otherwise,
        which the verb will refuse to write over; or what `emotiw status` calls it: stale,
        half-written, damaged, being written.
    waits_for : names of steps that must run before it.
    """

    step: Step
    state: str
    waits_for: tuple[str, ...]


def plan(steps: Sequence[Step], work: Path) -> list[Planned]:
    """The state of every step, in order.

    A step that follows on one that is not done counts as stale even where what it makes is there.
    """
    nodes = read_chain(work)
    makers = {key: step.name for step in steps for key in step.makes}
    planned: dict[str, Planned] = {}
    for step in steps:
        before = dict.fromkeys(makers[key] for key in step.needs if key in makers)
        waits_for = tuple(name for name in before if planned[name].state != DONE)
        state = _state(step, nodes)
        if state == DONE and waits_for:
            state = "stale"
        planned[step.name] = Planned(step, state, waits_for)
    return list(planned.values())


def _state(step: Step, nodes: Mapping[str, Node]) -> str:
    there = [nodes[key] for key in step.makes if key in nodes]
    if len(there) < len(step.makes):
        return MISSING
    for node in there:
        if node.state != OK:
            return node.state
    for node in there:
        made = choices_of_command(shlex.split(str(node.manifest.get("command", ""))))
        # A manifest of a program that called the library itself records no command to compare.
        if made is not None and made != dict(step.choices):
            return OTHER
    return DONE
