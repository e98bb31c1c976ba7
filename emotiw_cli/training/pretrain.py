"""Pre-training on face identities, as Levi & Hassner 2015 do on CASIA-WebFace."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emotiw_cli.artefact import Artefact
from emotiw_cli.errors import InputError
from emotiw_cli.evaluation.metrics import log_loss
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.initial import find_initial
from emotiw_cli.training.model import Progress, Task, train_model
from emotiw_cli.training.recipe import Recipe
from emotiw_cli.training.verification import equal_error_rate

HOLD_OUT = 0.1
HELD_OUT_MOST = 10_000
"""Of more faces a tenth of some identities is held out: their posteriors have to fit in memory."""


def pretrain(
    work: Path,
    names: list[str],
    model: str,
    recipe: Recipe,
    *,
    process: Process,
    init: str | None = None,
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Artefact:
    """Train the model `model` to tell the identities of the faces called `names`.

    The set's own validation split measures it; where there is none, a tenth of each identity's
    faces is held out by the seed. Figures: accuracy, log-loss and the equal error rate of
    verification by the cosine of the net's averaged features.
    """
    faces = FaceSet(work, names, Representation.parse(recipe.representation))
    initial = find_initial(init, work) if init else None

    return train_model(
        work,
        model,
        faces,
        recipe,
        lambda faces: identity_task(faces, recipe.seed),
        initial=initial,
        process=process,
        workers=workers,
        overwrite=overwrite,
        progress=progress,
    )


def identity_task(faces: FaceSet, seed: int) -> Task:
    """Identities as classes: those with a training face, sorted by name."""
    places = [place for place in range(len(faces)) if faces.identity(place)]
    held_out = [place for place in places if faces.row(place).split == "validation"]
    if not held_out:
        held_out = _hold_out(faces, places, seed)
    kept = set(held_out)
    training = [
        place for place in places if place not in kept and faces.row(place).split in ("train", "")
    ]
    classes = tuple(sorted({faces.identity(place) for place in training}))
    if len(classes) < 2:
        raise InputError(
            "pretrain needs faces of at least two identities: a folder per person, or labels."
        )
    number = {label: index for index, label in enumerate(classes)}
    validation = [place for place in held_out if faces.identity(place) in number]
    labels = np.array([number[faces.identity(place)] for place in validation], np.int64)
    certain = np.ones((len(labels), 1))  # of each face's own class alone
    # Classes, not distributions: of half a million faces of ten thousand people those fill 40 GB.
    targets = np.array([number[faces.identity(place)] for place in training], np.int64)

    def look(net: nn.Module, inputs: Tensor) -> Tensor:
        features = net.features(inputs)  # type: ignore[operator]
        return torch.cat([net.head(features).softmax(1), features], 1).float()  # type: ignore[operator]

    def figures(seen: np.ndarray) -> dict[str, float]:
        if not validation:
            return dict.fromkeys(("accuracy", "log_loss", "equal_error_rate"), float("nan"))
        posterior, embeddings = seen[:, : len(classes)], seen[:, len(classes) :]
        return {
            "accuracy": float((posterior.argmax(1) == labels).mean()),
            "log_loss": log_loss(posterior[np.arange(len(labels)), labels, None], certain),
            "equal_error_rate": equal_error_rate(embeddings, labels),
        }

    return Task(
        "identity",
        classes,
        training,
        validation,
        targets,
        "accuracy",
        figures,
        look,
        {
            "identities": len(classes),
            "left_out_of_unknown_identity": len(held_out) - len(validation),
        },
    )


def _hold_out(faces: FaceSet, places: list[int], seed: int) -> list[int]:
    """A tenth of each identity's faces, drawn by `seed`; none of those with a single face.

    Where that is more than :data:`HELD_OUT_MOST`, that of as many identities, drawn as well.
    """
    by_label: dict[str, list[int]] = {}
    for place in places:
        by_label.setdefault(faces.identity(place), []).append(place)
    random = np.random.default_rng(seed)
    held: list[list[int]] = []
    for label in sorted(by_label):
        own = by_label[label]
        count = round(len(own) * HOLD_OUT) if len(own) >= 10 else int(len(own) > 1)
        held.append(random.choice(own, count, replace=False).tolist())
    if sum(map(len, held)) > HELD_OUT_MOST:
        drawn = random.permutation(len(held))
        whole = np.cumsum([len(held[number]) for number in drawn]) <= HELD_OUT_MOST
        held = [held[number] for number in drawn[whole]]
    return sorted(chain.from_iterable(held))
