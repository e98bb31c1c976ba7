"""The bag of mouths of tubes: words of mouths, a regression on them, and what it says of clips.

The words are learned from all training clips, without their labels; what is said of a training clip
is said by a regression that has not seen its group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import Artefact, reference
from emotiw_cli.clips.known import trained_on
from emotiw_cli.clips.module_maker import (
    Keeper,
    check_training,
    crossed,
    make_module,
    write_model,
)
from emotiw_cli.clips.modules import Outputs
from emotiw_cli.clips.mouths import REGIONS, VALUES, Mouths, encode, mouths, normalise, regions
from emotiw_cli.clips.softmax_regression import fit_softmax
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.clips.whitening import fit_whitening
from emotiw_cli.clips.words import WORDS, fit_words
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError

Advance = Callable[[int, int, str], None]

WEIGHT_COST = 1e-3
"""Of the regression, as published."""
PATCHES = 10
"""Drawn from each region of a face for its words, as published."""
FACES_OF_A_CLIP = 20
"""Faces of a training clip that are trained on, evenly spread; all are read. Neighbours differ
little, and 700 clips of as many are 360 MB."""
FACES_FOR_WORDS = 2000


def make_mouths_module(
    work: Path,
    tubes: str,
    name: str,
    *,
    words: int = WORDS,
    seed: int = 0,
    overwrite: bool = False,
    advance: Advance = lambda done, total, text: None,
) -> Artefact:
    """Train a bag of mouths on the split ``train`` of tubes, and read all their clips with it.

    A run that was killed goes on with the regions it has words of.

    Parameters
    ----------
    words : of each region.
    advance : is told what is done and all there is to do of a part of the work, and which part.

    Raises
    ------
    ArtefactError
        If the tubes are missing, or `name` is another module already.
    InputError
        If there is nothing to train on, or too little for so many words.
    """
    store = TubeStore.open(work, tubes)
    parameters: dict[str, Any] = {"module": "mouths", "words": words, "weight_cost": WEIGHT_COST}

    def make(folder: Path) -> tuple[Outputs, list[str]]:
        outputs = Outputs.of(store.rows, np.full((len(store.rows), len(EMOTIONS)), np.nan))
        there = np.array([row.crops > 0 for row in store.rows])
        training = np.flatnonzero(check_training(outputs, there))
        keeper = Keeper(folder, {**parameters, "seed": seed, "from": reference(store.artefact)})
        chosen = [_spread(store.rows[place].crops) for place in training]
        vocabulary = _vocabulary(store, training, chosen, words, seed, keeper, advance)
        sizes = [len(faces) for faces in chosen]
        encoded = np.empty((sum(sizes), REGIONS * words), np.float32)
        whose = np.repeat(training, sizes)
        for done, (place, faces) in enumerate(zip(training, chosen, strict=True)):
            advance(done, len(training), "mouths of training clips")
            crops = store.clip(store.rows[place]).crops[faces]
            encoded[whose == place] = encode(crops, **vocabulary)
        done = 0

        def fit(
            places: np.ndarray, labels: np.ndarray
        ) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, np.ndarray]]:
            own = np.isin(whose, places)
            part = encoded if own.all() else encoded[own]
            advance(done, int(there.sum()), "regressions, and clips read")
            regression = fit_softmax(
                part, outputs.labels[whose[own]], len(EMOTIONS), cost=WEIGHT_COST
            )
            fitted = Mouths(**vocabulary, **vars(regression))

            def apply(others: np.ndarray) -> np.ndarray:
                nonlocal done
                said = []
                for place in others:
                    said.append(fitted.posterior(store.clip(store.rows[place]).crops))
                    done += 1
                    advance(done, int(there.sum()), "regressions, and clips read")
                return np.stack(said)

            return apply, fitted.arrays()

        arrays, spoken = crossed(np.arange(len(store.rows)), outputs, there, fit, seed)
        return Outputs.of(store.rows, spoken), [write_model(folder, arrays)]

    return make_module(
        *(work, name, parameters, [store.artefact], make, seed, overwrite),
        seen=lambda: trained_on(store),
    )


def _spread(count: int) -> np.ndarray:
    """Places of at most :data:`FACES_OF_A_CLIP` of a clip's faces."""
    return np.unique(np.linspace(0, count - 1, min(count, FACES_OF_A_CLIP)).round().astype(int))


def _vocabulary(
    store: TubeStore,
    training: np.ndarray,
    chosen: list[np.ndarray],
    words: int,
    seed: int,
    keeper: Keeper,
    advance: Advance,
) -> dict[str, np.ndarray]:
    """Whitenings and words of all regions, as :class:`Mouths` has them."""
    everything = [
        (place, face) for place, faces in zip(training, chosen, strict=True) for face in faces
    ]
    rng = np.random.default_rng(seed)
    least = -(-words // PATCHES)
    drawn = np.sort(rng.permutation(len(everything))[: max(FACES_FOR_WORDS, least)])
    if len(drawn) * PATCHES < words:
        raise InputError(
            f"{store.artefact.folder}: the training clips have {len(drawn)} faces, enough for "
            f"{len(drawn) * PATCHES} words; {words} need {least} faces: make "
            "tubes of more clips, or reduce with --words."
        )
    patches = np.empty((REGIONS, len(drawn), PATCHES, VALUES), np.uint8)
    faces = _faces(store, [everything[place] for place in drawn])
    for number, face in enumerate(faces):
        for region, there in enumerate(regions(mouths(face[None]))):
            flat = there.reshape(-1, VALUES)
            patches[region, number] = flat[rng.permutation(len(flat))[:PATCHES]]
    parts = []
    for region in range(REGIONS):
        advance(region, REGIONS, "regions of the mouth")

        def learn(region: int = region) -> Mapping[str, np.ndarray]:
            rows = normalise(patches[region])
            try:
                whitening = fit_whitening(rows)
            except ValueError as error:
                raise InputError(
                    f"{store.artefact.folder} shows no mouths: where they should be, the faces are "
                    "flat; make tubes of other clips."
                ) from error
            centres = fit_words(whitening.apply(rows), words, seed)
            return {"mean": whitening.mean, "matrix": whitening.matrix, "words": centres}

        parts.append(keeper.part(f"region-{region:02d}", learn))
    widest = max(part["words"].shape[1] for part in parts)

    def wide(name: str) -> np.ndarray:
        arrays = [part[name] for part in parts]
        return np.stack([np.pad(a, ((0, 0), (0, widest - a.shape[1]))) for a in arrays])

    means = np.stack([part["mean"] for part in parts])
    return {"means": means, "matrices": wide("matrix"), "words": wide("words")}


def _faces(store: TubeStore, wanted: list[tuple[int, int]]) -> Iterator[np.ndarray]:
    """The crops at (row, face), in order; a clip is read once."""
    last, crops = -1, np.empty(0)
    for place, face in wanted:
        if place != last:
            last, crops = place, store.clip(store.rows[place]).crops
        yield crops[face]
