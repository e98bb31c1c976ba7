"""Options that many verbs have, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Work = Annotated[Path, typer.Option("--work", help="Workspace folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Start again, whatever the name holds.")
]
