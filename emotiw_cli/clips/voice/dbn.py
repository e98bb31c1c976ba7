"""The deep belief net of Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2) on sound.

Restricted Boltzmann machines, the first with Gaussian inputs, are trained one upon the other by
contrastive divergence; then a net of their weights is fine-tuned. It sees windows one by one and
pools each hidden unit over a clip's windows by its two largest activations before the softmax.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

HIDDEN = (310, 310)
RBM_EPOCHS, RBM_BATCH = 15, 60
LEARNING_RATE, MOMENTUM, DECAY = 5.02e-4, 0.459, 0.92
L2 = 1e-5
COLUMN_NORM = 1.2875
DROPOUT = 0.121
FRAMES = 98
"""Random windows of a clip that a training step sees."""
POOL_TRAIN, POOL_TEST = (1.4, 0.6), (1.3, 0.7)


class Rbm:
    """A restricted Boltzmann machine with binary hidden units.

    Parameters
    ----------
    visible, hidden : numbers of units.
    gaussian : visible units are Gaussian of unit variance; else binary.

    Attributes
    ----------
    weights : (visible, hidden). visible_bias, hidden_bias.
    """

    def __init__(self, visible: int, hidden: int, *, gaussian: bool, seed: int = 0) -> None:
        self.gaussian = gaussian
        self.generator = torch.Generator().manual_seed(seed)
        self.weights = 0.01 * torch.randn((visible, hidden), generator=self.generator)
        self.visible_bias, self.hidden_bias = torch.zeros(visible), torch.zeros(hidden)

    def hidden(self, visible: Tensor) -> Tensor:
        """Chances that hidden units are on: (n, visible) → (n, hidden)."""
        return torch.sigmoid(visible @ self.weights + self.hidden_bias)

    def visible(self, hidden: Tensor) -> Tensor:
        """Means of visible units: (n, hidden) → (n, visible)."""
        activation = hidden @ self.weights.T + self.visible_bias
        return activation if self.gaussian else torch.sigmoid(activation)

    def gradient(self, visible: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step of contrastive divergence: what raises the data's likelihood, on average."""
        up = self.hidden(visible)
        drawn = torch.bernoulli(up, generator=self.generator)
        down = self.visible(drawn)
        again = self.hidden(down)
        count = len(visible)
        return (
            (visible.T @ up - down.T @ again) / count,
            (visible - down).mean(dim=0),
            (up - again).mean(dim=0),
        )

    def train(
        self,
        data: Tensor,
        *,
        epochs: int = RBM_EPOCHS,
        batch: int = RBM_BATCH,
        rate: float | None = None,
        momentum: float = 0.5,
    ) -> Iterator[float]:
        """Train on `data` (n, visible); yield the mean squared reconstruction error per epoch."""
        rate = (0.001 if self.gaussian else 0.05) if rate is None else rate
        values = (self.weights, self.visible_bias, self.hidden_bias)
        speeds = [torch.zeros_like(value) for value in values]
        for _ in range(epochs):
            order = torch.randperm(len(data), generator=self.generator)
            for rows in order.split(batch):
                gradients = self.gradient(data[rows])
                for value, speed, gradient in zip(values, speeds, gradients, strict=True):
                    speed.mul_(momentum).add_(gradient, alpha=rate)
                    value.add_(speed)
            sample = data[order[: 10 * batch]]
            yield float(((sample - self.visible(self.hidden(sample))) ** 2).mean())


def two_max(values: Tensor, shares: tuple[float, float], mask: Tensor | None = None) -> Tensor:
    """Half the sum of the largest and second largest over time, times `shares`.

    Parameters
    ----------
    values : (n, T, h). mask : (n, T) bool, the windows there are; None: all.

    Returns
    -------
    (n, h); of a clip of one window that one counts twice.
    """
    if mask is not None:
        values = values.masked_fill(~mask[:, :, None], float("-inf"))
    if values.shape[1] == 1:
        values = torch.cat([values, values], dim=1)
    top = values.topk(2, dim=1).values
    first = top[:, 0]
    second = torch.where(top[:, 1].isinf(), first, top[:, 1])
    return (shares[0] * first + shares[1] * second) / 2


class DeepBeliefNet(nn.Module):
    """Windows → ReLU → sigmoid → two-max pooling → logits of the emotions.

    Parameters
    ----------
    inputs : features of a window, standardised. classes : of the logits.
    """

    def __init__(
        self,
        inputs: int,
        classes: int = 7,
        hidden: Sequence[int] = HIDDEN,
        dropout: float = DROPOUT,
    ) -> None:
        super().__init__()
        sizes = [inputs, *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], classes)

    @torch.no_grad()
    def start_from(self, machines: Sequence[Rbm]) -> None:
        """Take over the weights of machines, one a layer."""
        for layer, machine in zip(self.layers, machines, strict=True):
            assert isinstance(layer, nn.Linear)
            layer.weight.copy_(machine.weights.T)
            layer.bias.copy_(machine.hidden_bias)

    def forward(self, windows: Tensor, mask: Tensor | None = None) -> Tensor:
        """(n, T, inputs) → (n, classes)."""
        values = windows
        for place, layer in enumerate(self.layers):
            values = torch.relu(layer(values)) if place == 0 else torch.sigmoid(layer(values))
            values = self.dropout(values)
        shares = POOL_TRAIN if self.training else POOL_TEST
        return self.head(two_max(values, shares, mask))


class NesterovRmsProp(torch.optim.Optimizer):
    """RMSprop with Nesterov's momentum and a bound on the norm of a unit's incoming weights.

    A step is s ← momentum · s − rate · g / √(v + ε), v the running mean of g²; what is added is the
    step after next, momentum · s − rate · g / √(v + ε).
    """

    def __init__(
        self,
        parameters: Iterator[nn.Parameter],
        rate: float = LEARNING_RATE,
        momentum: float = MOMENTUM,
        decay: float = DECAY,
        l2: float = L2,
        column_norm: float = COLUMN_NORM,
    ) -> None:
        defaults = {"rate": rate, "momentum": momentum, "decay": decay, "l2": l2}
        super().__init__(parameters, {**defaults, "column_norm": column_norm})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step along the gradients there are."""
        for group in self.param_groups:
            for value in group["params"]:
                if value.grad is None:
                    continue
                state = self.state[value]
                if not state:
                    state["mean"], state["speed"] = torch.zeros_like(value), torch.zeros_like(value)
                gradient = value.grad + group["l2"] * value if value.ndim > 1 else value.grad
                mean, speed = state["mean"], state["speed"]
                mean.mul_(group["decay"]).addcmul_(gradient, gradient, value=1 - group["decay"])
                pull = group["rate"] * gradient / (mean + 1e-8).sqrt()
                speed.mul_(group["momentum"]).sub_(pull)
                value.add_(group["momentum"] * speed - pull)
                if value.ndim > 1:
                    norms = value.norm(dim=1, keepdim=True)
                    value.mul_((group["column_norm"] / norms.clamp(min=1e-12)).clamp(max=1))
