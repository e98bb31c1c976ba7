"""Face verification: do two pictures show one person?"""

from __future__ import annotations

import numpy as np


def equal_error_rate(
    embeddings: np.ndarray, identities: np.ndarray, *, pairs: int = 20_000, seed: int = 0
) -> float:
    """Rate at which false accepts equal false rejects, by cosine similarity.

    Parameters
    ----------
    embeddings : (n, d) float. identities : (n,) int.
    pairs : so many pairs of one person, and so many of two, are drawn at random, with repeats.

    Returns
    -------
    A share between 0 and 1; nan where there are no genuine or no impostor pairs.
    """
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True).clip(1e-12)
    _, group, sizes = np.unique(identities, return_inverse=True, return_counts=True)
    count = len(unit)
    # By person; what is drawn is a place in this order. Of thousands of people hardly a pair drawn
    # blindly is one person, so each face is given a partner of its own, or of another, block.
    order = np.argsort(group, kind="stable")
    size = sizes[group[order]]
    start = (np.cumsum(sizes) - sizes)[group[order]]
    if not (size > 1).any() or not (size < count).any():
        return float("nan")
    random = np.random.default_rng(seed)
    one = random.choice(count, pairs, p=(size - 1) / (size - 1).sum())
    other = start[one] + (one - start[one] + random.integers(1, size[one])) % size[one]
    genuine = _similarities(unit, order[one], order[other])
    one = random.choice(count, pairs, p=(count - size) / (count - size).sum())
    other = (start[one] + size[one] + random.integers(0, count - size[one])) % count
    impostor = _similarities(unit, order[one], order[other])
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    rejected = np.searchsorted(genuine, thresholds, "left") / len(genuine)
    accepted = 1 - np.searchsorted(impostor, thresholds, "left") / len(impostor)
    crossing = int(np.argmin(np.abs(rejected - accepted)))
    return float((rejected[crossing] + accepted[crossing]) / 2)


def _similarities(unit: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sorted cosines of the pairs."""
    return np.sort(np.einsum("nd,nd->n", unit[first], unit[second]))
