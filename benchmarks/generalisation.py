"""How good a bundle is on sets of faces of any mix, and what its prior costs and brings there.

    python benchmarks/generalisation.py BUNDLE FACES [FACES …] [--work work] [--split SPLIT]
                                        [--per-class N] [--limit N] [--no-detect] [--json]

FACES is the name or folder of aligned faces, or a set as `emotiw align` takes it (a folder of
classes, a csv, a zip), which is aligned first, with detection as `predict` does it; or, with
--no-detect, taken for crops as they are. The same set both ways shows how much the frame matters.

For each set: accuracy, macro-F1, mean recall and ECE with 95 % bootstrap intervals, the recall of
each class, each member alone with what the ensemble is above it, paired, and the same figures under
other strengths of the prior: 0 leaves the posterior under the training mix, 1 takes all of it away.
Classes without faces count nowhere in the means.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from labelled_faces import LabelledFaces, labelled, markdown, member_posteriors, open_faces

from emotiw_cli.artefact import MANIFEST
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.schema import BundleSpec
from emotiw_cli.data.faces import Faces
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import EmotiwError
from emotiw_cli.evaluation import metrics
from emotiw_cli.evaluation.intervals import FIGURES, Figure, Tally, compare, measure
from emotiw_cli.evaluation.source import find_faces

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SHOWN = ("accuracy", "macro_f1", "mean_recall", "ece")
_ALL: Mapping[str, Figure] = {name: FIGURES[name] for name in SHOWN}
_PAIRED: Mapping[str, Figure] = {name: FIGURES[name] for name in ("accuracy", "log_loss")}


def faces_of(name: str, work: Path, spec: BundleSpec, detect: bool) -> Faces:
    """An artefact, or a set that is aligned first."""
    if (Path(name) / MANIFEST).is_file() or (work / "faces" / name).is_dir():
        return open_faces(name, work)
    return find_faces(work, name, spec, detect=detect)


def figures(mixture: np.ndarray, faces: LabelledFaces, spec: BundleSpec) -> dict[str, Any]:
    """All figures of one set as JSON values.

    Parameters
    ----------
    mixture : (n, 7) float64, the members' weighted mean before calibration, prior and temperature.
    """

    def tally(strength: float) -> Tally:
        prior = dataclasses.replace(spec.prior, strength=strength)
        return Tally(dataclasses.replace(spec, prior=prior).turned(mixture), faces.labels)

    shipped = tally(spec.prior.strength)
    confusion = Tally.confusion(shipped.parts.sum(axis=0))
    return {
        "labelled": len(faces),
        "support": dict(zip(EMOTIONS, confusion.sum(axis=1).astype(int).tolist(), strict=True)),
        "shipped": {
            n: f.to_json() for n, f in measure(shipped, faces.groups, figures=_ALL).items()
        },
        "recall": {
            emotion: None if np.isnan(value) else float(value)
            for emotion, value in zip(EMOTIONS, metrics.recall(confusion), strict=True)
        },
        "strengths": {
            f"{strength:g}": {
                name: f.to_json()
                for name, f in measure(tally(strength), faces.groups, figures=_ALL).items()
            }
            for strength in sorted({*STRENGTHS, spec.prior.strength})
        },
    }


def above_members(posteriors: np.ndarray, faces: LabelledFaces, spec: BundleSpec) -> dict[str, Any]:
    """Each member alone, under the ensemble's prior and temperature, and the ensemble minus it.

    Parameters
    ----------
    posteriors : (m, n, 7) float64, of each member.
    """
    ensemble = Tally(spec.fuse(posteriors), faces.labels)
    found = {}
    for member, posterior in zip(spec.members, spec.alone(posteriors), strict=True):
        alone = Tally(posterior, faces.labels)
        gain = compare(ensemble, alone, faces.groups, figures=_PAIRED)
        found[member.name] = {
            "alone": {
                n: f.to_json() for n, f in measure(alone, faces.groups, figures=_ALL).items()
            },
            "gain": {name: figure.to_json() for name, figure in gain.items()},
        }
    return found


def as_markdown(report: Mapping[str, Any]) -> str:
    """Three tables: the sets, their classes, the strengths of the prior."""
    sets: Mapping[str, Any] = report["sets"]
    return "\n\n".join(
        [
            f"{report['bundle']}, prior strength {report['strength']:g}:",
            markdown(
                ["set", "faces", "accuracy", "macro-F1", "mean recall", "ECE"],
                [
                    [name, str(one["labelled"]), *(_shown(one["shipped"], f) for f in SHOWN)]
                    for name, one in sets.items()
                ],
            ),
            "Recall, and the number of faces:",
            markdown(
                ["set", *EMOTIONS],
                [
                    [
                        name,
                        *(
                            "–" if share is None else f"{100 * share:.0f} % ({one['support'][e]})"
                            for e, share in one["recall"].items()
                        ),
                    ]
                    for name, one in sets.items()
                ],
            ),
            "Members alone, and what the ensemble is above them, paired:",
            markdown(
                ["set", "member", "accuracy", "mean recall", "gain, points", "gain, log-loss"],
                [
                    [
                        name,
                        member,
                        *(_shown(of["alone"], figure) for figure in ("accuracy", "mean_recall")),
                        _signed(of["gain"]["accuracy"], 100, 1),
                        _signed(of["gain"]["log_loss"], 1, 3),
                    ]
                    for name, one in sets.items()
                    for member, of in one["members"].items()
                ],
            ),
            "Accuracy / mean recall by strength of the prior:",
            markdown(
                ["set", *next(iter(sets.values()))["strengths"]],
                [
                    [
                        name,
                        *(
                            f"{100 * at['accuracy']['value']:.1f} / "
                            f"{100 * at['mean_recall']['value']:.1f}"
                            for at in one["strengths"].values()
                        ),
                    ]
                    for name, one in sets.items()
                ],
            ),
        ]
    )


def _shown(measured: Mapping[str, Mapping[str, float]], name: str) -> str:
    figure = measured[name]
    if name == "ece":
        return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
    low, high = 100 * figure["low"], 100 * figure["high"]
    return f"{100 * figure['value']:.1f} % ({low:.1f} to {high:.1f})"


def _signed(figure: Mapping[str, float], times: float, digits: int) -> str:
    value, low, high = (times * figure[part] for part in ("value", "low", "high"))
    return f"{value:+.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("faces", nargs="+")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--split", help="measure this split alone; by default all faces")
    parser.add_argument("--per-class", type=int, help="a fixed draw of so many faces of a class")
    parser.add_argument("--limit", type=int, help="a fixed draw of so many faces")
    parser.add_argument("--no-detect", action="store_true", help="sets hold crops: take them whole")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        bundle = load_bundle(options.bundle, work=options.work)
        spec, sets = bundle.spec, {}
        for name in options.faces:
            found = faces_of(name, options.work, spec, not options.no_detect)
            chosen = labelled(found, options.split, options.limit, options.per_class)
            posteriors = member_posteriors(bundle, chosen)
            sets[found.artefact.folder.name] = {
                **figures(spec.weights.combine(posteriors), chosen, spec),
                "members": above_members(posteriors, chosen, spec),
            }
    except EmotiwError as error:
        raise SystemExit(f"generalisation skipped: {error}") from error
    report = {"bundle": spec.name, "strength": spec.prior.strength, "sets": sets}
    print(json.dumps(report, indent=1) if options.json else as_markdown(report))


if __name__ == "__main__":
    main()
