"""The 2013 challenge winner's figures again, from the outputs of its modules.

    python benchmarks/emotiw2013.py FOLDER [--draws 400000] [--json]

FOLDER holds train.npz and validation.npz: the frame and clip posteriors of the ConvNet, the audio
network and the two SVMs on the AFEW clips of 2013, with labels, classes in emotiw's order.
Each line is a system, clips right of all, accuracy and its 95 % bootstrap interval in percent.

`stored` is what the authors' own SVM said; the rest is computed here. Both SVMs and the audio
network were fitted on the training clips, where they are far better than elsewhere: what is fitted
to the training outputs leans on them more than it should. A random search fitted on the validation
clips is measured on the same clips, so its figure is too good; the cross-validated one is not.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from emotiw_cli.clips.aggregate import frame_mean, segment_means
from emotiw_cli.clips.fuse import cross_validated, fit_fusion
from emotiw_cli.clips.fusion import METHODS, side_by_side
from emotiw_cli.clips.svm import choose_svm, fit_svm
from emotiw_cli.ensemble.search import DRAWS, random_search_weights
from emotiw_cli.evaluation.intervals import interval, resampled_sums

GAMMA, C = 1 / 70, 18.1
"""Of the SVM on ten segments."""


class Split:
    """One split: the clips of the audio part, with the ConvNet's rows NaN where it has none."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}
        offsets = self.arrays["frame_offsets"]
        frames = self.arrays["frame_probs"].astype(float)
        spans = list(itertools.pairwise(offsets))
        self.clips = [frames[a:b] for a, b in spans]
        faces = self.arrays["frame_face"]
        self.single = np.array([len(np.unique(faces[a:b])) == 1 for a, b in spans])
        self.convnet_labels = self.arrays["convnet_labels"].astype(int)
        self.labels = self.arrays["audio_labels"].astype(int)
        self.mean = np.stack([frame_mean(clip) for clip in self.clips])
        self.segments = np.stack([segment_means(clip) for clip in self.clips])

    def modules(self) -> np.ndarray:
        """ConvNet mean, ConvNet segments by the stored SVM, audio: (3, n, 7)."""
        return np.stack(
            [
                self._with_audio(self.mean),
                self._with_audio(self.arrays["svm10_probs"]),
                self.arrays["audio_probs"],
            ]
        )

    def _with_audio(self, posteriors: np.ndarray) -> np.ndarray:
        place = {name: row for row, name in enumerate(self.arrays["convnet_ids"])}
        rows = [place.get(name) for name in self.arrays["audio_ids"]]
        return np.array([np.full(7, np.nan) if r is None else posteriors[r] for r in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    train, test = Split(options.folder / "train.npz"), Split(options.folder / "validation.npz")
    lines: list[dict[str, object]] = []

    def tell(name: str, predicted: np.ndarray, labels: np.ndarray) -> None:
        right = (predicted == labels).astype(float)
        draws = resampled_sums(right[:, None])[:, 0] / len(right)
        bounds = interval(float(right.mean()), draws)
        lines.append(
            {
                "system": name,
                "right": int(right.sum()),
                "clips": len(right),
                **{key: round(100 * value, 2) for key, value in vars(bounds).items()},
            }
        )
        if not options.json:
            print(
                f"{name:58} {int(right.sum()):3} of {len(right)}  {100 * bounds.value:5.2f} "
                f"({100 * bounds.low:.1f} to {100 * bounds.high:.1f})",
                flush=True,
            )

    same = np.abs(test.segments - test.arrays["convnet_bins"]).max(axis=1) < 1e-5
    told = {
        "means_equal_to_stored": int(
            (np.abs(test.mean - test.arrays["convnet_mean"]) < 1e-5).all(1).sum()
        ),
        "segments_equal_to_stored": int(same.sum()),
        "of_single_tube_clips": int((same & test.single).sum()),
        "single_tube_clips": int(test.single.sum()),
        "clips": len(same),
    }
    if not options.json:
        print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items()))

    labels = test.convnet_labels
    tell("ConvNet, mean of frames", test.mean.argmax(1), labels)
    tell("ConvNet, 10 segments, SVM: stored", test.arrays["svm10_probs"].argmax(1), labels)
    bins = train.arrays["convnet_bins"], test.arrays["convnet_bins"]
    for name, c, gamma in (
        (f"own SVM (C {C}, gamma 1/70)", C, GAMMA),
        ("own SVM (C, gamma by cross-validation)", None, None),
    ):
        if c is None or gamma is None:
            c, gamma, _ = choose_svm(
                bins[0],
                train.convnet_labels,
                cs=2.0 ** np.arange(-2, 8),
                gammas=2.0 ** np.arange(-9, 2),
            )
            name = f"own SVM (C {c:g}, gamma {gamma:.3g}, by cross-validation)"
        machine = fit_svm(bins[0], train.convnet_labels, c=c, gamma=gamma)
        tell(f"  {name}: probabilities", machine.posteriors(bins[1], 7).argmax(1), labels)
        tell(f"  {name}: votes", machine.votes(bins[1]), labels)

    labels = test.labels
    tell("audio network", test.arrays["audio_probs"].argmax(1), labels)
    tell("ConvNet + audio, SVM: stored", test.arrays["fused_probs"].argmax(1), labels)
    pair = train.modules()[1:], test.modules()[1:]
    equal = np.abs(side_by_side(pair[1], missing="zero") - test.arrays["fused_features"]).max()
    assert equal < 1e-3, "the pair's features are not those that were stored"
    for name, values in (
        ("own SVM (C 2^1.2, gamma 2^0.8)", (2**1.2, 2**0.8)),
        ("own SVM (by cross-validation)", (None, None)),
    ):
        fused = fit_fusion("svm", pair[0], train.labels, c=values[0], gamma=values[1])
        tell(f"  {name}", fused.posteriors(pair[1]).argmax(1), labels)

    modules = train.modules(), test.modules()
    for method in METHODS:
        fused = fit_fusion(method, modules[0], train.labels, draws=options.draws)
        tell(
            f"3 modules, {method}, fitted on train", fused.posteriors(modules[1]).argmax(1), labels
        )
    for name, local in (("uniform draws", 0), ("then local search", None)):
        weights = random_search_weights(
            modules[1], labels, draws=options.draws, local_draws=local, seed=0
        )
        tell(
            f"3 modules, random search on validation, {name}",
            weights.combine(modules[1]).argmax(1),
            labels,
        )
    held = cross_validated("random-search", modules[1], labels, draws=options.draws)
    tell("  the same, cross-validated in 5 folds", held.argmax(1), labels)
    if options.json:
        print(json.dumps({**told, "systems": lines}))


if __name__ == "__main__":
    main()
