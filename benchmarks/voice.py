"""The voice module against a linear SVM on openSMILE's ComParE features, on speakers left out.

    python benchmarks/voice.py SPEECH --held-out 17,18,19,20 [--opensmile PYTHON] [--seeds 3]

SPEECH is what `emotiw clips train audio` takes. PYTHON is the interpreter of an environment with
the packages opensmile and numpy, which need not be this one; without it the SVM is left out. Every
system is trained on the other speakers alone; the cost of the SVM and the shrinkage of the linear
module are chosen by cross-validation among these. Unweighted average recall and accuracy on the
held-out speakers, in percent, with 95 % bootstrap intervals over speakers, of which there are few.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from emotiw_cli.clips.voice.features import RATE, features
from emotiw_cli.clips.voice.linear import fit_linear
from emotiw_cli.clips.voice.make import measured
from emotiw_cli.clips.voice.speech import find_speech, read_utterances

COSTS = 10.0 ** np.arange(-5, 0)

EXTRACT = """
import sys, numpy as np, opensmile
smile = opensmile.Smile(feature_set=opensmile.FeatureSet.ComParE_2016,
                        feature_level=opensmile.FeatureLevel.Functionals)
with np.load(sys.argv[1], allow_pickle=False) as arrays:
    sound, stops = arrays["sound"], arrays["stops"]
rows = [smile.process_signal(part, int(sys.argv[3])).to_numpy()[0]
        for part in np.split(sound, stops[:-1])]
np.save(sys.argv[2], np.array(rows, np.float32), allow_pickle=False)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--opensmile", metavar="PYTHON")
    parser.add_argument("--seeds", type=int, default=3, help="of the deep belief net")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    utterances, _ = find_speech(options.speech)
    sounds = list(read_utterances(utterances))
    labels = np.array([utterance.label for utterance in utterances])
    who = np.array([utterance.subject for utterance in utterances])
    test = np.isin(who, options.held_out.split(","))
    train_rows, test_rows = np.flatnonzero(~test), np.flatnonzero(test)
    report: dict[str, object] = {"training": len(train_rows), "validation": len(test_rows)}

    def tell(name: str, posteriors: np.ndarray) -> None:
        figures = measured(posteriors, labels[test], who[test])
        report[name] = figures
        if not options.json:
            parts = []
            for figure in ("mean_recall", "accuracy"):
                bounds = {key: 100 * value for key, value in figures[figure].items()}
                parts.append("{value:.1f} ({low:.1f} to {high:.1f})".format(**bounds))
            print(f"{name:34} recall {parts[0]}, accuracy {parts[1]}", flush=True)

    if options.opensmile:
        tell("linear SVM on ComParE", compare(options.opensmile, sounds, labels, who, test))
    clips = [features(sound) for sound in sounds]
    dbn(clips, labels, train_rows, test_rows, options.seeds, tell)
    linear = fit_linear(
        [sounds[row] for row in train_rows], labels[~test], who[~test].tolist(), seed=0
    )
    tell("linear module", np.stack([linear.posterior(clips[row]) for row in test_rows]))
    if options.json:
        print(json.dumps(report))


def compare(
    python: str, sounds: list[np.ndarray], labels: np.ndarray, who: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predictions, as posteriors of ones and zeros, of a linear SVM on ComParE functionals."""
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    with tempfile.TemporaryDirectory() as folder:
        given, made = f"{folder}/sound.npz", f"{folder}/rows.npy"
        stops = np.cumsum([len(sound) for sound in sounds])
        np.savez(given, sound=np.concatenate(sounds), stops=stops)
        subprocess.run([python, "-c", EXTRACT, given, made, str(RATE)], check=True)
        rows = np.load(made, allow_pickle=False).astype(float)

    def machine(cost: float) -> object:
        svm = SVC(kernel="linear", C=cost, class_weight="balanced")
        return make_pipeline(StandardScaler(), svm)

    scores = [
        cross_val_score(
            machine(cost),
            rows[~test],
            labels[~test],
            groups=who[~test],
            cv=GroupKFold(4),
            scoring="balanced_accuracy",
        ).mean()
        for cost in COSTS
    ]
    best = machine(COSTS[int(np.argmax(scores))])
    best.fit(rows[~test], labels[~test])  # type: ignore[attr-defined]
    return np.eye(7)[best.predict(rows[test])]  # type: ignore[attr-defined]


def dbn(
    clips: list[np.ndarray],
    labels: np.ndarray,
    train_rows: np.ndarray,
    test_rows: np.ndarray,
    seeds: int,
    tell: object,
) -> None:
    """The deep belief net, one a seed, and the mean of their posteriors."""
    import torch

    from emotiw_cli.clips.voice.train import train_dbn

    found = []
    for seed in range(seeds):
        net = train_dbn([clips[row] for row in train_rows], labels[train_rows], seed=seed)
        with torch.no_grad():
            rows = [net(torch.from_numpy(clips[row])[None]).softmax(1)[0] for row in test_rows]
        found.append(torch.stack(rows).double().numpy())
        tell(f"deep belief net, seed {seed}", found[-1])  # type: ignore[operator]
    if seeds > 1:
        tell(f"deep belief nets, mean of {seeds}", np.mean(found, axis=0))  # type: ignore[operator]


if __name__ == "__main__":
    main()
