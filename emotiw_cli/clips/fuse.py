"""How the posteriors of modules become one: mean, random search, SVM, MLP.

After Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2). A module that failed on a clip is
a row that is not finite: zeros for the SVM, as the 2013 entry fed it, and uniform otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from emotiw_cli.bundle.fusion import EnsembleWeights, fill_missing
from emotiw_cli.clips.mlp import MlpPlan, fit_mlp
from emotiw_cli.clips.svm import choose_svm, fit_svm
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.ensemble.search import DRAWS, random_search_weights

Method = Literal["mean", "random-search", "svm", "mlp"]
METHODS: tuple[Method, ...] = get_args(Method)

GRID = 2 ** np.arange(0, 2.01, 0.2)
"""Values of C and of gamma that the SVM's are chosen from, by cross-validation."""

Fused = Callable[[np.ndarray], np.ndarray]
"""Modules' posteriors (m, n, 7), rows not finite where one failed → (n, 7) float64."""


def side_by_side(posteriors: np.ndarray, *, missing: Literal["zero", "uniform"]) -> np.ndarray:
    """Modules' posteriors of a clip in a row: (m, n, 7) float → (n, 7 m) float64."""
    filled = np.array(posteriors, dtype=np.float64)
    if missing == "uniform":
        filled = fill_missing(filled)
    else:
        filled[~np.isfinite(filled).all(axis=-1)] = 0
    return filled.transpose(1, 0, 2).reshape(filled.shape[1], -1)


def fit_fusion(
    method: Method,
    posteriors: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    c: float | None = None,
    gamma: float | None = None,
    plan: MlpPlan | None = None,
) -> Fused:
    """Fit a way of fusing.

    Parameters
    ----------
    posteriors : (m, n, 7) float; a row that is not finite is a module that failed.
    labels : (n,) int, 0 to 6.
    draws : of the random search, one weight a module and class.
    c, gamma : of the SVM; None: chosen from :data:`GRID` by cross-validation.
    plan : of the MLP.
    """
    if method == "mean":
        return EnsembleWeights.equal(len(posteriors)).combine
    if method == "random-search":
        return random_search_weights(posteriors, labels, draws=draws, seed=seed).combine
    if method == "svm":
        features = side_by_side(posteriors, missing="zero")
        if c is None or gamma is None:
            c, gamma, _ = choose_svm(features, labels, cs=GRID, gammas=GRID, seed=seed)
        machine = fit_svm(features, labels, c=c, gamma=gamma, seed=seed)
        return lambda other: machine.posteriors(side_by_side(other, missing="zero"), len(EMOTIONS))
    net = fit_mlp(
        side_by_side(posteriors, missing="uniform"),
        labels,
        len(EMOTIONS),
        plan or MlpPlan(seed=seed),
    )
    return lambda other: net.posteriors(side_by_side(other, missing="uniform"))


def cross_validated(
    method: Method,
    posteriors: np.ndarray,
    labels: np.ndarray,
    *,
    folds: int = 5,
    seed: int = 0,
    draws: int = DRAWS,
) -> np.ndarray:
    """Each clip's fused posterior by a fit to the other folds: (n, 7) float64.

    What a fit measured on its own clips reaches is too good; this is the honest figure.
    """
    fold = np.random.default_rng(seed).permutation(len(labels)) % folds
    fused = np.empty((len(labels), len(EMOTIONS)))
    for number in range(folds):
        rest, own = fold != number, fold == number
        fit = fit_fusion(method, posteriors[:, rest], labels[rest], seed=seed, draws=draws)
        fused[own] = fit(posteriors[:, own])
    return fused
