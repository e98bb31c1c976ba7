"""``emotiw duplicates``: faces that are in two splits."""

from __future__ import annotations

import csv
import time
from collections import Counter
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from emotiw_cli.commands._options import Work
from emotiw_cli.errors import InputError

_SHOWN = 10


def duplicates_command(
    names: Annotated[list[str], typer.Argument(help="Faces to look through, all together.")],
    near: Annotated[
        float, typer.Option("--near", help="Least correlation of a near duplicate; 2 for none.")
    ] = 0.93,
    mirrored: Annotated[
        float, typer.Option("--mirrored", help="The same for a mirrored one; 2 for none.")
    ] = 0.95,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write the faces to leave out, for --exclude.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all as JSON.")] = False,
    work: Work = Path("work"),
) -> None:
    """Find faces that are in two splits, exactly or nearly.

    A picture that is trained on and measured on makes figures too good, and sets from the web are
    full of them: cropped, saved again, mirrored. All faces of one split are compared with all of
    the others, as grey thumbnails of 16×16 pixels by their correlation.

    Each entry names a face to leave out, the training one first, and the most alike face of a
    later split. `emotiw finetune --exclude FILE.csv` leaves them out of training, `emotiw align
    --exclude FILE.csv` out of a set to be made.
    """
    from emotiw_cli.artefact import landing_file
    from emotiw_cli.commands._console import print_json, progress, say, table
    from emotiw_cli.data.duplicates import Duplicate, find_duplicates
    from emotiw_cli.data.faces import Faces

    began = time.monotonic()
    if len(set(names)) < len(names):
        raise InputError(f"{' '.join(names)} names the same faces twice; name each once.")
    sets = [Faces.open(work, name) for name in names]
    with progress("faces", quiet=as_json) as bar:
        found = find_duplicates(sets, near=near, mirrored=mirrored, on_progress=bar.update)
    if csv_file is not None:
        with landing_file(csv_file, "w") as file:
            writer = csv.DictWriter(
                file, [field.name for field in fields(Duplicate)], lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(asdict(one) for one in found)
    summary = {
        "faces": sum(len(faces.select()) for faces in sets),
        "to_leave_out": len(found),
        "kind": dict(sorted(Counter(one.kind for one in found).items())),
        "splits": dict(Counter(f"{one.split or 'no split'} of {one.other_split}" for one in found)),
        "seconds": round(time.monotonic() - began, 1),
    }
    if as_json:
        print_json({**summary, "duplicates": [asdict(one) for one in found]})
        return
    table("Duplicates across splits", summary)
    if csv_file is None:
        for one in found[:_SHOWN]:
            print(
                f"{one.faces}/{one.path} repeats {one.other_faces}/{one.other_path} "
                f"({one.kind}, {one.correlation:.3f})"
            )
        if len(found) > _SHOWN:
            say(f"{len(found) - _SHOWN} more; --csv FILE.csv writes them all")
