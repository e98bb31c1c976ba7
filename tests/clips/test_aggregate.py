"""Aggregation over time, by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.clips.aggregate import frame_mean, segment_means


def test_the_mean_of_frames() -> None:
    assert frame_mean(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])).tolist() == [0.5, 0.5]


def test_segments_take_what_is_left_by_what_is_left_rounded_half_up() -> None:
    # 12 rows: 12/10 → 1, 11/9 → 1, 10/8 → 1, 9/7 → 1, 8/6 → 1, 7/5 → 1, 6/4 = 1.5 → 2, 4/3 → 1,
    # 3/2 = 1.5 → 2, 1.
    got = segment_means(np.arange(12.0)[:, None])
    assert got.tolist() == [0, 1, 2, 3, 4, 5, 6.5, 8, 9.5, 11]
    # 25 rows: 2.5 → 3, 22/9 → 2, 20/8 = 2.5 → 3, 17/7 → 2, 15/6 = 2.5 → 3, 12/5 → 2,
    # 10/4 = 2.5 → 3, 7/3 → 2, 5/2 = 2.5 → 3, 2.
    got = segment_means(np.arange(25.0)[:, None])
    assert got.tolist() == [1, 3.5, 6, 8.5, 11, 13.5, 16, 18.5, 21, 23.5]


def test_few_rows_are_repeated() -> None:
    # i · 2 / 9 = 0, .22, .44, .67, .89, 1.1, 1.3, 1.56, 1.78, 2.
    got = segment_means(np.arange(3.0)[:, None])
    assert got.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert segment_means(np.array([[7.0, 8.0]])).tolist() == [7, 8] * 10
    # i · 1 / 9 is never a half; of two rows the first stands for i ≤ 4.
    assert segment_means(np.arange(2.0)[:, None]).tolist() == [0] * 5 + [1] * 5


def test_no_rows_no_segments() -> None:
    with pytest.raises(ValueError, match="without faces"):
        segment_means(np.empty((0, 7)))


@given(st.integers(10, 400))
def test_segments_hold_every_row_once(count: int) -> None:
    """Each row as a class of its own: a segment's share of it is one over its size, or none."""
    shares = segment_means(np.eye(count)).reshape(10, count)
    assert (np.count_nonzero(shares, axis=0) == 1).all()
    sizes = np.count_nonzero(shares, axis=1)
    assert sizes.max() - sizes.min() <= 1
    assert (np.diff(shares.argmax(axis=1)) > 0).all()


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_segments_of_posteriors_are_posteriors(count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.ones(7), count)
    assert segment_means(rows).reshape(10, 7).sum(axis=1) == pytest.approx(np.ones(10))


def test_the_stored_segments_of_2013(shared: Path) -> None:
    """Exact on 303 of 317 clips with one tube; of several tubes the order is unknown."""
    with np.load(shared / "data/emotiw2013_outputs/validation.npz", allow_pickle=False) as arrays:
        frames, offsets = arrays["frame_probs"].astype(float), arrays["frame_offsets"]
        faces, stored = arrays["frame_face"], arrays["convnet_bins"]
    same = single = 0
    for clip, (a, b) in enumerate(itertools.pairwise(offsets)):
        if len(np.unique(faces[a:b])) == 1:
            single += 1
            same += bool(np.abs(segment_means(frames[a:b]) - stored[clip]).max() < 1e-5)
    assert (same, single) == (303, 317)
