"""Train the deep belief net on labelled speech, with the settings of Kahou et al. 2016 (EmoNets,
doi:10.1007/s12193-015-0195-2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emotiw_cli.clips.voice.dbn import FRAMES, DeepBeliefNet, NesterovRmsProp, Rbm
from emotiw_cli.clips.voice.features import COUNT
from emotiw_cli.emotions import EMOTIONS

Say = Callable[[str], None]

EPOCHS, BATCH = 100, 16
_PRETRAINED_WINDOWS = 40_000
_SPREAD_FLOOR = 1e-3


@dataclass(frozen=True)
class Standard:
    """Means and spreads of the features over the training windows: (d,) float32 each."""

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, clips: Sequence[np.ndarray]) -> Standard:
        """Those of the windows of `clips`."""
        windows = np.concatenate(clips)
        return cls(windows.mean(axis=0), windows.std(axis=0) + np.float32(_SPREAD_FLOOR))

    def apply(self, clip: np.ndarray) -> np.ndarray:
        """`clip` (T, d) standardised."""
        return (clip - self.mean) / self.spread


class Voice(nn.Module):
    """A trained net with the standardisation before it: raw features in, logits out."""

    def __init__(self, net: nn.Module, standard: Standard) -> None:
        super().__init__()
        self.net = net
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.from_numpy(standard.mean))
        self.register_buffer("spread", torch.from_numpy(standard.spread))

    def forward(self, windows: Tensor) -> Tensor:
        """(1, T, 141) → (1, 7)."""
        return self.net((windows - self.mean) / self.spread)


def train_dbn(
    clips: Sequence[np.ndarray],
    labels: np.ndarray,
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
    say: Say = lambda line: None,
) -> Voice:
    """Train a net: machines first, then all of it.

    Parameters
    ----------
    clips : (T, 141) float32 each: features. labels : (n,) int, 0 to 6.
    epochs : of the fine-tuning.
    say : is told how it goes.
    """
    torch.manual_seed(seed)
    standard = Standard.of(clips)
    clips = [standard.apply(clip) for clip in clips]
    targets = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    generator = np.random.default_rng(seed)
    windows = torch.from_numpy(np.concatenate(clips))
    windows = windows[torch.from_numpy(generator.permutation(len(windows))[:_PRETRAINED_WINDOWS])]
    net = DeepBeliefNet(COUNT, len(EMOTIONS))
    machines = []
    for place, layer in enumerate(net.layers):
        size: tuple[int, int] = (layer.in_features, layer.out_features)  # type: ignore[assignment]
        machine = Rbm(*size, gaussian=place == 0, seed=seed + place)
        errors = list(machine.train(windows))
        say(f"machine {place + 1}: reconstruction error {errors[0]:.3f} → {errors[-1]:.3f}")
        windows = machine.hidden(windows)
        machines.append(machine)
    net.start_from(machines)
    optimizer = NesterovRmsProp(net.parameters())
    for epoch in range(epochs):
        net.train()
        losses = []
        for rows in _batches(generator, len(clips), BATCH):
            drawn = [clips[row][generator.integers(0, len(clips[row]), FRAMES)] for row in rows]
            loss = functional.cross_entropy(net(torch.from_numpy(np.stack(drawn))), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        if epoch % 10 == 9:
            say(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}")
    return Voice(net, standard).eval()


def _batches(generator: np.random.Generator, count: int, size: int) -> Iterator[np.ndarray]:
    """Shuffled rows; a last batch of one is left out: it has no spread to normalise by."""
    order = generator.permutation(count)
    for start in range(0, count, size):
        rows = order[start : start + size]
        if len(rows) > 1 or count == 1:
            yield rows
