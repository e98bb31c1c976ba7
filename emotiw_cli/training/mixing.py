"""Mixup: faces, and their targets, mixed in pairs (Zhang et al. 2018, arXiv:1710.09412)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from emotiw_cli.training.recipe import Recipe


def mixing_shares(recipe: Recipe, step: int, batch: int, *, rank: int, processes: int) -> Tensor:
    """What each face of this process's share of a global batch counts in its pair: (n,) float32."""
    random = np.random.Generator(np.random.Philox(key=[recipe.seed ^ 0x313, step]))
    share = batch // processes
    first = random.beta(recipe.mixup, recipe.mixup, (batch + 1) // 2)
    # A face keeps at least half: the smaller share of its pair is the neighbour's.
    both = np.maximum(first, 1 - first).repeat(2)[rank * share :][:share]
    return torch.from_numpy(both.astype(np.float32))


def mixed(values: Tensor, shares: Tensor) -> Tensor:
    """Each of (n, …) with the next, and that with it, by `shares` (n,); a last odd one alone.

    Pairs are neighbours, so that they are the same however a batch is shared among processes, as
    long as each has an even number.
    """
    even = len(values) // 2 * 2
    pairs = values[:even].reshape(-1, 2, *values.shape[1:])
    own = shares[:even].view(-1, 2, *[1] * (values.ndim - 1))
    made = (own * pairs + (1 - own) * pairs.flip(1)).flatten(0, 1)
    return torch.cat([made, values[even:]])
