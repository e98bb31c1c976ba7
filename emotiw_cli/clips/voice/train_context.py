"""Train nets on speech piece by piece.

A few hundred clips are little for them, too. So every step sees another crop of a clip, and clips
are mixed in pairs with their labels (Zhang et al. 2018, doi:10.48550/arXiv.1710.09412), which are
smoothed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emotiw_cli.clips.voice.context_nets import (
    ABOVE,
    CONTEXT,
    INPUTS,
    LIMIT,
    STRIDE,
    ContextNets,
    steps,
)
from emotiw_cli.emotions import EMOTIONS

Say = Callable[[str], None]

NETS = 3
HIDDEN = 128
CROP = 90
"""Steps of 26 ms that training sees of a clip at once."""
EPOCHS, BATCH = 25, 32
LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 2e-3, 1e-2, 0.2
INPUT_DROPOUT, HIDDEN_DROPOUT, POOLED_DROPOUT = 0.1, 0.2, 0.5
SMOOTHING, MIXING = 0.1, 0.2
_SPREAD_FLOOR = 1e-6


class ContextNet(nn.Module):
    """A net in training: inputs (n, 55, T) → logits (n, 7)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(INPUTS, HIDDEN, CONTEXT, stride=STRIDE)
        self.first_norm = nn.BatchNorm1d(HIDDEN)
        self.second = nn.Conv1d(HIDDEN, HIDDEN, ABOVE)
        self.second_norm = nn.BatchNorm1d(HIDDEN)
        self.last = nn.Linear(2 * HIDDEN, len(EMOTIONS))

    def forward(self, seen: Tensor) -> Tensor:
        """(n, 55, T) → (n, 7)."""
        # An input is left out of the whole crop: its neighbours in time would tell it.
        seen = functional.dropout1d(seen, INPUT_DROPOUT, self.training)
        values = torch.relu(self.first_norm(self.first(seen)))
        values = functional.dropout(values, HIDDEN_DROPOUT, self.training)
        values = torch.relu(self.second_norm(self.second(values)))
        pooled = torch.cat([values.mean(dim=2), values.amax(dim=2)], dim=1)
        return self.last(functional.dropout(pooled, POOLED_DROPOUT, self.training))

    @torch.no_grad()
    def weights(self) -> list[np.ndarray]:
        """Weights and biases of the three layers as :class:`ContextNets` has them, the batch norms
        within.
        """
        found = []
        for layer, norm in ((self.first, self.first_norm), (self.second, self.second_norm)):
            mean, var, bias = norm.running_mean, norm.running_var, layer.bias
            assert mean is not None
            assert var is not None
            assert bias is not None
            gain = norm.weight / (var + norm.eps).sqrt()
            weight = (layer.weight * gain[:, None, None]).permute(2, 1, 0).flatten(0, 1)
            found += [weight.numpy(), (norm.bias + (bias - mean) * gain).numpy()]
        return [*found, self.last.weight.T.numpy(), self.last.bias.numpy()]


def train_context_nets(
    copies: Sequence[Sequence[np.ndarray]],
    labels: np.ndarray,
    *,
    seed: int = 0,
    say: Say = lambda line: None,
) -> ContextNets:
    """Train nets, each with a seed of its own.

    Parameters
    ----------
    copies : (T, 141) float32 each, T ≥ 2: features of the clips, and of changed copies of them. An
        epoch sees one copy of each clip, drawn by chance.
    labels : (n,) int, 0 to 6.
    say : is told how it goes.
    """
    seen = [[steps(windows) for windows in clips] for clips in copies]
    rows = np.concatenate([row for clips in seen for row in clips])
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + np.float32(_SPREAD_FLOOR)
    seen = [[np.clip((row - mean) / spread, -LIMIT, LIMIT) for row in clips] for clips in seen]
    found = []
    for number in range(NETS):
        net, loss = _train(seen, np.asarray(labels), NETS * seed + number)
        say(f"context net {number + 1}: loss {loss:.3f}")
        found.append(net.weights())
    return ContextNets(mean, spread, *(np.stack(parts) for parts in zip(*found, strict=True)))


def _train(
    copies: Sequence[Sequence[np.ndarray]], labels: np.ndarray, seed: int
) -> tuple[ContextNet, float]:
    """A net, and its loss over the last epoch."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    net = ContextNet().train()
    # Emotions count alike, however many clips they have.
    counts = np.maximum(np.bincount(labels, minlength=len(EMOTIONS)), 1)
    shares = torch.from_numpy((len(labels) / len(EMOTIONS) / counts)[labels]).float()
    targets = torch.eye(len(EMOTIONS))[torch.from_numpy(labels)]
    targets = (1 - SMOOTHING) * targets + SMOOTHING / len(EMOTIONS)
    batches = max(1, len(labels) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=EPOCHS * batches, pct_start=WARM_UP
    )
    for _ in range(EPOCHS):
        order, total = generator.permutation(len(labels)), 0.0
        for number in range(batches):
            own = order[number * BATCH : (number + 1) * BATCH]
            drawn = generator.integers(len(copies), size=len(own))
            crops = [_crop(copies[c][row], generator) for c, row in zip(drawn, own, strict=True)]
            inputs = torch.from_numpy(np.stack(crops)).transpose(1, 2)
            share = float(generator.beta(MIXING, MIXING))
            other = torch.randperm(len(own))
            mixed, wanted, counted = (
                share * values + (1 - share) * values[other]
                for values in (inputs, targets[own], shares[own])
            )
            loss = -(counted * (wanted * net(mixed).log_softmax(1)).sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) / batches
    return net.eval(), total


def _crop(clip: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """:data:`CROP` steps of a clip from anywhere; a shorter one over and over."""
    if len(clip) < CROP:
        return np.resize(clip, (CROP, INPUTS))
    start = int(generator.integers(len(clip) - CROP + 1))
    return clip[start : start + CROP]
