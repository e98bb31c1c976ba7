"""``emotiw doctor``: what works on this machine and what to do about the rest."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from emotiw_cli.commands._options import Work


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    work: Work = Path("work"),
) -> None:
    """Say what works on this machine and what to do about the rest.

    A fault is something without which predict and align cannot work, a warning something that
    fails or is slow in some cases.

    Exit codes: 0, also with warnings; with faults that of the first: 4 the default bundle is
    missing, 8 a model file is not the one its SHA-256 names, 9 a library is missing, 1 else.
    """
    from rich.console import Console
    from rich.text import Text

    from emotiw_cli.commands._console import print_json
    from emotiw_cli.doctor import FAULT, OK, WARNING, examine

    console = Console(soft_wrap=True)
    styles = {OK: "green", WARNING: "yellow", FAULT: "bold red"}
    checks = []
    for check in examine(work):
        checks.append(check)
        if not as_json:
            line = Text.assemble((f"{check.state:8}", styles[check.state]), f"{check.name:27}")
            console.print(line.append(check.found))
            if check.remedy:
                console.print(Text(f"{'':8}→ {check.remedy}", style=styles[check.state]))
    counts = {state: sum(check.state == state for check in checks) for state in styles}
    if as_json:
        print_json({**counts, "checks": [asdict(check) for check in checks]})
    else:
        words = [f"{counts[each]} {each}{'s' * (counts[each] != 1)}" for each in (FAULT, WARNING)]
        console.print(f"{', '.join(words)}.")
    faults = [check for check in checks if check.state == FAULT]
    if faults:
        raise typer.Exit(faults[0].exit_code)
