"""What is printed of evaluations; `evaluate` of what reads clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotiw_cli.evaluation.report import Words


def evaluate_clips(
    name: str,
    data: str,
    work: Path,
    *,
    split: str | None,
    out: Path | None,
    allow_seen: bool,
    seed: int,
    as_json: bool,
) -> None:
    """What `evaluate` does with a clip bundle or a module: measure, write, print."""
    from emotiw_cli.clips import evaluate
    from emotiw_cli.clips.tube_store import TubeStore
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.evaluation.report import OF_CLIPS
    from emotiw_cli.evaluation.write import REPORT

    store = TubeStore.open(work, data)
    system = evaluate.find_system(name, work)
    with progress("clips", quiet=as_json) as bar:
        found = evaluate.evaluate_clips(
            *(system, store, work),
            split=split,
            allow_seen=allow_seen,
            seed=seed,
            advance=bar.update,
        )
    parts = [f"{system.name}-on-{data}", *([split] if split else [])]
    folder = out or work / "evaluations" / "-".join(parts)
    parameters = {"split": split, "allow_seen": allow_seen, "seed": seed}
    evaluate.write_clip_evaluation(folder, found, system, store, parameters)
    if as_json:
        print_json({"report": str(folder / REPORT), **found.figures})
    else:
        table("Evaluated", evaluation_lines(found.figures, folder / REPORT, OF_CLIPS))


def evaluation_lines(figures: Mapping[str, Any], report: Path, words: Words) -> dict[str, Any]:
    """The summary as lines of text."""
    counts, found = figures["counts"], figures["found"]
    seen = {
        "trained_on": f"of the {words.things}, or their subjects, were trained on",
        "chosen_on": f"of the {words.things} were used to stop training and to fit weights",
    }
    wrong = f"{words.missing} counts as wrong"
    return {
        "report": report,
        words.things: f"{counts['rows']}, {counts['labelled']} of them labelled",
        "coverage": f"{figures['coverage']:.4f} ({counts['labelled_found']} {words.found})",
        **{name: _interval(found[name]) for name in found},
        "accuracy_of_all": f"{_interval(figures['all']['accuracy'])}, {wrong}",
        "recall": {
            emotion: line["recall"]["value"] for emotion, line in figures["per_class"].items()
        },
        **{name: f"{counts[name]} {text}" for name, text in seen.items() if counts[name]},
    }


def _interval(figure: Mapping[str, float | None]) -> str:
    if figure["value"] is None or figure["low"] is None:
        return ""
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"
