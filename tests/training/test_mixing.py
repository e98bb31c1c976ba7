from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.training.mixing import mixed, mixing_shares
from emotiw_cli.training.recipe import Recipe

MIXED = Recipe("mobilenet_v1.025", "grey", mixup=0.4, seed=3)


def test_neighbours_are_mixed_and_a_last_odd_one_is_alone() -> None:
    values = torch.tensor([[0.0], [10.0], [20.0], [40.0], [7.0]])
    shares = torch.tensor([0.75, 0.75, 0.5, 0.5, 0.9])
    assert mixed(values, shares).flatten().tolist() == [2.5, 7.5, 30, 30, 7]


def test_pictures_and_targets_are_mixed_alike() -> None:
    shares = torch.tensor([0.75, 0.75])
    pictures = torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2)])
    targets = torch.eye(7)[:2]
    assert mixed(pictures, shares)[0].unique().tolist() == [0.25]
    assert mixed(targets, shares)[0, :2].tolist() == [0.75, 0.25]


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 1000))
def test_processes_mix_as_one_does(processes: int, pairs: int, step: int) -> None:
    batch = 2 * pairs * processes
    whole = mixing_shares(MIXED, step, batch, rank=0, processes=1)
    parts = [
        mixing_shares(MIXED, step, batch, rank=rank, processes=processes)
        for rank in range(processes)
    ]
    assert torch.equal(torch.cat(parts), whole)
    both = whole.view(-1, 2)
    assert torch.equal(both[:, 0], both[:, 1])
    assert ((whole >= 0.5) & (whole <= 1)).all()


def test_shares_differ_by_step_and_are_those_of_their_distribution() -> None:
    drawn = np.concatenate(
        [mixing_shares(MIXED, step, 64, rank=0, processes=1).numpy()[::2] for step in range(200)]
    )
    assert len(np.unique(drawn)) > 6000
    # The larger of s and 1 - s, s of Beta(0.4, 0.4), has a mean of 0.8398 (integrated numerically).
    assert abs(drawn.mean() - 0.8398) < 0.005
