"""``emotiw bundles``: which there are, what they are, whether they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotiw_cli.errors import TamperedError

if TYPE_CHECKING:
    from emotiw_cli.bundle.list import Listed

Work = Annotated[Path, typer.Option("--work", help="Workspace folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]


def bundles_command() -> None:
    """List, show and verify bundles.

    A bundle is never changed: a better one is a new bundle, and an old one stays loadable.
    """


def list_command(as_json: Json = False, work: Work = Path("work")) -> None:
    """List the shipped bundles and those of the workspace."""
    from emotiw_cli.bundle.list import list_bundles
    from emotiw_cli.commands._console import print_json
    from emotiw_cli.status.words import size_text

    listed = list_bundles(work)
    if as_json:
        print_json({"work": str(work), "bundles": [_as_json(one) for one in listed]})
        return
    for one in listed:
        what = ["shipped" if one.shipped else "workspace", "default" if one.default else ""]
        if one.spec:
            what += [f"version {one.spec.version}", " + ".join(one.parts)]
        what += [size_text(one.size), one.state, one.spec.licence if one.spec else one.note]
        print(f"{one.name}: {', '.join(part for part in what if part)}")


def show_command(
    name: Annotated[str, typer.Argument(help="A bundle: default, its name, or its folder.")],
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Show a bundle's model card, with its figures."""
    from emotiw_cli.bundle.list import chosen
    from emotiw_cli.bundle.schema import CARD
    from emotiw_cli.commands._console import print_json

    (one,) = chosen([name], work)
    if one.spec is None:
        raise TamperedError(f"{one.folder} is damaged, so what it says may not be so: {one.note}")
    if as_json:
        print_json({**_as_json(one), "metrics": dict(one.spec.metrics)})
    else:
        print((one.folder / CARD).read_text(encoding="utf-8").rstrip())


def verify_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Bundles; all by default.")
    ] = None,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Compare every file of bundles with its recorded SHA-256; exit code 8 if one differs."""
    from emotiw_cli.bundle.list import DAMAGED, chosen
    from emotiw_cli.commands._console import print_json

    looked = chosen(names or [], work)
    if as_json:
        print_json({"work": str(work), "bundles": [_as_json(one) for one in looked]})
    else:
        for one in looked:
            print(f"{one.name}: {one.state}{f': {one.note}' if one.note else ''}")
    damaged = [one.name for one in looked if one.state == DAMAGED]
    if damaged:
        raise TamperedError(f"{', '.join(damaged)}: damaged; copy or make them again.")


def _as_json(one: Listed) -> dict[str, Any]:
    spec = one.spec
    return {
        "name": one.name,
        "folder": str(one.folder),
        "shipped": one.shipped,
        "default": one.default,
        "state": one.state,
        "note": one.note,
        "bytes": one.size,
        "version": spec.version if spec else None,
        "members": list(one.parts) if spec else None,
        "licence": spec.licence if spec else None,
    }


SUB_VERBS = {"list": list_command, "show": show_command, "verify": verify_command}
