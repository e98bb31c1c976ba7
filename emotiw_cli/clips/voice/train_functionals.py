"""Train deep belief nets on clips' functionals.

What Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2) do with windows, done with whole
clips: a Gaussian machine, a binary one on it, and fine-tuning of a net of their weights. A few
hundred clips are little for that. So there are copies of each, principal components stand for the
functionals, many units are left out at every step, and several nets answer together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from emotiw_cli.clips.voice.dbn import DeepBeliefNet, Rbm
from emotiw_cli.clips.voice.functional_nets import FunctionalNets, components
from emotiw_cli.emotions import EMOTIONS

Say = Callable[[str], None]

NETS = 5
COMPONENTS = 200
HIDDEN = (400, 400)
GAUSSIAN_RATE, BINARY_RATE = 1e-4, 0.05
RBM_EPOCHS = 10
EPOCHS, BATCH = 12, 64
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-3
INPUT_DROPOUT, DROPOUT = 0.2, 0.5
_SPREAD_FLOOR = 1e-6


def train_functional_nets(
    copies: Sequence[np.ndarray],
    labels: np.ndarray,
    *,
    seed: int = 0,
    say: Say = lambda line: None,
) -> FunctionalNets:
    """Train nets, each with a seed of its own.

    Parameters
    ----------
    copies : (n, 1553) float64 each: functionals of the clips, and of changed copies of them.
    labels : (n,) int, 0 to 6.
    say : is told how it goes.
    """
    mean, spread, axes = _principal(np.concatenate(copies))
    seen = np.concatenate([components(rows, mean, spread, axes) for rows in copies])
    targets = torch.from_numpy(np.tile(np.asarray(labels, dtype=np.int64), len(copies)))
    nets = []
    for number in range(NETS):
        own = NETS * seed + number
        net, loss = _train(torch.from_numpy(seen.astype(np.float32)), targets, own)
        say(f"net {number + 1}: loss {loss:.3f}")
        nets.append(net)
    linears = zip(*([*net.layers, net.head] for net in nets), strict=True)
    weights = [
        np.stack([part.detach().numpy() for part in parts])
        for linear in linears
        for parts in ([one.weight.T for one in linear], [one.bias for one in linear])
    ]
    return FunctionalNets(
        mean.astype(np.float32), spread.astype(np.float32), axes.astype(np.float32), *weights
    )


def _principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and spread (1553,) of `rows`, and the axes (1553, d) along which they vary most."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1)
    _, vectors = np.linalg.eigh(np.cov(components(rows, mean, spread, np.eye(len(mean))).T))
    return mean, spread, vectors[:, : -COMPONENTS - 1 : -1]


def _train(rows: Tensor, targets: Tensor, seed: int) -> tuple[DeepBeliefNet, float]:
    """A net, and its loss over the last epoch."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = DeepBeliefNet(rows.shape[1], len(EMOTIONS), HIDDEN, DROPOUT)
    machines, below = [], rows
    for place, (inputs, outputs) in enumerate(itertools.pairwise((rows.shape[1], *HIDDEN))):
        machine = Rbm(inputs, outputs, gaussian=place == 0, seed=seed + place)
        rate = BINARY_RATE if place else GAUSSIAN_RATE
        for _ in machine.train(below, epochs=RBM_EPOCHS, batch=BATCH, rate=rate):
            pass
        below = machine.hidden(below)
        machines.append(machine)
    net.start_from(machines)
    counts = torch.bincount(targets, minlength=len(EMOTIONS)).clamp(min=1)
    # Emotions count alike, however many clips they have.
    weights = len(targets) / len(EMOTIONS) / counts.float()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    batches = -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * batches)
    net.train()
    for _ in range(EPOCHS):
        total = 0.0
        for own in torch.randperm(len(rows), generator=generator).split(BATCH):
            seen = functional.dropout(rows[own], INPUT_DROPOUT)
            # A clip is one window: pooling leaves it as it is.
            loss = functional.cross_entropy(net(seen[:, None]), targets[own], weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(own) / len(rows)
    return net.eval(), total
