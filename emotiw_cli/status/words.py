"""What is said of an artefact in a line, and what to do next."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from emotiw_cli.status.chain import CHANGED, DAMAGED, HALF_WRITTEN, STALE, Node

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def headline(node: Node) -> str:
    """What a finished artefact holds and its key figure."""
    parameters, counts = (node.manifest.get(part, {}) for part in ("parameters", "counts"))
    parts: list[str] = []
    if node.kind == "faces":
        size = "×".join(str(side) for side in parameters.get("size", []))
        if "faces" in counts:
            parts.append(f"{counts['faces']:,} faces of {counts.get('inputs', 0):,} pictures")
        parts += [size] if size else []
    elif node.kind == "codes":
        parts = [f"radius {parameters['radius']}"] if "radius" in parameters else []
        parts += [f"{counts['faces']:,} faces"] if "faces" in counts else []
    elif node.kind == "models":
        recipe = parameters.get("recipe", {})
        known = (parameters.get("task"), recipe.get("net"), recipe.get("representation"))
        parts = [text for text in known if text]
    elif node.kind == "tubes":
        parts = [f"{counts[what]:,} {what}" for what in ("clips", "tubes") if what in counts]
    elif node.kind == "modules":
        parts = _module(node)
    elif node.kind == "groups" and "faces" in counts:
        parts = [f"{counts['faces']:,} faces in {counts.get('inputs', 0):,} pictures"]
    elif node.kind == "features" and "images" in counts:
        parts = [f"{counts['images']:,} pictures", f"by {parameters.get('backbone')}"]
    elif node.kind == "bundles":
        parts = [f"{counts['members']} members"] if "members" in counts else []
        parts += [f"of clips, {parameters['fused']}"] if "fused" in parameters else []
    return ", ".join(part for part in (*parts, _accuracy(node)) if part)


def main_figures(node: Node) -> Mapping[str, Any]:
    """The figures an artefact is judged by: a bundle's are the cross-validated ones."""
    metrics: Mapping[str, Any] = node.manifest.get("metrics", {})
    return metrics.get("cross_validated", metrics)


def flat(content: Mapping[str, Any], before: str = "") -> str:
    """Nested values as one readable text; long lists and what is empty are left out."""
    parts = []
    for name, value in content.items():
        full = f"{before}{name.replace('_', ' ')}"
        if isinstance(value, Mapping) and set(value) == {"value", "low", "high"}:
            parts.append(f"{full} {_short(value['value'])}")
            if value["low"] is not None:
                parts[-1] += f" ({_short(value['low'])} to {_short(value['high'])})"
        elif isinstance(value, Mapping):
            parts.append(flat(value, f"{full} "))
        elif isinstance(value, list):
            few = 0 < len(value) <= 4 and not isinstance(value[0], Mapping)
            parts += [f"{full} {' '.join(map(_short, value))}"] if few else []
        elif value is not None:
            parts.append(f"{full} {_short(value)}")
    return ", ".join(part for part in parts if part)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _accuracy(node: Node) -> str:
    found = main_figures(node).get("accuracy")
    if isinstance(found, Mapping):  # with an interval
        found = found.get("value")
    how = " cross-validated" if node.kind == "bundles" else ""
    return f"accuracy {found:.4f}{how}" if isinstance(found, int | float) else ""


def _module(node: Node) -> list[str]:
    """What a module of clips is, and how good on each split it was measured on."""
    parameters, counts = (node.manifest.get(part, {}) for part in ("parameters", "counts"))
    parts = [str(parameters["module"])] if "module" in parameters else []
    if "method" in parameters:
        parts[-1:] = [f"{', '.join(parameters.get('modules', ()))} fused by {parameters['method']}"]
    if "applied" in parameters:
        parts.append(f"by {parameters['applied']}")
    parts += [f"{counts['clips']:,} clips"] if "clips" in counts else []
    for split, figures in node.manifest.get("metrics", {}).items():
        parts.append(f"accuracy {figures['accuracy']['value']:.4f} on {split}")
    return parts


def size_text(size: int) -> str:
    """Bytes as people read them: ``1.2 GB``."""
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 999.5 or unit == "TB":
            break
        number /= 1000
    return f"{number:.3g} {unit}"


def age_text(changed: float, now: float | None = None) -> str:
    """Time since `changed` (seconds since the epoch): ``3 h``."""
    seconds = (time.time() if now is None else now) - changed
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds / length)} {unit}"
    return "now"


def next_step(nodes: Mapping[str, Node]) -> str:
    """What to do next, for someone who looks at the chain: a sentence, or nothing."""
    for node in nodes.values():
        if node.state == HALF_WRITTEN:
            return f"Finish {node.key} with the command it was begun with; it goes on from there."
        if node.state in (STALE, DAMAGED, CHANGED):
            return f"Make {node.key} again: {_command(node)}."
    kinds = {node.kind for node in nodes.values()}
    if not kinds:
        return (
            "Begin with `emotiw align PHOTOS --name NAME`; `emotiw predict photo.jpg` needs no "
            "workspace."
        )
    if kinds <= {"tubes", "modules", "voices"}:
        return _next_of_clips(nodes, kinds)
    if "models" not in kinds and "bundles" not in kinds:
        return "Train next: `emotiw finetune FACES --name MODEL`."
    tasks = {node.manifest.get("parameters", {}).get("task") for node in nodes.values()}
    if "bundles" not in kinds and "emotion" in tasks:
        return "Make a bundle next: `emotiw ensemble --members MODEL,… --name BUNDLE`."
    return ""


def _next_of_clips(nodes: Mapping[str, Node], kinds: set[str]) -> str:
    """The same where there are clips alone."""
    if "tubes" not in kinds:
        return "Bundle next: `emotiw clips bundle --voice VOICE --voice-share 0.2 --name BUNDLE`."
    if "modules" not in kinds:
        return "Train next: `emotiw clips train faces TUBES --name MODULE`."
    fused = [
        node.name
        for node in nodes.values()
        if "method" in node.manifest.get("parameters", {})  # applied ones have none
    ]
    if not fused:
        return "Fuse next: `emotiw clips fuse --modules MODULE,… --name FUSED`."
    return f"Make a bundle next: `emotiw clips bundle --fused {fused[0]} --name BUNDLE`."


def _command(node: Node) -> str:
    command = node.manifest.get("command", "")
    if not command:
        return "the command it was made with, and --overwrite"
    # Codes of faces that have changed are made anew; all else keeps to what it was begun with.
    again = (node.kind == "codes" and node.state == STALE) or node.kind == "evaluations"
    overwrite = "" if again or "--overwrite" in command else " --overwrite"
    return f"`{command}{overwrite}`"
