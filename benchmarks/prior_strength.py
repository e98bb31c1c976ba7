"""What a bundle's prior strength costs and brings, on its members' validation faces.

    python benchmarks/prior_strength.py MEMBER [MEMBER …] [--work work]

For each strength: accuracy under the validation set's own class mix, accuracy under an even mix
(the mean recall), their mean, and the least recall. A bundle meets mixes between the two, so the
strength with the highest mean is a fair default where the mix of use is unknown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import open_artefact, read_json
from emotiw_cli.ensemble.weights import log_loss_weights
from emotiw_cli.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    mean_recall,
    predictions,
    recall,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("members", nargs="+")
    parser.add_argument("--work", type=Path, default=Path("work"))
    options = parser.parse_args()
    folders = [open_artefact(options.work, "models", name).folder for name in options.members]
    stored = [dict(np.load(folder / "validation.npz", allow_pickle=False)) for folder in folders]
    members = np.stack([one["posteriors"] for one in stored])
    labels = stored[0]["labels"]
    mixed = log_loss_weights(members, stored[0]["targets"]).combine(members)
    prior = np.array(read_json(folders[0] / "model.json")["prior"])
    known = labels >= 0
    print(f"{known.sum()} labelled validation faces")
    print("strength  own mix  even mix  mean    least recall")
    for strength in np.arange(0, 1.01, 0.1):
        turned = mixed[known] * prior**-strength
        confusion = confusion_matrix(labels[known], predictions(turned))
        own, even = float(accuracy(confusion)), float(mean_recall(confusion))
        least = float(np.nanmin(recall(confusion)))
        print(f"{strength:8.1f}  {own:7.4f}  {even:8.4f}  {(own + even) / 2:6.4f}  {least:12.4f}")


if __name__ == "__main__":
    main()
