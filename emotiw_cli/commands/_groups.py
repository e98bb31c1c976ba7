"""How `predict --group` answers: a table, csv, JSON and annotated copies."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from emotiw_cli.errors import InputError

if TYPE_CHECKING:
    from emotiw_cli.bundle.result import FacePrediction
    from emotiw_cli.groups.result import GroupPrediction

FACES_SHOWN = 20
"""A terminal shows no more faces of a photo than this; a file keeps them all."""

NOTES_SHOWN = 5


def predict_groups_verb(
    entries: list[str | FacePrediction],
    done: list[GroupPrediction],
    *,
    csv: str | None,
    json: str | None,
    draw: Path | None,
    bundle: str,
    detector: str | None,
    work: Path,
    workers: int,
    terminal: bool,
) -> None:
    """Predict group photos, write and print; `done` is filled as it goes, for who interrupts."""
    from emotiw_cli.commands._console import opened, progress
    from emotiw_cli.groups.predict import predict_groups
    from emotiw_cli.groups.result import csv_file, json_file

    began = time.perf_counter()
    with (
        opened((csv_file, csv), (json_file, json)) as writers,
        progress("Pictures", len(entries), quiet=len(entries) < 5) as advance,
    ):
        found = predict_groups(
            entries, bundle, work=work, detector=detector, workers=workers, draw=draw
        )
        for group in found:
            done.append(group)
            for write in writers:
                write(group)
            advance()
    if terminal:
        _print_table(done)
    _print_summary(done, time.perf_counter() - began, draw)
    if not any(group.status in ("ok", "no_face") for group in done):
        raise InputError("not one picture could be read.")


def _print_summary(done: list[GroupPrediction], seconds: float, draw: Path | None) -> None:
    from emotiw_cli.commands._console import printable

    notes = [group.note for group in done if group.note]
    for note in notes[:NOTES_SHOWN]:
        print(f"emotiw: {printable(note)}", file=sys.stderr)
    if len(notes) > NOTES_SHOWN:
        print(f"emotiw: … and {len(notes) - NOTES_SHOWN} more.", file=sys.stderr)
    faces = sum(len(group.faces) for group in done)
    unread = sum(not group.posterior for group in done)
    parts = [
        f"{len(done)} photo{'' if len(done) == 1 else 's'}",
        *([f"{unread} not read"] if unread else []),
        f"{faces} face{'' if faces == 1 else 's'}",
        f"{seconds:.2f} s",
        f"{len(done) / seconds:.1f} images/s",
    ]
    drawn = f"; drawn into {draw}" if draw and unread < len(done) else ""
    print(", ".join(parts) + drawn, file=sys.stderr)


def _print_table(done: list[GroupPrediction]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from emotiw_cli.commands._console import printable
    from emotiw_cli.groups.draw import GROUP_COLOURS
    from emotiw_cli.groups.layout import CLASSES
    from emotiw_cli.groups.result import emotion_of

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("picture", overflow="fold")
    table.add_column("face", justify="right")
    table.add_column("emotion", no_wrap=True)
    for emotion in CLASSES:
        table.add_column(emotion, justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("expression", no_wrap=True)

    def row(
        name: str, face: str, posterior: tuple[float, ...], share: str, told: str, bold: bool
    ) -> None:
        if not posterior:
            table.add_row(Text(name), face, Text(told, style="dim"))
            return
        answer = emotion_of(posterior)
        style = "{}rgb({},{},{})".format(
            "bold " if bold else "", *GROUP_COLOURS[answer or "neutral"]
        )
        table.add_row(
            Text(name),
            face,
            Text(f"{answer} {100 * max(posterior):.0f} %" if answer else "–", style=style),
            *(f"{100 * one:.0f}" for one in posterior),
            share,
            Text(told, style="dim"),
        )

    for group in done:
        told = "" if group.status == "ok" else group.status
        row(printable(group.path), "", group.posterior, "", told, True)
        for face in group.faces[:FACES_SHOWN]:
            share = f"{100 * face.share:+.1f}"
            row("", str(face.number), face.posterior, share, face.expression, False)
        if len(group.faces) > FACES_SHOWN:
            table.add_row("", "", f"… and {len(group.faces) - FACES_SHOWN} more")
    Console().print(table)
