"""A small net that fuses modules' posteriors: ReLU, softmax, all in numpy.

As in EmoNets (Kahou et al. 2016, doi:10.1007/s12193-015-0195-2): one hidden layer, dropout of
the inputs, columns kept within a norm, stopped early.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.errors import ArtefactError


@dataclass(frozen=True)
class Mlp:
    """A fitted net; weights (d, h) and (h, c), biases (h,) and (c,), float64."""

    hidden: np.ndarray
    hidden_bias: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray

    def posteriors(self, features: np.ndarray) -> np.ndarray:
        """(n, d) float → (n, c) float64, rows sum to one."""
        active = np.maximum(features @ self.hidden + self.hidden_bias, 0)
        return softmax(active @ self.out + self.out_bias)

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], where: str) -> Mlp:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that."""
        try:
            made = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            if made.hidden.shape[1:] != made.hidden_bias.shape or made.out.shape != (
                *made.hidden_bias.shape,
                *made.out_bias.shape,
            ):
                raise ValueError("its arrays do not fit together")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"{where} is not a fusing net ({error}); make it again.") from error
        return made


@dataclass(frozen=True)
class MlpPlan:
    """How an :class:`Mlp` is fitted.

    Attributes
    ----------
    hidden : units. keep : chance that an input stays. column_norm : largest of a unit's weights.
    rate, momentum, batch, epochs : of the descent. patience : epochs without a lower loss on the
    tenth held back, then it stops.
    """

    hidden: int = 350
    keep: float = 0.8
    column_norm: float = 1.5
    rate: float = 0.05
    momentum: float = 0.9
    batch: int = 32
    epochs: int = 300
    patience: int = 20
    seed: int = 0


def fit_mlp(features: np.ndarray, labels: np.ndarray, classes: int, plan: MlpPlan) -> Mlp:
    """Fit a net to labels; every tenth sample of a shuffle is held back to stop by.

    Parameters
    ----------
    features : (n, d) float. labels : (n,) int from 0 to `classes` − 1.
    """
    generator = np.random.default_rng(plan.seed)
    features = np.asarray(features, dtype=np.float64)
    targets = np.eye(classes)[labels]
    order = generator.permutation(len(labels))
    held, train = order[: len(order) // 10], order[len(order) // 10 :]
    width = features.shape[1]
    values = [
        generator.normal(0, np.sqrt(2 / width), (width, plan.hidden)),
        np.zeros(plan.hidden),
        generator.normal(0, 0.01, (plan.hidden, classes)),
        np.zeros(classes),
    ]
    speeds = [np.zeros_like(value) for value in values]
    best, best_loss, waited = Mlp(*(value.copy() for value in values)), np.inf, 0
    for _ in range(plan.epochs):
        generator.shuffle(train)
        for start in range(0, len(train), plan.batch):
            rows = train[start : start + plan.batch]
            kept = generator.random((len(rows), width)) < plan.keep
            gradients = _gradients(values, features[rows] * kept / plan.keep, targets[rows])
            for value, speed, gradient in zip(values, speeds, gradients, strict=True):
                speed *= plan.momentum
                speed -= plan.rate * gradient
                value += speed
            for matrix in (values[0], values[2]):
                norms = np.linalg.norm(matrix, axis=0)
                matrix *= np.minimum(1, plan.column_norm / np.maximum(norms, 1e-12))
        now = Mlp(*(value.copy() for value in values))
        chosen = now.posteriors(features[held])[np.arange(len(held)), labels[held]]
        loss = -np.log(np.maximum(chosen, 1e-12)).mean() if len(held) else 0.0
        waited += 1
        if loss < best_loss - 1e-5:
            best, best_loss, waited = now, loss, 0
        if waited >= plan.patience:
            break
    return best


def _gradients(
    values: list[np.ndarray], features: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, ...]:
    hidden, hidden_bias, out, out_bias = values
    active = np.maximum(features @ hidden + hidden_bias, 0)
    error = (softmax(active @ out + out_bias) - targets) / len(features)
    back = (error @ out.T) * (active > 0)
    return features.T @ back, back.sum(axis=0), active.T @ error, error.sum(axis=0)
