"""The activity module of tubes: an autoencoder of movement, words, and a machine on histograms.

Autoencoder and words are learned from all training clips, without their labels; what is said of a
training clip is said by a machine that has not seen its group.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import Artefact, reference
from emotiw_cli.clips.activity import EVERY_FRAME, Movements, blocks, normalise, spreads, units
from emotiw_cli.clips.known import trained_on
from emotiw_cli.clips.module_maker import (
    Keeper,
    check_training,
    crossed,
    machine,
    make_module,
    write_model,
)
from emotiw_cli.clips.modules import Outputs
from emotiw_cli.clips.synchrony import UNITS, fit_filters
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.clips.whitening import Whitening, fit_whitening
from emotiw_cli.clips.words import WORDS, fit_words
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError

Advance = Callable[[int, int, str], None]

C = 100.0
"""Of the machine, as published."""
BLOCKS = 10_000
"""Learned from at most, as many of each training clip: 100 MB."""


def make_activity_module(
    work: Path,
    tubes: str,
    name: str,
    *,
    words: int = WORDS,
    c: float = C,
    gamma: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    advance: Advance = lambda done, total, text: None,
) -> Artefact:
    """Train an activity module on the split ``train`` of tubes, and read all their clips with it.

    A run that was killed goes on with the parts it has: whitening, filters, words.

    Parameters
    ----------
    words : of movement; how many the paper had is not known.
    c, gamma : of the machine; gamma None: one over the mean distance of histograms.
    advance : is told what is done and all there is to do of a part of the work, and which part.

    Raises
    ------
    ArtefactError
        If the tubes are missing, or `name` is another module already.
    InputError
        If there is nothing to train on, or too little for so many words.
    """
    store = TubeStore.open(work, tubes)
    learned = {"module": "activity", "words": words, "units": UNITS}
    parameters: dict[str, Any] = {**learned, "c": c, "gamma": gamma}

    def make(folder: Path) -> tuple[Outputs, list[str]]:
        outputs = Outputs.of(store.rows, np.full((len(store.rows), len(EMOTIONS)), np.nan))
        there = np.array([row.crops > 0 for row in store.rows])
        training = np.flatnonzero(check_training(outputs, there))
        keeper = Keeper(folder, {**learned, "seed": seed, "from": reference(store.artefact)})
        movements = _movements(store, training, words, seed, keeper, advance)
        histograms = np.full((len(store.rows), words), np.nan)
        for done, place in enumerate(np.flatnonzero(there)):
            clip = store.clip(store.rows[place])
            histograms[place] = movements.histogram(clip.crops, clip.tube)
            advance(done + 1, int(there.sum()), "clips")
        fit = machine(c, gamma, seed, "chi2")
        readable = np.isfinite(histograms).all(axis=1)
        arrays, spoken = crossed(histograms, outputs, readable, fit, seed)
        every = {EVERY_FRAME: np.asarray(store.every_frame)}
        model = write_model(folder, {**vars(movements), **arrays, **every})
        return Outputs.of(store.rows, spoken), [model]

    return make_module(
        *(work, name, parameters, [store.artefact], make, seed, overwrite),
        seen=lambda: trained_on(store),
    )


def _movements(
    store: TubeStore,
    training: np.ndarray,
    words: int,
    seed: int,
    keeper: Keeper,
    advance: Advance,
) -> Movements:
    drawn = []
    for done, place in enumerate(training):
        clip = store.clip(store.rows[place])
        own = blocks(clip.crops, clip.tube)
        order = np.random.default_rng([seed, place]).permutation(len(own))
        drawn.append(own[order[: max(1, BLOCKS // len(training))]])
        advance(done + 1, len(training), "blocks of training clips")
    rows = np.concatenate(drawn)
    if len(rows) < words:
        raise InputError(
            f"{store.artefact.folder}: the training clips have {len(rows)} blocks of ten crops, "
            f"enough for as many words, not for {words}: make tubes of more clips or with "
            "--every-frame, or reduce with --words."
        )
    spread = np.asarray(spreads(rows).mean(), np.float32)
    rows = normalise(rows, spread)

    def whiten() -> dict[str, np.ndarray]:
        try:
            return vars(fit_whitening(rows))
        except ValueError as error:
            raise InputError(
                f"{store.artefact.folder}: its faces are flat, nothing in them moves; make "
                "tubes of other clips."
            ) from error

    advance(0, 3, "whitening")
    whitening = Whitening(**keeper.part("whitening", whiten))
    rows = whitening.apply(rows)
    filters = keeper.part(
        "filters", lambda: {"filters": fit_filters(rows, seed=seed, advance=advance)}
    )["filters"]
    advance(2, 3, "words")
    seen = units(rows, filters)
    centres = keeper.part("words", lambda: {"words": fit_words(seen, words, seed)})["words"]
    return Movements(spread, whitening.mean, whitening.matrix, filters, centres)
