"""Softmax regression: linear scores, and a cost on the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotiw_cli.bundle.fusion import softmax

_ITERATIONS = 500


@dataclass(frozen=True)
class SoftmaxRegression:
    """A fitted regression.

    Attributes
    ----------
    weights : (d, k) float32. biases : (k,) float32, −inf for a class it never saw.
    """

    weights: np.ndarray
    biases: np.ndarray

    def posteriors(self, features: np.ndarray) -> np.ndarray:
        """(n, d) float32 → (n, k) float64, rows sum to one."""
        return softmax(features @ self.weights + self.biases)


def fit_softmax(
    features: np.ndarray, labels: np.ndarray, classes: int, *, cost: float
) -> SoftmaxRegression:
    """The regression of the least mean log-loss + `cost` · Σ weights².

    The loss is convex; L-BFGS finds its one minimum.

    Parameters
    ----------
    features : (n, d) float32. labels : (n,) int, 0 to `classes` − 1.
    """
    from scipy.optimize import minimize  # what is fitted runs without
    from scipy.special import log_softmax

    there = np.unique(labels)
    targets = (labels[:, None] == there).astype(np.float32)
    # Centred, the descent takes a fraction of the steps; the biases make up for it.
    centre = features.mean(axis=0)
    shape = (features.shape[1] + 1, len(there))

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        weights, biases = point.reshape(shape)[:-1], point.reshape(shape)[-1]
        own = weights.astype(np.float32)
        fitted = log_softmax(features @ own - centre @ own + biases, axis=1)
        left = ((np.exp(fitted) - targets) / len(features)).astype(np.float32)
        gradient = np.empty(shape)
        gradient[-1] = left.sum(axis=0)
        gradient[:-1] = features.T @ left - np.outer(centre, gradient[-1]) + 2 * cost * weights
        value = -(targets * fitted).sum() / len(features) + cost * (weights**2).sum()
        return float(value), gradient.ravel()

    found = minimize(
        loss,
        np.zeros(shape).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "ftol": 1e-8, "gtol": 1e-6},
    )
    fitted = found.x.reshape(shape)
    weights = np.zeros((features.shape[1], classes), np.float32)
    biases = np.full(classes, -np.inf, np.float32)
    weights[:, there] = fitted[:-1]
    biases[there] = fitted[-1] - centre @ fitted[:-1]
    return SoftmaxRegression(weights, biases)
