"""Fourteen group-level networks as one: plain average, fitted weights, and how sure that is.

    python benchmarks/gaf3.py FOLDER [--folds 5] [--repeats 5] [--json]

FOLDER holds valid.npz: logits of fourteen networks on the validation images of the group-level
challenge of 2018, with labels, see :meth:`emotiw_cli.groups.outputs.Outputs.read`. The fitted
weights are measured by nested cross-validation, for each of several deals of images into folds:
no image has a part in the weights it is weighed by, nor in the choices they hang on. The spread
between deals is what the folds' luck is worth. Accuracy in percent and log-loss in nats, with 95 %
bootstrap intervals; differences are paired.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from emotiw_cli.groups.figures import compare, measure
from emotiw_cli.groups.fit import FOLDS, cross_validated, fit_fusion
from emotiw_cli.groups.outputs import Outputs


def gaf3(outputs: Outputs, *, folds: int = FOLDS, repeats: int = 5) -> dict[str, object]:
    """Figures of every system, and of the fitted one against the average."""
    vectors, labels = outputs.vectors.astype(float), outputs.labels
    average = fit_fusion("equal", vectors, labels, outputs.parts).posteriors(vectors)
    fitted = fit_fusion("fitted", vectors, labels, outputs.parts, folds=folds)
    held = [
        cross_validated("fitted", vectors, labels, outputs.parts, folds=folds, seed=seed)
        for seed in range(repeats)
    ]
    best = int(np.argmax([(one.argmax(axis=1) == labels).mean() for one in vectors]))
    return {
        "best member, chosen here: optimistic": measure(vectors[best], labels),
        "plain average": measure(average, labels),
        "fitted, on the images it was fitted to: optimistic": measure(
            fitted.posteriors(vectors), labels
        ),
        "fitted, nested cross-validation": measure(held[0], labels),
        "fitted less average": compare(held[0], average, labels),
        "nested accuracies of all deals": [
            float((one.argmax(axis=1) == labels).mean()) for one in held
        ],
        "weights": dict(zip(outputs.members, fitted.weights, strict=True)),
    }


def _line(figures: dict[str, object], sign: str = "") -> str:
    accuracy, loss = figures["accuracy"], figures["log_loss"]
    assert isinstance(accuracy, dict)
    assert isinstance(loss, dict)
    percent = {key: f"{100 * value:{sign}.2f}" for key, value in accuracy.items()}
    nats = {key: f"{value:{sign}.4f}" for key, value in loss.items()}
    form = "{value} ({low} to {high})"
    return f"accuracy {form.format(**percent)}, log-loss {form.format(**nats)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--repeats", type=int, default=5, help="deals of images into folds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    outputs = Outputs.read(options.folder / "valid.npz")
    report = gaf3(outputs, folds=options.folds, repeats=options.repeats)
    if options.json:
        print(json.dumps(report))
        return
    for name, figures in report.items():
        if isinstance(figures, dict) and "accuracy" in figures:
            print(f"{name:52} {_line(figures, '+' if 'less' in name else '')}")
    deals = report["nested accuracies of all deals"]
    assert isinstance(deals, list)
    print("nested accuracy, by deal:", ", ".join(f"{100 * one:.2f}" for one in deals))
    weights = report["weights"]
    assert isinstance(weights, dict)
    print("weights:", ", ".join(f"{name} {weight:.3f}" for name, weight in weights.items()))


if __name__ == "__main__":
    main()
