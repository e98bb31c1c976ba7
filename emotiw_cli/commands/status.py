"""``emotiw status``: the artefacts, how they hang together, what is stale."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotiw_cli.commands._options import Work
from emotiw_cli.errors import ArtefactError, TamperedError

if TYPE_CHECKING:
    from emotiw_cli.status.chain import Node

_STYLES = {"ok": "green", "being written": "cyan", "half-written": "yellow", "stale": "yellow"}


def status_command(
    name: Annotated[
        str | None,
        typer.Argument(help="Tell all about the artefacts of this name, such as faces/NAME."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read every file and compare its SHA-256 with the manifest."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    work: Work = Path("work"),
) -> None:
    """Show the artefacts, how they hang together, what is stale.

    Each artefact stands below what it was made from. States: ok; stale, made from something that
    has changed since; half-written, to be finished by running its command again; being written
    by a running stage; damaged, with an unreadable manifest; changed, with files that are not
    those its manifest records (only --verify reads them).

    Exit codes: 0; 4 if there is no artefact called NAME; 8 if --verify finds changed files.
    """
    from emotiw_cli.commands._console import print_json, progress
    from emotiw_cli.status.chain import CHANGED, read_chain

    with progress("files verified", quiet=as_json or not verify) as advance:
        nodes = read_chain(work, verify=verify, on_file=lambda path: advance())
    chosen = [node for node in nodes.values() if name in (None, node.name, node.key)]
    if name is not None and not chosen:
        known = f"there are: {', '.join(nodes)}" if nodes else "there are none yet"
        raise ArtefactError(f"{work} holds no artefact {name!r} ({known}).")
    if as_json:
        print_json({"work": str(work), "artefacts": [_as_json(node) for node in chosen]})
    elif name is not None:
        for node in chosen:
            _tell(node)
    else:
        _draw(work, nodes)
    changed = [node.key for node in chosen if node.state == CHANGED]
    if changed:
        raise TamperedError(
            f"{', '.join(changed)} in {work}: files are not those the manifest records; make them "
            "again with --overwrite."
        )


def _as_json(node: Node) -> dict[str, Any]:
    from emotiw_cli.status.words import headline

    return {
        "kind": node.kind,
        "name": node.name,
        "folder": str(node.folder),
        "state": node.state,
        "note": node.note,
        "summary": headline(node),
        "made_from": list(node.made_from),
        "sources": list(node.sources),
        "used_by": list(node.used_by),
        "bytes": node.size,
        "changed": node.changed,
        **{
            part: node.manifest.get(part)
            for part in ("command", "parameters", "counts", "metrics", "seed", "licences")
        },
    }


def _tell(node: Node) -> None:
    """The most of what is known of one artefact; --json has all."""
    from emotiw_cli.commands._console import table
    from emotiw_cli.status.words import age_text, flat, headline, main_figures, size_text

    told: dict[str, Any] = {
        "state": node.state + (f": {node.note}" if node.note else ""),
        "holds": headline(node),
        "size": size_text(node.size),
        "age": age_text(node.changed),
        "made from": ", ".join([*node.made_from, *node.sources]),
        "used by": ", ".join(node.used_by),
        "command": node.manifest.get("command", ""),
        "parameters": flat(node.manifest.get("parameters", {})),
        "counts": flat(node.manifest.get("counts", {})),
        "figures": flat(main_figures(node)),
        "seed": node.manifest.get("seed"),
        "licences": "; ".join(node.manifest.get("licences", [])),
        "versions": flat(node.manifest.get("versions", {})),
    }
    table(node.key, told)


def _draw(work: Path, nodes: Mapping[str, Node]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from emotiw_cli.status.outline import outline
    from emotiw_cli.status.words import age_text, headline, next_step, size_text

    # A pipe has no width: what reads it wants whole lines.
    console = Console() if sys.stdout.isatty() else Console(width=1000)
    if not nodes:
        console.print(f"{work} holds no artefacts yet.")
    else:
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        grid.add_column("artefact", no_wrap=True)
        grid.add_column("state", no_wrap=True)
        grid.add_column("what")
        grid.add_column("size", justify="right", no_wrap=True)
        grid.add_column("age", justify="right", no_wrap=True)
        for line in outline(nodes):
            node = line.node
            label = Text.assemble((line.guides, "dim"), node.key)
            if line.again:
                label.stylize("dim")
                grid.add_row(label, "", Text("see above", style="dim"), "", "")
                continue
            what = [headline(node), node.note]
            what += [f"from {', '.join(node.sources)}"] if node.sources else []
            grid.add_row(
                label,
                Text(node.state, style=_STYLES.get(node.state, "red")),
                Text("; ".join(text for text in what if text)),
                size_text(node.size),
                age_text(node.changed),
            )
        console.print(grid)
    step = next_step(nodes)
    if step:
        console.print(Text(step))
