"""The voice modules against a linear SVM on openSMILE's ComParE features, on speakers left out.

    python benchmarks/voice.py SPEECH --held-out 17,18,19,20 [--opensmile PYTHON] [--seeds 3]
        [--elsewhere 6]

SPEECH is what `emotiw clips train audio` takes. PYTHON is the interpreter of an environment with
the packages opensmile and numpy, which need not be this one; without it the SVM is left out. Every
system is trained on the other speakers alone; the cost of the SVM and the shrinkage of the linear
module are chosen by cross-validation among these. With --elsewhere modules are trained once more,
with so many copies of each clip as if recorded elsewhere. Unweighted average recall and accuracy on
the held-out speakers, as recorded and as if recorded elsewhere, in percent, with 95 % bootstrap
intervals over speakers, of which there are few.

    python benchmarks/voice.py SPEECH --without 17,18,19,20 --held-out 1,2,3,4/5,6,7,8

leaves speakers out altogether, and holds out others, group by group; the figures are of all groups.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.clips.voice.elsewhere import copies_elsewhere
from emotiw_cli.clips.voice.features import RATE, features
from emotiw_cli.clips.voice.heard import heard, windows_heard
from emotiw_cli.clips.voice.linear import fit_linear
from emotiw_cli.clips.voice.make import measured
from emotiw_cli.clips.voice.mixed_nets import MixedNets
from emotiw_cli.clips.voice.run import VoiceModel
from emotiw_cli.clips.voice.speech import find_speech, read_utterances
from emotiw_cli.emotions import EMOTIONS

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


@dataclass(frozen=True)
class Split:
    """Speech to train on, with functionals and windows of its copies by the number of those
    elsewhere; and speech to measure on, as recorded and then as if elsewhere.
    """

    sounds: Sequence[np.ndarray]
    labels: np.ndarray
    who: np.ndarray
    copies: dict[int, list[np.ndarray]]
    windows: dict[int, list[list[np.ndarray]]]
    held_out: Sequence[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("--held-out", required=True, help="speakers; / between groups of them")
    parser.add_argument("--without", default="", help="speakers to leave out altogether")
    parser.add_argument("--opensmile", metavar="PYTHON")
    parser.add_argument("--seeds", type=int, default=3, help="of the deep belief net")
    parser.add_argument("--elsewhere", type=int, default=0, help="copies to train on once more")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    without = options.without.split(",")
    utterances = [one for one in find_speech(options.speech)[0] if one.subject not in without]
    sounds = list(read_utterances(utterances))
    labels = np.array([utterance.label for utterance in utterances])
    who = np.array([utterance.subject for utterance in utterances])
    copies = {count: heard(sounds, elsewhere=count) for count in {0, options.elsewhere}}
    clips = [features(sound) for sound in sounds]
    windows = {count: windows_heard(clips, sounds, elsewhere=count) for count in copies}
    groups = [np.isin(who, group.split(",")) for group in options.held_out.split("/")]
    rows = np.concatenate([np.flatnonzero(test) for test in groups])
    found = defaultdict(list)
    report: dict[str, object] = {"held_out": len(rows)}
    for test in groups:
        own = [sounds[row] for row in np.flatnonzero(test)]
        rest = [sounds[row] for row in np.flatnonzero(~test)]
        held_out = [*own, *copies_elsewhere(own, options.elsewhere)]
        heard_rest = {count: [part[~test] for part in copies[count]] for count in copies}
        windows_rest = {
            count: [[copy[row] for row in np.flatnonzero(~test)] for copy in windows[count]]
            for count in windows
        }
        split = Split(rest, labels[~test], who[~test], heard_rest, windows_rest, held_out)
        for name, posteriors in systems(split, options):
            found[name].append(posteriors.reshape(2, len(own), len(EMOTIONS)))
            if len(found[name]) < len(groups):
                continue
            recorded, elsewhere = np.concatenate(found[name], axis=1)
            figures = measured(recorded, labels[rows], who[rows])
            figures["elsewhere"] = measured(elsewhere, labels[rows], who[rows])
            report[name] = figures
            if not options.json:
                print(
                    f"{name:38} {told(figures)} | elsewhere {told(figures['elsewhere'])}",
                    flush=True,
                )
    if options.json:
        print(json.dumps(report))


def told(figures: dict[str, dict[str, float]]) -> str:
    """Recall and accuracy in words."""
    parts = []
    for figure in ("mean_recall", "accuracy"):
        bounds = {key: 100 * value for key, value in figures[figure].items()}
        parts.append("{value:.1f} ({low:.1f} to {high:.1f})".format(**bounds))
    return f"recall {parts[0]}, accuracy {parts[1]}"


def systems(split: Split, options: argparse.Namespace) -> Iterator[tuple[str, np.ndarray]]:
    """Each system's name, and the posteriors (n, 7) of what is held out."""
    from emotiw_cli.clips.voice.train_context import train_context_nets
    from emotiw_cli.clips.voice.train_functionals import train_functional_nets

    if options.opensmile:
        yield "linear SVM on ComParE", compare(options.opensmile, split)
    clips = [features(sound) for sound in split.held_out]
    for count, copies in sorted(split.copies.items()):
        trained = f", {count} copies" if count else ""
        nets = MixedNets(
            train_functional_nets(copies, split.labels),
            train_context_nets(split.windows[count], split.labels),
        )
        yield f"nets on functionals and pieces{trained}", read(VoiceModel(nets.posterior), clips)
        standard = len(copies) if count else 1
        linear = fit_linear(copies, split.labels, split.who.tolist(), standard=standard)
        yield f"linear module{trained}", read(VoiceModel(linear.posterior), clips)
    yield from dbn(split, clips, options.seeds)


