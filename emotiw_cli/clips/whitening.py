"""PCA whitening: rows turned to uncorrelated values of variance one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KEPT = 0.9
"""Share of the variance that is kept, as published."""


@dataclass(frozen=True)
class Whitening:
    """A fitted whitening of d values to k.

    Attributes
    ----------
    mean : (d,) float32. matrix : (d, k) float32.
    """

    mean: np.ndarray
    matrix: np.ndarray

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) float → (n, k) float32."""
        centred = np.asarray(rows, dtype=np.float32) - self.mean
        return np.asarray(centred @ self.matrix)


def fit_whitening(rows: np.ndarray, kept: float = KEPT) -> Whitening:
    """The whitening along the fewest principal axes that hold a share `kept` of the variance.

    Parameters
    ----------
    rows : (n, d) float.

    Raises
    ------
    ValueError
        If all rows are alike: there is nothing to whiten.
    """
    rows = np.asarray(rows, dtype=np.float32)
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = rows - mean
    # Of fewer rows than values, the axes come from the rows' products: the same ones, and sooner.
    few = len(rows) < rows.shape[1]
    products = (centred @ centred.T if few else centred.T @ centred).astype(np.float64)
    values, vectors = np.linalg.eigh(products / len(rows))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    total = values.sum()
    if total < 1e-12:
        raise ValueError("all rows are alike")
    count = int(np.searchsorted(np.cumsum(values), kept * total)) + 1
    values, vectors = values[:count], vectors[:, :count]
    if few:
        vectors = centred.T @ vectors / np.sqrt(values * len(rows))
    matrix = vectors / np.sqrt(values)
    return Whitening(mean, matrix.astype(np.float32))
