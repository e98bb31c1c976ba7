"""The chain of artefacts in a workspace: what is there, in what state, made from what.

Reads manifests and file names alone; an artefact's content is read only to verify it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emotiw_cli.artefact import KINDS, MANIFEST, SCHEMA, sha256
from emotiw_cli.errors import InputError

ALL_KINDS = (*KINDS, "evaluations")
"""Folders of a workspace, in the order of the pipeline."""

OK = "ok"
STALE = "stale"
HALF_WRITTEN = "half-written"
DAMAGED = "damaged"
WRITING = "being written"
CHANGED = "changed"
_BUNDLE_FILES = ("bundle.json", "groups.json", "clips.json")
"""The specifications of bundles of faces, groups and clips; what reads one records its digest."""


@dataclass(frozen=True)
class Node:
    """One artefact of the chain.

    Attributes
    ----------
    kind, name, folder : which it is and where it lies.
    state : :data:`OK`; :data:`STALE`, made from something that has changed since;
        :data:`HALF_WRITTEN`, without a manifest; :data:`DAMAGED`, with one that cannot be read;
        :data:`WRITING`, locked by a running stage; :data:`CHANGED`, with files that are not those
        the manifest records (found by verifying).
    note : a sentence on the state; empty where there is nothing to say.
    made_from : keys (``kind/name``) of artefacts. sources : names of files and folders outside.
    used_by : keys of artefacts made from it.
    size : bytes on disk.
    changed : when it was last written, seconds since the epoch.
    manifest : its content, empty if there is none.
    """

    kind: str
    name: str
    folder: Path
    state: str
    note: str = ""
    made_from: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    size: int = 0
    changed: float = 0.0
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.name}"


def read_chain(
    work: Path, *, verify: bool = False, on_file: Callable[[Path], None] = lambda path: None
) -> dict[str, Node]:
    """Read all artefacts of the workspace `work`.

    Parameters
    ----------
    verify : read every file again and compare its SHA-256 with the manifest's.
    on_file : told of each file before it is read.

    Returns
    -------
    Nodes by key, in the order of the pipeline, then by name. Empty where there is no workspace.

    Raises
    ------
    InputError
        If the workspace is no folder or cannot be read.
    """
    if work.exists() and not work.is_dir():
        raise InputError(f"{work} is a file, not a workspace; name its folder with --work.")
    nodes = {}
    try:
        for kind in ALL_KINDS:
            for folder in sorted((work / kind).glob("[!.]*")):
                if folder.is_dir():
                    node = _read(kind, folder)
                    nodes[node.key] = node
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}).") from error
    _link(nodes)
    for key, node in nodes.items():
        if node.state == OK and verify:
            nodes[key] = _verified(node, on_file)
    for key in nodes:
        nodes[key] = _with_progress(nodes[key], nodes)
    for node in in_order(nodes):
        nodes[node.key] = _with_staleness(node, nodes)
    return nodes


def in_order(nodes: Mapping[str, Node]) -> Iterator[Node]:
    """The nodes, each after those it was made from."""
    done: set[str] = set()

    def visit(key: str) -> Iterator[Node]:
        if key in nodes and key not in done:
            done.add(key)
            for made_from in nodes[key].made_from:
                yield from visit(made_from)
            yield nodes[key]

    for key in list(nodes):
        yield from visit(key)


def _read(kind: str, folder: Path) -> Node:
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    node = Node(
        kind,
        folder.name,
        folder,
        OK,
        size=sum(file.st_size for file in files),
        changed=max((file.st_mtime for file in files), default=folder.stat().st_mtime),
    )
    path = folder / MANIFEST
    if path.is_file():
        node = _with_manifest(replace(node, changed=path.stat().st_mtime), path)
    else:
        node = replace(node, state=HALF_WRITTEN)
    holder = _holder(folder)
    return replace(node, state=WRITING, note=f"by {holder}") if holder else node


def _with_manifest(node: Node, path: Path) -> Node:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            note = f"its manifest has schema {manifest['schema']}, this emotiw reads {SCHEMA}"
            return replace(node, state=DAMAGED, note=note)
        if manifest["kind"] != node.kind:
            note = f"its manifest is one of {manifest['kind']}"
            return replace(node, state=DAMAGED, note=note)
        inputs = [(str(entry["kind"]), str(entry["name"])) for entry in manifest["inputs"]]
        if not {"digest", "outputs"} <= set(manifest):
            raise KeyError("digest")
    except (ValueError, KeyError, TypeError) as error:
        return replace(node, state=DAMAGED, note=f"its manifest cannot be read ({error})")
    known = [f"{kind}/{name}" for kind, name in inputs if kind in ALL_KINDS]
    # A bundle may lie outside the workspace; its specification's file is recorded then.
    known += [f"bundles/{name.rpartition('/')[0]}" for _, name in inputs if _is_bundle(name)]
    outside = [name for kind, name in inputs if kind not in ALL_KINDS and not _is_bundle(name)]
    return replace(node, made_from=tuple(known), sources=tuple(outside), manifest=manifest)


def _is_bundle(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return bool(folder) and file in _BUNDLE_FILES


def _holder(folder: Path) -> str:
    """Who holds one of the folder's locks; empty if nobody does."""
    for path in sorted(folder.glob(".lock*")):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "another process"
            fcntl.flock(file, fcntl.LOCK_UN)
    return ""


