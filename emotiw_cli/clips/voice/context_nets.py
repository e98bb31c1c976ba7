"""Nets that see speech piece by piece, at work: the mean of several; numpy alone.

Where functionals say what a clip is like as a whole, these see cepstra, pitch and level in order,
a third of a second at a time, and pool what they find over the clip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.clips.voice.features import NAMES
from emotiw_cli.clips.voice.stored import Shapes, Stored
from emotiw_cli.emotions import EMOTIONS

_CEPSTRA = [place for place, name in enumerate(NAMES) if name.startswith(("mfcc-", "delta-mfcc-"))]
_OTHERS = list(range(NAMES.index("level"), len(NAMES)))
INPUTS = len(_CEPSTRA) + len(_OTHERS)
CONTEXT, STRIDE = 13, 2
"""Steps of 26 ms that the first layer sees at once, and from one such piece to the next."""
ABOVE = 3
"""Pieces that the second layer sees at once."""
LEAST_STEPS = CONTEXT + STRIDE * (ABOVE - 1)
LIMIT = 5.0
"""How many spreads from its mean an input may be: beyond, it counts as this far."""


def steps(windows: np.ndarray) -> np.ndarray:
    """What nets see of a clip: the means of every two windows, cepstra without the clip's own mean,
    which tells of the speaker and the room.

    Parameters
    ----------
    windows : (T, 141) float, T ≥ 2, of :func:`emotiw_cli.clips.voice.features.features`.

    Returns
    -------
    (T // 2, 55) float32.
    """
    cepstra = windows[:, _CEPSTRA]
    seen = np.hstack([cepstra - cepstra.mean(axis=0), windows[:, _OTHERS]])
    return seen[: len(seen) // 2 * 2].reshape(-1, 2, INPUTS).mean(axis=1).astype(np.float32)


@dataclass(frozen=True)
class ContextNets(Stored):
    """Trained nets, all of one shape: context → ReLU → context → ReLU → mean and largest → softmax.

    Attributes
    ----------
    mean, spread : (55,) float32: of the inputs in training.
    first, second, last : (nets, 13 · 55, h), (nets, 3 · h, h'), (nets, 2 · h', 7) float32: weights.
    first_biases, second_biases, last_biases : (nets, h), (nets, h'), (nets, 7) float32.
    """

    mean: np.ndarray
    spread: np.ndarray
    first: np.ndarray
    first_biases: np.ndarray
    second: np.ndarray
    second_biases: np.ndarray
    last: np.ndarray
    last_biases: np.ndarray

    def posterior(self, windows: np.ndarray) -> np.ndarray:
        """Of a clip's features (T, 141), T ≥ 2: (7,) float64, sums to one."""
        seen = steps(windows)
        # A clip too short for one piece is heard over and over.
        seen = np.resize(seen, (max(len(seen), LEAST_STEPS), INPUTS))
        seen = np.clip((seen - self.mean) / self.spread, -LIMIT, LIMIT)
        values = _pieces(seen[None], CONTEXT)[:, ::STRIDE] @ self.first
        values = np.maximum(values + self.first_biases[:, None], 0)
        values = _pieces(values, ABOVE) @ self.second
        values = np.maximum(values + self.second_biases[:, None], 0)
        pooled = np.concatenate([values.mean(axis=1), values.max(axis=1)], axis=1)
        logits = (pooled[:, None] @ self.last)[:, 0] + self.last_biases
        return softmax(logits.astype(np.float64)).mean(axis=0)

    def shapes(self) -> Shapes:
        nets, _, hidden = self.first.shape
        above = self.second.shape[-1]
        return {
            "mean": (INPUTS,),
            "spread": (INPUTS,),
            "first": (nets, CONTEXT * INPUTS, hidden),
            "first_biases": (nets, hidden),
            "second": (nets, ABOVE * hidden, above),
            "second_biases": (nets, above),
            "last": (nets, 2 * above, len(EMOTIONS)),
            "last_biases": (nets, len(EMOTIONS)),
        }


def _pieces(values: np.ndarray, size: int) -> np.ndarray:
    """(nets, T, d) → (nets, T − size + 1, size · d): each row with those after it."""
    count = values.shape[1] - size + 1
    return np.concatenate([values[:, start : start + count] for start in range(size)], axis=2)
