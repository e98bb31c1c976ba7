"""The synchrony autoencoder: what moves together in blocks of video, learned without labels.

After Konda, Memisevic & Michalski 2014 (arXiv:1306.3162), as used by Kahou et al. 2016 (EmoNets,
doi:10.1007/s12193-015-0195-2). A unit is h = sigmoid(f²) of a filter's answer f = x w to a whole
block, so it tells whether the block moves as its filter does, in whatever phase; the block is
rebuilt from f h with the same filters. Rate, epochs, batch and the weight of the contraction are
not published; filters are held at one length after each step, so that none dies. numpy alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

UNITS = 300
EPOCHS = 50
_BATCH = 100
_RATE, _MOMENTUM = 0.01, 0.9
CONTRACTION = 0.01


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−values)), elementwise, for values ≥ 0."""
    return np.asarray(1 / (1 + np.exp(-values)))


def loss(blocks: np.ndarray, filters: np.ndarray, contraction: float) -> tuple[float, np.ndarray]:
    """Mean over blocks of ‖x − (f h) Wᵀ‖² + contraction · Σ (dh/dx)², and its gradient.

    Parameters
    ----------
    blocks : (n, d) float, whitened. filters : (d, u) float.

    Returns
    -------
    The loss, and (d, u) float.
    """
    count = len(blocks)
    f = blocks @ filters
    squares = f**2
    h = sigmoid(squares)
    rest = h * (1 - h)
    rebuilt = f * h
    error = rebuilt @ filters.T - blocks
    lengths = (filters**2).sum(axis=0)
    slope = 2 * f * rest  # dh/df
    value = (error**2).sum() + contraction * ((slope**2) @ lengths).sum()
    bend = 2 * rest * (1 + 2 * squares * (1 - 2 * h))  # d²h/df²
    back = 2 * (error @ filters) * (h + f * slope) + 2 * contraction * slope * bend * lengths
    gradient = 2 * error.T @ rebuilt + blocks.T @ back
    gradient += 2 * contraction * filters * (slope**2).sum(axis=0)
    return float(value) / count, gradient / count


def fit_filters(
    blocks: np.ndarray,
    units: int = UNITS,
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
    advance: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> np.ndarray:
    """Filters (d, units) float32 learned from whitened blocks (n, d) float by gradient descent.

    Parameters
    ----------
    advance : is told epochs done, all epochs, and the loss.
    """
    generator = np.random.default_rng(seed)
    blocks = np.asarray(blocks, dtype=np.float32)
    filters = generator.normal(0, 1, (blocks.shape[1], units)).astype(np.float32)
    filters /= np.linalg.norm(filters, axis=0)
    speed = np.zeros_like(filters)
    for epoch in range(epochs):
        order = generator.permutation(len(blocks))
        values = []
        for start in range(0, len(order), _BATCH):
            value, gradient = loss(blocks[order[start : start + _BATCH]], filters, CONTRACTION)
            speed *= _MOMENTUM
            speed -= _RATE * gradient / blocks.shape[1]
            filters += speed
            lengths = np.linalg.norm(filters, axis=0)
            filters *= lengths.mean() / np.maximum(lengths, 1e-12)
            values.append(value)
        advance(epoch + 1, epochs, f"loss {np.mean(values):.3f}")
    return filters
