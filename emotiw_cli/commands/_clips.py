"""How `predict` answers for clips: a table, csv, JSON, annotated copies and plots."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emotiw_cli.errors import InputError

if TYPE_CHECKING:
    from emotiw_cli.bundle.result import FacePrediction
    from emotiw_cli.clips.result import ClipPrediction


READ = ("ok", "voice_only", "no_face")
"""Statuses of clips that could be read."""


def predict_clips_verb(
    entries: list[str | FacePrediction],
    done: list[ClipPrediction],
    *,
    csv: str | None,
    json: str | None,
    draw: Path | None,
    bundle: str,
    voice: bool,
    fps: float | None,
    work: Path,
    terminal: bool,
) -> None:
    """Predict clips, write and print; `done` is filled as it goes, for who interrupts."""
    from emotiw_cli.clips.predict import predict_clips
    from emotiw_cli.clips.result import csv_file, json_file
    from emotiw_cli.commands._console import opened, progress

    total = len(entries)
    with opened((csv_file, csv), (json_file, json)) as writers, progress("Clips", total) as bar:

        def advance(seconds: float) -> None:
            bar.update(len(done), text=f"{seconds:.0f} s read")

        predictions = predict_clips(
            entries, bundle, work=work, voice=voice, fps=fps, draw=draw, advance=advance
        )
        for clip in predictions:
            done.append(clip)
            for write in writers:
                write(clip)
            bar.update(len(done))
    if terminal:
        _print_table(done)
    _print_summary(done, draw)
    if not any(clip.status in READ for clip in done):
        raise InputError("not one clip could be read.")


def _print_summary(done: list[ClipPrediction], draw: Path | None) -> None:
    from emotiw_cli.commands._console import printable

    for clip in done:
        if clip.note:
            print(f"emotiw: {printable(clip.note)}", file=sys.stderr)
    seconds, took = sum(clip.seconds for clip in done), sum(clip.took for clip in done)
    faces = sum(len(clip.tubes) for clip in done)
    unread = sum(clip.status not in READ for clip in done)
    voices = sum(bool(clip.heard) for clip in done)
    parts = [
        f"{len(done)} clip{'' if len(done) == 1 else 's'}",
        *([f"{unread} not read"] if unread else []),
        f"{faces} face{'' if faces == 1 else 's'}",
        *([f"{voices} with a voice"] if voices else []),
        f"{seconds:.1f} s of video in {took:.1f} s",
    ]
    if seconds > 0:
        parts.append(f"real-time factor {took / seconds:.2f}")
    drawn = f"; drawn into {draw}" if draw and faces else ""
    print(", ".join(parts) + drawn, file=sys.stderr)


def _print_table(done: list[ClipPrediction]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from emotiw_cli.bundle.draw import COLOURS
    from emotiw_cli.clips.result import emotion_of
    from emotiw_cli.commands._console import printable
    from emotiw_cli.emotions import EMOTIONS

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("clip", overflow="fold")
    table.add_column("face", justify="right")
    table.add_column("from–to s", justify="right", no_wrap=True)
    table.add_column("emotion", no_wrap=True)
    for emotion in EMOTIONS:
        table.add_column(emotion[:3], justify="right", no_wrap=True)

    def row(name: str, face: str, span: str, posterior: tuple[float, ...], status: str) -> None:
        if not posterior:
            table.add_row(Text(name), face, span, Text(status, style="dim"))
            return
        answer = emotion_of(posterior)
        table.add_row(
            Text(name),
            face,
            span,
            Text(
                f"{answer} {100 * max(posterior):.0f} %",
                style="bold rgb({},{},{})".format(*COLOURS[answer]),
            ),
            *(
                Text(f"{100 * share:.0f}", style="rgb({},{},{})".format(*COLOURS[emotion]))
                for emotion, share in zip(EMOTIONS, posterior, strict=True)
            ),
        )

    for clip in done:
        name = printable(clip.path)
        row(name, "", f"0–{clip.seconds:.1f}" if clip.frames else "", clip.posterior, clip.status)
        for tube in clip.tubes if len(clip.tubes) > 1 or clip.heard else ():
            span = f"{tube.steps[0].time:.1f}–{tube.steps[-1].time:.1f}"
            row("", str(tube.number), span, tube.posterior, "")
        if clip.heard:
            span = f"{clip.heard[0].time:.1f}–{clip.heard[-1].time:.1f}"
            row("", "voice", span, clip.voice_posterior, "")
    Console().print(table)
