"""The chain as an outline: each artefact below what it was made from, and described once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emotiw_cli.status.chain import Node, in_order


@dataclass(frozen=True)
class Line:
    """One line of an outline.

    Attributes
    ----------
    guides : the lines drawn before the name.
    node : the artefact.
    again : it is described further up already; its own part of the outline is not repeated.
    """

    guides: str
    node: Node
    again: bool = False


def outline(nodes: Mapping[str, Node]) -> list[Line]:
    """Lay the chain out from the faces down.

    An artefact stands below each of the artefacts it was made from, but not below those that one
    of the others was made from in turn: a model below its codes, not below their faces as well.
    """
    ordered = {node.key: node for node in in_order(nodes)}
    parents = {key: _nearest(node, ordered) for key, node in ordered.items()}
    children: dict[str, list[str]] = {key: [] for key in ordered}
    for key, above in parents.items():
        for parent in above:
            children[parent].append(key)
    lines: list[Line] = []
    described: set[str] = set()

    def lay(key: str, own: str, below: str) -> None:
        again = key in described
        described.add(key)
        lines.append(Line(own, ordered[key], again))
        if again:
            return
        last = len(children[key]) - 1
        for place, child in enumerate(children[key]):
            turn, bar = ("└─ ", "   ") if place == last else ("├─ ", "│  ")
            lay(child, below + turn, below + bar)

    for key in ordered:
        if not parents[key]:
            lay(key, "", "")
    return lines


def _nearest(node: Node, nodes: Mapping[str, Node]) -> list[str]:
    direct = [key for key in dict.fromkeys(node.made_from) if key in nodes]
    far = set().union(*(_ancestors(key, nodes) for key in direct))
    return [key for key in direct if key not in far]


def _ancestors(key: str, nodes: Mapping[str, Node]) -> set[str]:
    found: set[str] = set()
    waiting = [made_from for made_from in nodes[key].made_from if made_from in nodes]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [key for key in nodes[one].made_from if key in nodes]
    return found
