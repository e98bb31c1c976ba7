"""What a bundle's prior strength costs and brings, on its members' validation faces.

    python benchmarks/prior_strength.py MEMBER [MEMBER …] [--method log-loss] [--even 0.5]
                                        [--class-bias] [--work work]

Weights are fitted as `emotiw ensemble` fits them with the same options, to all validation faces, on
which all is measured too; a member by itself is its own ensemble. For each strength: accuracy
under the faces' own class mix, accuracy under an even mix (the mean recall) and the mean of the
two, for a bundle meets mixes between them; then for each set by itself accuracy, macro-F1 and the
least recall.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
from labelled_faces import markdown

from emotiw_cli.artefact import open_artefact
from emotiw_cli.ensemble.fit import Method, Plan, fit_fusion
from emotiw_cli.ensemble.make import sets_of
from emotiw_cli.ensemble.members import read_members
from emotiw_cli.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    macro_f1,
    mean_recall,
    predictions,
    recall,
)

STRENGTHS = np.arange(0, 1.01, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("members", nargs="+")
    parser.add_argument("--method", default="log-loss", choices=get_args(Method))
    parser.add_argument("--even", type=float, default=0.0)
    parser.add_argument("--class-bias", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("work"))
    options = parser.parse_args()
    members = read_members(
        [open_artefact(options.work, "models", name) for name in options.members], options.work
    )
    first = members[0]
    posteriors = np.stack([member.posteriors for member in members])
    priors = np.stack([member.prior for member in members])
    known, sets = first.labels >= 0, sets_of(options.work, first)
    names = [name for name in np.unique(sets) if name]
    table = []
    for strength in STRENGTHS:
        plan = Plan(
            method=options.method,
            even=options.even,
            class_bias=options.class_bias,
            prior_strength=float(strength),
        )
        fusion = fit_fusion(posteriors, first.labels, first.targets, priors, plan)
        predicted = predictions(fusion.posteriors(posteriors))
        confusion = confusion_matrix(first.labels[known], predicted[known])
        own, even = float(accuracy(confusion)), float(mean_recall(confusion))
        line = [
            f"{strength:.1f}",
            *(f"{100 * part:.1f} %" for part in (own, even, (own + even) / 2)),
        ]
        for name in names:
            here = known & (sets == name)
            part = confusion_matrix(first.labels[here], predicted[here])
            figures = accuracy(part), macro_f1(part), np.nanmin(recall(part))
            line.append(" / ".join(f"{100 * float(figure):.1f}" for figure in figures))
        table.append(line)
    weights = fusion.weights.values.round(3).tolist()
    print(f"{known.sum()} labelled validation faces; weights {weights}.\n")
    print(markdown(["strength", "own mix", "even mix", "mean", *names], table))
    print("\nOf each set: accuracy / macro-F1 / least recall, in percent.")


if __name__ == "__main__":
    main()
