"""Deep belief nets on a clip's functionals at work: the mean of several; numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.clips.voice.functionals import FUNCTIONALS, functionals
from emotiw_cli.clips.voice.stored import Shapes, Stored
from emotiw_cli.emotions import EMOTIONS

LIMIT = 5.0
"""How many spreads from its mean a functional may be: beyond, it counts as this far."""


def components(
    rows: np.ndarray, mean: np.ndarray, spread: np.ndarray, axes: np.ndarray
) -> np.ndarray:
    """What nets see of functionals: standardised, limited and turned, (n, 1553) → (n, d) float."""
    return np.asarray(np.clip((rows - mean) / spread, -LIMIT, LIMIT) @ axes)


@dataclass(frozen=True)
class FunctionalNets(Stored):
    """Trained nets, all of one shape: components of the functionals → ReLU → sigmoid → softmax.

    Attributes
    ----------
    mean, spread : (1553,) float32: of the functionals in training.
    axes : (1553, d) float32: to the d components that nets see.
    first, second, last : (nets, d, h), (nets, h, h'), (nets, h', 7) float32: weights.
    first_biases, second_biases, last_biases : (nets, h), (nets, h'), (nets, 7) float32.
    """

    mean: np.ndarray
    spread: np.ndarray
    axes: np.ndarray
    first: np.ndarray
    first_biases: np.ndarray
    second: np.ndarray
    second_biases: np.ndarray
    last: np.ndarray
    last_biases: np.ndarray

    def posterior(self, windows: np.ndarray) -> np.ndarray:
        """Of a clip's features (T, 141), T ≥ 1: (7,) float64, sums to one."""
        row = functionals(windows)[None]
        values = components(row, self.mean, self.spread, self.axes)
        values = np.maximum(values @ self.first + self.first_biases[:, None], 0)
        values = expit(values @ self.second + self.second_biases[:, None])
        return softmax(values @ self.last + self.last_biases[:, None])[:, 0].mean(axis=0)

    def shapes(self) -> Shapes:
        nets, components, hidden = self.first.shape
        above = self.second.shape[-1]
        return {
            "mean": (FUNCTIONALS,),
            "spread": (FUNCTIONALS,),
            "axes": (FUNCTIONALS, components),
            "first_biases": (nets, hidden),
            "second": (nets, hidden, above),
            "second_biases": (nets, above),
            "last": (nets, above, len(EMOTIONS)),
            "last_biases": (nets, len(EMOTIONS)),
        }
