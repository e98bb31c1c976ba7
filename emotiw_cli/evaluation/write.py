"""Write an evaluation: ``metrics.json``, ``predictions.csv``, ``report.html``, manifest."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    bundle_reference,
    exclusive,
    landing_file,
    reference,
    write_json,
    write_manifest,
)
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SPEC
from emotiw_cli.data.faces import Faces
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.evaluation.evaluate import Evaluation
from emotiw_cli.evaluation.report import render_report

METRICS = "metrics.json"
PREDICTIONS = "predictions.csv"
REPORT = "report.html"
COLUMNS = ("row", "path", "status", "label", *EMOTIONS, "emotion", "confidence")


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    bundle: Bundle,
    faces: Faces,
    parameters: Mapping[str, Any],
) -> Artefact:
    """Write `evaluation` into `folder`, in place of an earlier one.

    Parameters
    ----------
    parameters : the options it was made with, for the manifest.

    Raises
    ------
    OutputError
        If the folder cannot be written. BusyError: if another run is writing it.
    """
    return land_evaluation(
        folder,
        evaluation.figures,
        (COLUMNS, *prediction_rows(evaluation)),
        system=bundle_reference(bundle.folder / SPEC),
        data=faces.artefact,
        metrics=evaluation.figures["found"],
        parameters=parameters,
        report=render_report(evaluation, bundle.spec, faces),
    )


def land_evaluation(
    folder: Path,
    figures: Mapping[str, Any],
    predictions: Iterable[Iterable[Any]],
    *,
    system: Mapping[str, str],
    data: Artefact,
    metrics: Mapping[str, Any],
    parameters: Mapping[str, Any],
    report: str | None = None,
) -> Artefact:
    """Write what was measured into `folder`, in place of an earlier evaluation.

    Parameters
    ----------
    figures : for ``metrics.json``, with ``counts``. metrics : those of them for the manifest.
    predictions : the lines of ``predictions.csv``.
    system : reference to what was measured, a bundle or a module. data : what it was measured on.
    parameters : the options it was made with. report : ``report.html``, if there is one.

    Raises
    ------
    OutputError
        If the folder cannot be written. BusyError: if another run is writing it.
    """
    outputs = [METRICS, PREDICTIONS]
    with exclusive(folder):
        # An earlier evaluation's; killed from here on, the folder counts as half-written.
        (folder / MANIFEST).unlink(missing_ok=True)
        write_json(folder / METRICS, figures)
        with landing_file(folder / PREDICTIONS, "w") as file:
            csv.writer(file, lineterminator="\n").writerows(predictions)
        if report is not None:
            with landing_file(folder / REPORT, "w") as file:
                file.write(report)
            outputs.append(REPORT)
        return write_manifest(
            folder,
            "evaluations",
            parameters=parameters,
            inputs=[system, reference(data)],
            outputs=outputs,
            counts=figures["counts"],
            metrics=metrics,
            seed=parameters.get("seed"),
            licences=data.manifest.get("licences", []),
        )


def prediction_rows(evaluation: Evaluation) -> list[Sequence[Any]]:
    """The lines of predictions.csv; posterior and emotion are blank where there is no face."""
    lines: list[Sequence[Any]] = []
    for row, posterior in zip(evaluation.rows, evaluation.posteriors, strict=True):
        given: list[str] = [""] * (len(EMOTIONS) + 2)
        if np.isfinite(posterior).all():
            place = int(posterior.argmax())
            given = [f"{share:.6f}" for share in posterior]
            given += [EMOTIONS[place], f"{posterior[place]:.6f}"]
        lines.append([row.row, row.path, row.status, row.label, *given])
    return lines
