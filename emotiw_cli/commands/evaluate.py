"""``emotiw evaluate``: measure a bundle on a labelled set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from emotiw_cli.commands._group_models import evaluate_groups


def evaluate_command(
    bundle: Annotated[
        str, typer.Argument(help="A bundle: default, a name in the workspace, or its folder.")
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="Faces in the workspace by name, or a path to a set, aligned first; for a group "
            "bundle features, as `groups features` wrote them."
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option("--split", help="Measure on this split alone, such as validation or test."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the report.",
            show_default="WORK/evaluations/BUNDLE-on-DATA[-SPLIT]",
        ),
    ] = None,
    allow_seen: Annotated[
        bool,
        typer.Option(
            "--allow-seen", help="Measure even on pictures or subjects members were trained on."
        ),
    ] = False,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect/--no-detect", help="A set at a path: find the face, or take whole pictures."
        ),
    ] = True,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processors to use; 0: all.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json.")] = False,
    work: Annotated[Path, typer.Option("--work", help="Workspace folder.")] = Path("work"),
) -> None:
    """Measure a bundle on a labelled set.

    Writes metrics.json, predictions.csv (one row per picture, with or without a face) and
    report.html, which needs nothing but itself. Figures are of the faces found, and of all
    labelled pictures, where one without a face counts as wrong; with 95 % bootstrap intervals over
    subjects where the set names them.

    Pictures and subjects that members were trained on are refused (exit code 5). Pictures they
    were chosen on are measured, and the report says so.

    Of a group bundle the figures are of the photos with a face, and of all: one without is answered
    by the whole image, or by the mix of the labels the bundle learned from; no report.html.
    """
    from emotiw_cli import processors
    from emotiw_cli.bundle.load import load_bundle
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.evaluation.evaluate import evaluate
    from emotiw_cli.evaluation.source import find_faces
    from emotiw_cli.evaluation.write import REPORT, write_evaluation
    from emotiw_cli.groups.bundle import names_group_bundle

    if names_group_bundle(bundle, work):
        if not detect:
            raise typer.BadParameter("--no-detect is for bundles of faces, not of groups.")
        evaluate_groups(
            bundle,
            data,
            work,
            split=split,
            out=out,
            allow_seen=allow_seen,
            seed=seed,
            as_json=as_json,
        )
        return
    workers = workers or processors.available()
    loaded = load_bundle(bundle, work=work, threads=workers)
    with progress("aligning", quiet=as_json) as bar:
        faces = find_faces(
            work, data, loaded.spec, detect=detect, workers=workers, on_progress=bar.update
        )
    with progress("faces", quiet=as_json) as bar:
        evaluation = evaluate(
            loaded, faces, split=split, allow_seen=allow_seen, seed=seed, advance=bar.update
        )
    parts = [f"{loaded.folder.name}-on-{faces.artefact.name}", *([split] if split else [])]
    folder = out or work / "evaluations" / "-".join(parts)
    parameters = {"split": split, "allow_seen": allow_seen, "seed": seed}
    write_evaluation(folder, evaluation, loaded, faces, parameters)
    if as_json:
        print_json({"report": str(folder / REPORT), **evaluation.figures})
    else:
        table("Evaluated", _lines(evaluation.figures, folder / REPORT))


def _lines(figures: Mapping[str, Any], report: Path) -> dict[str, Any]:
    """The summary as lines of text."""
    counts, found = figures["counts"], figures["found"]
    seen = {
        "trained_on": "of the pictures, or their subjects, were trained on",
        "chosen_on": "of the pictures were used to stop training and to fit weights",
    }
    return {
        "report": report,
        "pictures": f"{counts['rows']}, {counts['labelled']} of them labelled",
        "coverage": f"{figures['coverage']:.4f} ({counts['labelled_found']} with a face)",
        **{name: _interval(found[name]) for name in found},
        "accuracy_of_all": _interval(figures["all"]["accuracy"]) + ", no face counts as wrong",
        "recall": {
            emotion: line["recall"]["value"] for emotion, line in figures["per_class"].items()
        },
        **{name: f"{counts[name]} {text}" for name, text in seen.items() if counts[name]},
    }


def _interval(figure: Mapping[str, float | None]) -> str:
    if figure["value"] is None or figure["low"] is None:
        return ""
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"
