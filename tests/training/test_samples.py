from __future__ import annotations

from itertools import chain
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.inputs.preprocessing import Order, Preprocessing
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.samples import Samples, batches, order


@given(st.integers(1, 200), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_shows_every_face_once(size: int, epoch: int, seed: int) -> None:
    assert sorted(order(size, epoch, seed)) == list(range(size))


def test_epochs_differ_and_repeat_by_seed() -> None:
    first, again, next_epoch = order(50, 0, 7), order(50, 0, 7), order(50, 1, 7)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, next_epoch)


def test_weights_draw_rare_faces_more_often() -> None:
    weights = np.array([1.0] * 90 + [9.0] * 10)
    drawn = np.concatenate([order(100, epoch, 0, weights) for epoch in range(40)])
    assert 0.45 < (drawn >= 90).mean() < 0.55


@settings(max_examples=50)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 3))
def test_processes_share_the_very_batches_of_one(processes: int, share: int, start: int) -> None:
    positions = np.arange(57)
    batch = processes * share
    whole = list(batches(positions, 2, batch, start=start, rank=0, processes=1))
    parts = [
        list(batches(positions, 2, batch, start=start, rank=rank, processes=processes))
        for rank in range(processes)
    ]
    joined = [list(chain.from_iterable(pieces)) for pieces in zip(*parts, strict=True)]
    assert joined == whole
    assert len(whole) == max(0, 57 // batch - start)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("scale", [0.5, (0.25, 0.5, 2.0)])
def test_pictures_are_normalised_as_a_face_to_predict_is(order: Order, scale: Any) -> None:
    preprocessing = Preprocessing(
        "rgb", (6, 6), resize=6, crop=6, order=order, mean=(103.9, 116.8, 123.7), scale=scale
    )
    pictures = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    samples = Samples(cast(FaceSet, None), [], preprocessing, "none", 0)
    made = samples.normalised(torch.from_numpy(pictures)).numpy()
    np.testing.assert_array_equal(made, preprocessing.normalised(pictures))
