"""What stages that work part by part share: the plan they keep to, and a clean start."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py

from emotiw_cli.artefact import MANIFEST, read_json, write_json
from emotiw_cli.errors import ArtefactError

PLAN = "plan.json"


def keep_to_plan(
    folder: Path,
    plan: Mapping[str, Any],
    remedy: str = "choose another --name, or start again with --overwrite",
) -> None:
    """Write down what is being made; refuse to go on with anything else under the same name.

    Parameters
    ----------
    remedy : what to do about a refusal.

    Raises
    ------
    ArtefactError
        If `folder` was begun with another plan; the sentence names the difference.
    """
    plan = json.loads(json.dumps(plan))
    path = folder / PLAN
    if not path.exists():
        write_json(path, plan)
        return
    before = read_json(path)
    for name in plan:
        if name in before and before[name] != plan[name]:
            raise ArtefactError(
                f"{folder} was begun with {name.replace('_', ' ')} {_short(before[name])}, not "
                f"{_short(plan[name])}; {remedy}."
            )


def clear(folder: Path) -> None:
    """Remove an artefact made part by part, its manifest first, so that it is never half whole."""
    for pattern in (MANIFEST, PLAN, "index.csv", "shard-*", "part-*", ".*.part"):
        for path in folder.glob(pattern):
            path.unlink()


def sweep(folder: Path, names: Iterable[str]) -> None:
    """Remove what a killed run left of the files `names`."""
    for name in names:
        for path in folder.glob(f".{name}.*.part"):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def holds(path: Path, dataset: str, count: int) -> bool:
    """Whether `path` is a readable shard with `count` pictures."""
    try:
        with h5py.File(path, "r") as file:
            return len(file[dataset]) == count
    except (OSError, KeyError):
        return False


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "×".join(map(str, value))
    text = str(value)
    return text[:12] + "…" if len(text) > 40 else text
