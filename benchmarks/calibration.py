"""Whether an ensemble is right as often as it says, on validation folds it was not fitted to.

    python benchmarks/calibration.py MEMBER [MEMBER …] [--method log-loss] [--even 0.5]
                                     [--class-bias] [--prior-strength 0.3] [--work work]
                                     [--figure FILE.svg] [--json]

The options are those of `emotiw ensemble`: other ones measure another ensemble. Weights,
class biases and temperature are fitted on four fifths of the members' validation faces and judged
on the last, in turn. Printed are the ECE of 15 bins with its 95 % interval and, for each bin,
how many faces it holds, how sure the ensemble is of them and how many are right; the figure is the
reliability diagram. The ECE under changes of light is robustness.py's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from labelled_faces import markdown

from emotiw_cli.artefact import open_artefact
from emotiw_cli.ensemble.fit import Method, Plan, cross_validated, fold_numbers
from emotiw_cli.ensemble.members import read_members
from emotiw_cli.errors import EmotiwError
from emotiw_cli.evaluation import metrics
from emotiw_cli.evaluation.intervals import Tally, group_numbers, measure


def calibration(work: Path, names: Sequence[str], plan: Plan) -> dict[str, Any]:
    """The figures as JSON values."""
    members = read_members([open_artefact(work, "models", name) for name in names], work)
    first = members[0]
    groups = group_numbers(first.groups, first.pixels)
    posteriors = cross_validated(
        np.stack([member.posteriors for member in members]),
        first.labels,
        first.targets,
        np.stack([member.prior for member in members]),
        plan,
        fold_numbers(groups, plan.folds, plan.seed),
    )
    figures = measure(Tally(posteriors, first.labels), groups)
    bins = metrics.reliability(posteriors, first.labels)
    return {
        "members": list(names),
        "labelled": int((first.labels >= 0).sum()),
        "ece": figures["ece"].to_json(),
        "accuracy": figures["accuracy"].to_json(),
        "bins": [
            {"count": int(count), "confidence": float(sure / count), "right": float(right / count)}
            for count, sure, right in zip(bins.count, bins.confidence, bins.right, strict=True)
            if count
        ],
    }


def as_svg(report: Mapping[str, Any]) -> str:
    """The reliability diagram: a dot per bin, its area as the number of faces."""
    side, edge = 300, 50
    most = max(one["count"] for one in report["bins"])
    dots = [
        f'<circle cx="{edge + side * one["confidence"]:.1f}" '
        f'cy="{edge + side * (1 - one["right"]):.1f}" '
        f'r="{2 + 10 * (one["count"] / most) ** 0.5:.1f}" fill="#3b76b5" fill-opacity="0.8"/>'
        for one in report["bins"]
    ]
    whole, end = side + 2 * edge, edge + side
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" '
            'font-family="sans-serif" font-size="13">',
            f'<rect width="{whole}" height="{whole}" fill="white"/>',
            f'<path d="M{edge} {edge}V{end}H{end}" fill="none" stroke="#222"/>',
            f'<path d="M{edge} {end}L{end} {edge}" stroke="#999" stroke-dasharray="4"/>',
            *dots,
            f'<text x="{edge}" y="30">ECE {report["ece"]["value"]:.3f}: share right</text>',
            f'<text x="{end}" y="{end + 30}" text-anchor="end">confidence, 0 to 1</text>',
            "</svg>\n",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("members", nargs="+")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--method", default="log-loss", choices=get_args(Method))
    parser.add_argument("--even", type=float, default=0.0)
    parser.add_argument("--class-bias", action="store_true")
    parser.add_argument("--prior-strength", type=float, default=0.0)
    parser.add_argument("--figure", type=Path, help="write the reliability diagram, svg")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        plan = Plan(
            method=options.method,
            even=options.even,
            class_bias=options.class_bias,
            prior_strength=options.prior_strength,
        )
        report = calibration(options.work, options.members, plan)
    except EmotiwError as error:
        raise SystemExit(f"calibration not measured: {error}") from error
    if options.figure:
        options.figure.write_text(as_svg(report), encoding="utf-8")
    if options.json:
        print(json.dumps(report, indent=1))
        return
    ece = report["ece"]
    print(
        f"{', '.join(report['members'])}: {report['labelled']} labelled validation faces, ECE "
        f"{ece['value']:.3f} ({ece['low']:.3f} to {ece['high']:.3f}), cross-validated.\n"
    )
    rows = [
        [str(one["count"]), f"{100 * one['confidence']:.1f} %", f"{100 * one['right']:.1f} %"]
        for one in report["bins"]
    ]
    print(markdown(["faces", "confidence", "right"], rows))


if __name__ == "__main__":
    main()
