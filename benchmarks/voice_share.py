"""What share of a clip's answer the voice should have, on pairs of a face and a clip of speech.

    python benchmarks/voice_share.py VOICE SPEECH --held-out 17,18,19,20 FACES…
        [--bundle NAME] [--outputs FOLDER] [--work WORK] [--json]

VOICE is a voice module of the workspace, SPEECH what it was trained on, with the speakers held out;
FACES are aligned faces of the workspace, of which the validation faces are read by the bundle. A
pair is a face and a clip drawn among those of one emotion, 2000 pairs an emotion. Log-loss and
accuracy in percent of the weighted mean by the share of the voice, with the speech as recorded and
as if recorded elsewhere. FOLDER has the 2013 entry's outputs (see emotiw2013.py): the same for its
audio network and its faces' SVM on the clips of its validation that have both.

Face and voice are drawn apart, so they err apart, as they hardly do in life: the best share here is
the most that the voice can be worth.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from emotiw2013 import Split
from labelled_faces import labelled, open_faces

from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.clips.voice.elsewhere import copies_elsewhere
from emotiw_cli.clips.voice.features import features
from emotiw_cli.clips.voice.run import ARRAYS, NET, read_voice
from emotiw_cli.clips.voice.speech import find_speech, read_utterances

PAIRS = 2000
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
_OTHER_COPIES = 99
"""A number of copies recorded elsewhere that training did not hear."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voice")
    parser.add_argument("speech", type=Path)
    parser.add_argument("faces", nargs="+")
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--outputs", type=Path)
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    report: dict[str, list[dict[str, float]]] = {}
    bundle = load_bundle(options.bundle, work=options.work)
    posteriors, labels = [], []
    for name in options.faces:
        own = labelled(open_faces(name, options.work), "validation")
        posteriors.append(bundle.posteriors([own.face(place) for place in range(len(own))]))
        labels.append(own.labels)
    faces, face_labels = np.concatenate(posteriors), np.concatenate(labels)

    folder = options.work / "voices" / options.voice
    model = read_voice(next(folder / file for file in (ARRAYS, NET) if (folder / file).exists()))
    held_out = options.held_out.split(",")
    utterances = [one for one in find_speech(options.speech)[0] if one.subject in held_out]
    sounds = list(read_utterances(utterances))
    voice_labels = np.array([one.label for one in utterances])
    elsewhere = list(copies_elsewhere(sounds, _OTHER_COPIES))
    for name, heard in (("as recorded", sounds), ("elsewhere", elsewhere)):
        voices = np.stack([model.of_windows(features(sound)) for sound in heard])
        random = np.random.default_rng(0)
        seen, heard_rows = [], []
        for label in np.unique(voice_labels):
            seen.append(random.choice(np.flatnonzero(face_labels == label), PAIRS))
            heard_rows.append(random.choice(np.flatnonzero(voice_labels == label), PAIRS))
        rows = np.concatenate(seen)
        report[name] = by_share(faces[rows], voices[np.concatenate(heard_rows)], face_labels[rows])
    if options.outputs:
        split = Split(options.outputs / "validation.npz")
        _, seen, heard = split.modules()
        there = np.isfinite(seen).all(axis=1)
        report["2013"] = by_share(seen[there], heard[there], split.labels[there])
    if options.json:
        print(json.dumps(report))
        return
    for name, lines in report.items():
        for line in lines:
            print(f"{name:12} " + ", ".join(f"{key} {value:.3f}" for key, value in line.items()))


def by_share(seen: np.ndarray, heard: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Log-loss and accuracy of the mean of (n, 7) and (n, 7) for each of :data:`SHARES`."""
    lines = []
    for share in SHARES:
        mean = (1 - share) * seen + share * heard
        right = np.maximum(mean[np.arange(len(labels)), labels], 1e-9)
        accuracy = 100 * float((mean.argmax(axis=1) == labels).mean())
        lines.append({"share": share, "log_loss": -np.log(right).mean(), "accuracy": accuracy})
    return lines


if __name__ == "__main__":
    main()
