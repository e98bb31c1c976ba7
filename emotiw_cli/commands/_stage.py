"""What the verbs that go through a source's pictures share: their options' form, their summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from emotiw_cli.data.sharded import StageReport


def parse_size(text: str) -> tuple[int, int]:
    """``143x181`` → (143, 181)."""
    return _parse(text, r"(\d+)[x×](\d+)", "--size", "143x181")


def parse_share(text: str) -> tuple[int, int]:
    """``1/2`` → (1, 2)."""
    return _parse(text, r"(\d+)/(\d+)", "--shard", "1/2")


def check_fps(fps: float) -> None:
    """Refuse frames a second that no image sequence has."""
    from emotiw_cli.clips.sequence import MOST_FPS

    if not 0 < fps <= MOST_FPS:
        raise typer.BadParameter(
            f"give frames a second above 0, at most {MOST_FPS:g}, not {fps:g}",
            param_hint="--sequence",
        )


def _parse(text: str, pattern: str, option: str, example: str) -> tuple[int, int]:
    match = re.fullmatch(pattern, text)
    if match is None:
        raise typer.BadParameter(f"write it as {example}, not {text!r}", param_hint=option)
    return int(match[1]), int(match[2])


def summary_of(report: StageReport, layout: str) -> dict[str, Any]:
    """What is said of a run of a stage."""
    return {
        "artefact": str(report.folder),
        "layout": layout,
        "complete": report.artefact is not None,
        **report.counts,
        "worked_on": report.made,
        "seconds": round(report.seconds, 1),
        "images_per_second": round(report.made / report.seconds, 1),
    }


def say_what_is_missing(report: StageReport) -> None:
    """Say what to do about the shards of other shares that are not there yet, if any."""
    from emotiw_cli.commands._console import say

    if report.artefact is None:
        say(
            f"{report.missing} of {report.shards} shards are still missing; run the other shares, "
            "copy their files into this folder, and run any share again to merge them."
        )
