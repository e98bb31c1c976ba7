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
    pairs : at most so many genuine pairs and so many impostor pairs are drawn.

    Returns
    -------
    A share between 0 and 1; nan where there are no genuine or no impostor pairs.
    """
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True).clip(1e-12)
    random = np.random.default_rng(seed)
    first, second = random.integers(0, len(unit), (2, 40 * pairs))
    apart = first != second
    first, second = first[apart], second[apart]
    same = identities[first] == identities[second]
    scores = []
    for wanted in (same, ~same):
        chosen = np.flatnonzero(wanted)[:pairs]
        scores.append(np.einsum("nd,nd->n", unit[first[chosen]], unit[second[chosen]]))
    genuine, impostor = (np.sort(score) for score in scores)
    if not len(genuine) or not len(impostor):
        return float("nan")
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    rejected = np.searchsorted(genuine, thresholds, "left") / len(genuine)
    accepted = 1 - np.searchsorted(impostor, thresholds, "left") / len(impostor)
    crossing = int(np.argmin(np.abs(rejected - accepted)))
    return float((rejected[crossing] + accepted[crossing]) / 2)
