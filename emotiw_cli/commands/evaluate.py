"""``emotiw evaluate``: measure a bundle, or a module of clips, on a labelled set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from emotiw_cli.commands._evaluations import evaluate_clips, evaluation_lines
from emotiw_cli.commands._group_models import evaluate_groups
from emotiw_cli.commands._options import Work


def evaluate_command(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle: default, a name in the workspace, or its folder; or a module of clips."
        ),
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="Faces in the workspace by name, or a path to a set, aligned first; for a group "
            "bundle features, as `groups features` wrote them; for clips tubes, as `clips tubes` "
            "did."
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
    work: Work = Path("work"),
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

    A clip bundle or a module reads the faces and the sound of tubes, as `clips apply` does; so does
    a bundle for photos, by the mean of faces, where DATA are tubes and no faces are called so.
    predictions.csv has a row per clip, with the status `predict` gives. Figures are of the clips
    with an answer, and of all, where one of which nothing is said counts as wrong. Clips are known
    again by their sound and their first face, whatever their files are called.
    """
    from emotiw_cli import processors
    from emotiw_cli.bundle.load import load_bundle
    from emotiw_cli.clips.evaluate import reads_clips
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.evaluation.evaluate import evaluate
    from emotiw_cli.evaluation.report import OF_FACES
    from emotiw_cli.evaluation.source import find_faces
    from emotiw_cli.evaluation.write import REPORT, write_evaluation
    from emotiw_cli.groups.bundle import names_group_bundle

    evaluate_others: Callable[..., None] | None = None
    if names_group_bundle(bundle, work):
        evaluate_others = evaluate_groups
    elif reads_clips(bundle, data, work):
        evaluate_others = evaluate_clips
    if evaluate_others is not None:
        if not detect:
            raise typer.BadParameter("--no-detect is for faces, not for groups or clips.")
        evaluate_others(
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
        table("Evaluated", evaluation_lines(evaluation.figures, folder / REPORT, OF_FACES))
