"""How the posteriors of modules become one: mean, random search, SVM, MLP, fitted.

After Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2).
"""

from __future__ import annotations

import numpy as np

from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.clips.fusion import Fusion, Method, side_by_side
from emotiw_cli.clips.mlp import MlpPlan, fit_mlp
from emotiw_cli.clips.svm import choose_svm, fit_svm
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.ensemble.search import DRAWS, random_search_weights

GRID = 2 ** np.arange(0, 2.01, 0.2)
"""Values of C and of gamma that the SVM's are chosen from, by cross-validation."""


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
) -> Fusion:
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
        return Fusion(method, EnsembleWeights.equal(len(posteriors)))
    if method == "random-search":
        weights = random_search_weights(posteriors, labels, draws=draws, seed=seed)
        return Fusion(method, weights)
    if method == "svm":
        features = side_by_side(posteriors, missing="zero")
        if c is None or gamma is None:
            c, gamma, _ = choose_svm(features, labels, cs=GRID, gammas=GRID, seed=seed)
        return Fusion(method, fit_svm(features, labels, c=c, gamma=gamma, seed=seed))
    features = side_by_side(posteriors, missing="uniform")
    return Fusion(method, fit_mlp(features, labels, len(EMOTIONS), plan or MlpPlan(seed=seed)))


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
        fused[own] = fit.posteriors(posteriors[:, own])
    return fused
