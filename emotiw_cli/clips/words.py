"""Visual words: centres of k-means, and how far rows are from them."""

from __future__ import annotations

import warnings

import numpy as np

WORDS = 400
"""Words of a vocabulary, as published for mouths."""
_ROUNDS = 100


def fit_words(rows: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Centres of `rows` (n, d) float by k-means, n ≥ `count`: (count, d) float32. Needs
    scikit-learn.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    means = KMeans(count, n_init=1, max_iter=_ROUNDS, random_state=seed)
    with warnings.catch_warnings():
        # Of rows that are often alike some centres coincide: such words are the same word twice.
        warnings.simplefilter("ignore", ConvergenceWarning)
        means.fit(np.asarray(rows, dtype=np.float32))
    return np.asarray(means.cluster_centers_, dtype=np.float32)


def distances(rows: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Of each row from each word: (n, d) and (k, d) float32 → (n, k) float32."""
    squares = (rows**2).sum(axis=1)[:, None] + (words**2).sum(axis=1)
    squares -= 2 * (rows @ words.T)
    return np.asarray(np.sqrt(np.maximum(squares, 0, out=squares), out=squares))