def read(model: VoiceModel, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Posteriors (n, 7) of clips by their features."""
    return np.stack([model.of_windows(clip) for clip in clips])


def compare(python: str, split: Split) -> np.ndarray:
    """Predictions, as posteriors of ones and zeros, of a linear SVM on ComParE functionals."""
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    sounds = [*split.sounds, *split.held_out]
    with tempfile.TemporaryDirectory() as folder:
        given, made = f"{folder}/sound.npz", f"{folder}/rows.npy"
        stops = np.cumsum([len(sound) for sound in sounds])
        np.savez(given, sound=np.concatenate(sounds), stops=stops)
        subprocess.run([python, "-c", EXTRACT, given, made, str(RATE)], check=True)
        rows = np.load(made, allow_pickle=False).astype(float)
    own, held_out = np.split(rows, [len(split.sounds)])

    def machine(cost: float) -> object:
        svm = SVC(kernel="linear", C=cost, class_weight="balanced")
        return make_pipeline(StandardScaler(), svm)

    scores = [
        cross_val_score(
            machine(cost),
            own,
            split.labels,
            groups=split.who,
            cv=GroupKFold(4),
            scoring="balanced_accuracy",
        ).mean()
        for cost in COSTS
    ]
    best = machine(COSTS[int(np.argmax(scores))])
    best.fit(own, split.labels)  # type: ignore[attr-defined]
    return np.eye(len(EMOTIONS))[best.predict(held_out)]  # type: ignore[attr-defined]


def dbn(split: Split, clips: Sequence[np.ndarray], seeds: int) -> Iterator[tuple[str, np.ndarray]]:
    """The deep belief net of EmoNets, one a seed, and the mean of their posteriors."""
    import torch

    from emotiw_cli.clips.voice.train import train_dbn

    own = split.windows[0][0]
    found = []
    for seed in range(seeds):
        net = train_dbn(own, split.labels, seed=seed)
        with torch.no_grad():
            rows = [net(torch.from_numpy(clip)[None]).softmax(1)[0] for clip in clips]
        found.append(torch.stack(rows).double().numpy())
        yield f"deep belief net, seed {seed}", found[-1]
    if seeds > 1:
        yield f"deep belief nets, mean of {seeds}", np.mean(found, axis=0)


if __name__ == "__main__":
    main()
