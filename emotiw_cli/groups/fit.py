"""Fit the weights of a group photo's members, and measure them by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from emotiw_cli.bundle.fusion import apply_temperature, normalise
from emotiw_cli.ensemble.calibration import fit_temperature
from emotiw_cli.ensemble.weights import log_loss_weights
from emotiw_cli.evaluation.metrics import log_loss
from emotiw_cli.groups.fusion import PAPER_WEIGHTS, GroupFusion, Part
from emotiw_cli.groups.layout import CLASSES

Method = Literal["paper", "equal", "fitted"]
METHODS: tuple[Method, ...] = get_args(Method)

SHARES = (0.0, 0.5, 1.0)
"""How far fitted weights may go from equal ones to those of the least log-loss."""
FOLDS = 5
_COUNT = len(CLASSES)


def fit_fusion(
    method: Method,
    vectors: np.ndarray,
    labels: np.ndarray,
    parts: Sequence[Part],
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> GroupFusion:
    """Weights of members by a method.

    ``paper`` and ``equal`` have nothing to fit. ``fitted``: weights of the least log-loss on the
    photos every member says something of, moved towards equal ones by a share of :data:`SHARES`
    that cross-validation chooses, then a temperature.

    Parameters
    ----------
    vectors : (m, n, 3) float. labels : (n,) int, 0 to 2. parts : what each member reads.
    folds : of the cross-validation within. seed : of the folds.
    """
    parts = tuple(parts)
    counts = np.bincount(labels, minlength=_COUNT) + 1.0  # none is impossible
    prior = tuple((counts / counts.sum()).tolist())
    if method == "paper":
        return GroupFusion(parts, tuple(PAPER_WEIGHTS[part] for part in parts), True, prior)
    equal = np.full(len(parts), 1 / len(parts))
    whole = np.isfinite(vectors).all(axis=(0, 2))
    if method == "equal" or whole.sum() < 2 * folds:
        return GroupFusion(parts, tuple(equal.tolist()), False, prior)
    posteriors, truth = normalise(vectors[:, whole]), np.eye(_COUNT)[labels[whole]]
    fold = np.random.default_rng(seed).permutation(len(truth)) % folds
    held = np.zeros((len(SHARES), *truth.shape))
    for number in range(folds):
        rest, own = fold != number, fold == number
        best = log_loss_weights(posteriors[:, rest], truth[rest]).values
        for place, share in enumerate(SHARES):
            weights = share * best + (1 - share) * equal
            held[place, own] = np.einsum("m,mnc->nc", weights, posteriors[:, own])
    share = SHARES[int(np.argmin([_sharpened_loss(one, truth) for one in held]))]
    weights = share * log_loss_weights(posteriors, truth).values + (1 - share) * equal
    temperature = fit_temperature(np.einsum("m,mnc->nc", weights, posteriors), truth)
    return GroupFusion(parts, tuple(weights.tolist()), False, prior, temperature)


def _sharpened_loss(posteriors: np.ndarray, truth: np.ndarray) -> float:
    """Log-loss at the best temperature, which the fusion gets too: forests are unsure of all."""
    return log_loss(apply_temperature(posteriors, fit_temperature(posteriors, truth)), truth)


def cross_validated(
    method: Method,
    vectors: np.ndarray,
    labels: np.ndarray,
    parts: Sequence[Part],
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> np.ndarray:
    """Each photo's posterior (3,) by weights fitted on the other folds alone: (n, 3) float64.

    All that is chosen, the share of ``fitted`` among it, is chosen again within the other folds.
    """
    fold = np.random.default_rng(seed).permutation(len(labels)) % folds
    fused = np.empty((len(labels), _COUNT))
    for number in range(folds):
        rest, own = fold != number, fold == number
        fusion = fit_fusion(method, vectors[:, rest], labels[rest], parts, folds=folds, seed=seed)
        fused[own] = fusion.posteriors(vectors[:, own])
    return fused
