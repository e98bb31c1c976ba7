"""What FER2013's own labels, sampling and the prior are worth, by heads on a net's frozen features.

    python benchmarks/label_study.py MODEL FACES [SET …] [--work work]

MODEL is a trained model of the workspace, FACES the faces artefact it was trained on, with votes
and source labels, each SET a labelled one it never saw. A linear head is fitted to the features of
the training faces for each choice: the share that a face's own earlier label counts for beside its
votes (`emotiw finetune --source-share`), faces drawn in balance, logits adjusted. Printed is
accuracy / mean recall on the validation faces of FACES and on each SET, the posterior divided by
the head's training prior to the power of each strength. Training a whole net for each choice would
tell more and take a day; a head takes seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from labelled_faces import labelled, markdown, open_faces

from emotiw_cli.artefact import open_artefact, read_json
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.index import FaceRow
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.evaluation.metrics import accuracy, confusion_matrix, mean_recall, predictions
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.training.finetune import emotion_task

STRENGTHS = (0.0, 0.4, 0.8)
DECAY = 1e-3
CHUNK = 32


@dataclass(frozen=True)
class Rows:
    """Rows of faces as :func:`emotion_task` asks for them."""

    faces: Faces
    rows: Sequence[int]

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, place: int) -> FaceRow:
        return self.faces.rows[self.rows[place]]

    def leak_key(self, place: int) -> str:
        return self.faces.leak_key(self.row(place))


def features_of(folder: Path) -> Callable[[Faces, Sequence[int]], np.ndarray]:
    """A function that gives the features of faces, averaged over the model's crops, (n, d)."""
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    preprocessing = Preprocessing.from_json(read_json(folder / "model.json")["preprocessing"])
    representation = Representation.parse(preprocessing.representation)

    def features(faces: Faces, rows: Sequence[int]) -> np.ndarray:
        parts = []
        for start in range(0, len(rows), CHUNK):
            crops = np.stack(
                [
                    preprocessing.crops_of(representation.raw(faces.face(int(row))))
                    for row in rows[start : start + CHUNK]
                ]
            )
            (found,) = session.run(["features"], {"input": crops.reshape(-1, *crops.shape[2:])})
            parts.append(found.reshape(*crops.shape[:2], -1).mean(axis=1))
        return np.concatenate(parts)

    return features


def fit_head(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, offset: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Softmax regression by L-BFGS; returns features → posteriors."""
    x, wanted, each, shift = (
        torch.from_numpy(np.asarray(part, np.float32))
        for part in (inputs, targets, weights, offset)
    )
    matrix = torch.zeros(x.shape[1], targets.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([matrix, bias], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        logits = torch.log_softmax(x @ matrix + bias + shift, 1)
        value = (-(wanted * logits).sum(1) * each).mean() + DECAY * matrix.square().sum()
        value.backward()
        return value

    solver.step(loss)

    def posterior(features: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.softmax(torch.from_numpy(features) @ matrix + bias, 1).numpy()

    return posterior


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("faces")
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--work", type=Path, default=Path("work"))
    options = parser.parse_args()
    features = features_of(open_artefact(options.work, "models", options.model).folder)
    faces = open_faces(options.faces, options.work)
    rows = faces.select()
    tasks = {
        share: emotion_task(Rows(faces, rows), hard=False, source_share=share)  # type: ignore[arg-type]
        for share in (0.0, 0.2, 0.35, 0.6)
    }
    inputs = features(faces, [rows[place] for place in tasks[0.0].training])
    mean, spread = inputs.mean(0), inputs.std(0) + 1e-3
    inputs = (inputs - mean) / spread
    measured = []
    for name, split in [(options.faces, "validation"), *((one, None) for one in options.sets)]:
        held = labelled(open_faces(name, options.work), split)
        seen = (features(held.faces, held.rows) - mean) / spread
        measured.append((name, seen.astype(np.float32), held.labels))
    even = np.ones(len(inputs))
    plain = tasks[0.0].targets
    share = plain.mean(0)
    half = plain @ share**-0.5
    choices = {
        **{f"source share {s:g}": (task.targets, even, 0 * share) for s, task in tasks.items()},
        "balanced, strength 0.5": (plain, half / half.mean(), 0 * share),
        "logit-adjusted, strength 0.5": (plain, even, 0.5 * np.log(share)),
        "logit-adjusted, strength 1": (plain, even, np.log(share)),
    }
    table = []
    for title, (targets, weights, offset) in choices.items():
        head = fit_head(inputs, targets, weights, offset)
        prior = (weights @ targets / weights.sum()) * np.exp(-offset)
        prior /= prior.sum()
        for strength in STRENGTHS:
            line = [title, f"{strength:g}"]
            for _, seen, labels in measured:
                turned = head(seen) * prior**-strength
                confusion = confusion_matrix(labels, predictions(turned))
                figures = accuracy(confusion), mean_recall(confusion)
                line.append(" / ".join(f"{100 * float(figure):.1f}" for figure in figures))
            table.append(line)
    print(markdown(["head", "prior strength", *(name for name, *_ in measured)], table))
    print(f"\n{len(inputs)} training faces, {len(EMOTIONS)} emotions, features of {options.model}.")


if __name__ == "__main__":
    main()