def _link(nodes: dict[str, Node]) -> None:
    users: dict[str, list[str]] = {key: [] for key in nodes}
    for key, node in nodes.items():
        for made_from in node.made_from:
            if made_from in users:
                users[made_from].append(key)
    for key, using in users.items():
        nodes[key] = replace(nodes[key], used_by=tuple(using))


def _verified(node: Node, on_file: Callable[[Path], None]) -> Node:
    wrong = []
    for name, digest in node.manifest["outputs"].items():
        path = node.folder / name
        on_file(path)
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif sha256(path) != digest:
            wrong.append(f"{name} has changed")
    if not wrong:
        return node
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return replace(node, state=CHANGED, note=", ".join(wrong[:3]) + more)


def _with_progress(node: Node, nodes: Mapping[str, Node]) -> Node:
    """Say how far an unfinished artefact is."""
    if node.state not in (HALF_WRITTEN, WRITING) or node.manifest:
        return node
    there = _shards_there(node, nodes) if node.kind in ("faces", "codes", "groups") else ""
    if node.kind == "models":
        there = _epochs_there(node)
    elif not there:
        count = sum(path.is_file() for path in node.folder.glob("[!.]*"))
        there = f"{count} files" if count else "nothing yet"
    return replace(node, note=f"{there}, {node.note}" if node.note else there)


def _shards_there(node: Node, nodes: Mapping[str, Node]) -> str:
    # A shard of pictures is whole once its rows are there.
    rows = node.kind in ("faces", "groups")
    done = len(list(node.folder.glob("shard-*.csv" if rows else "shard-*.h5")))
    plan = _json(node.folder / "plan.json")
    total = 0
    if rows and plan.get("inputs_per_shard"):
        total = -(-plan.get("pictures", 0) // plan["inputs_per_shard"])
    for faces in nodes.values():
        if faces.kind == "faces" and faces.manifest.get("digest") == plan.get("faces", ""):
            total = sum(name.startswith("shard-") for name in faces.manifest["outputs"])
    return f"{done} of {total} shards" if total else f"{done} shards"


def _epochs_there(node: Node) -> str:
    far = _json(node.folder / "checkpoint" / "progress.json")
    if not far.get("steps"):
        return "no checkpoint yet"
    epochs = far["epochs"]
    epoch = far["step"] * epochs / far["steps"]
    return f"checkpoint at epoch {epoch:.3g} of {epochs}"


def _with_staleness(node: Node, nodes: Mapping[str, Node]) -> Node:
    """Say which input has changed since, or is stale itself; `nodes` before it are done."""
    if node.state != OK:
        return node
    bundles = {
        f"bundles/{entry['name'].rpartition('/')[0]}": entry
        for entry in node.manifest["inputs"]
        if _is_bundle(entry["name"])
    }
    for key in node.made_from:
        made_from = nodes.get(key)
        if made_from is None or not made_from.manifest:
            continue
        if key in bundles:
            file = bundles[key]["name"].rpartition("/")[2]
            same = bundles[key]["digest"] == made_from.manifest["outputs"].get(file)
        else:
            same = _digest(node, key) == made_from.manifest["digest"]
        if not same:
            return replace(node, state=STALE, note=f"{key} has changed since")
        if made_from.state == STALE:
            return replace(node, state=STALE, note=f"{key} is stale")
    gone = [key for key in node.made_from if key not in nodes and not key.startswith("bundles/")]
    return replace(node, note=f"{', '.join(gone)} is no longer there") if gone else node


def _digest(node: Node, key: str) -> str:
    for entry in node.manifest["inputs"]:
        if f"{entry['kind']}/{entry['name']}" == key:
            return str(entry["digest"])
    return ""


def _json(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}
