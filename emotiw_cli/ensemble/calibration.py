"""Make confidences true: fit a temperature, class biases, the strength of a prior correction."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from emotiw_cli.bundle.fusion import Calibration, Prior, apply_temperature
from emotiw_cli.evaluation.metrics import FLOOR, log_loss

_LOG_RANGE = (-3.0, 3.0)
"""ln T between these: T from 0.05 to 20."""
_TOLERANCE = 1e-5


def fit_temperature(posteriors: np.ndarray, targets: np.ndarray) -> float:
    """Temperature T whose p^(1/T) has the least log-loss.

    Guo et al. 2017, arXiv:1706.04599. The loss is convex in 1/T, so its one minimum is found by
    bounded search over ln T, to 1e-5.

    Parameters
    ----------
    posteriors : (n, 7) float.
    targets : (n, 7) float, one-hot or shares; rows of NaN are left out.

    Returns
    -------
    T, between 0.05 (sharper) and 20 (softer); 1 if no row has a target.
    """
    if np.isnan(targets).any(axis=1).all():
        return 1.0
    found = minimize_scalar(
        lambda log_t: log_loss(apply_temperature(posteriors, np.exp(log_t)), targets),
        bounds=_LOG_RANGE,
        method="bounded",
        options={"xatol": _TOLERANCE},
    )
    return float(np.exp(found.x))


def fit_calibration(posteriors: np.ndarray, targets: np.ndarray) -> Calibration:
    """The temperature and class biases of the least log-loss (Alexandari et al., see there).

    The biases have a standard normal prior (half their sum of squares is added to the summed
    loss), so a class with few faces or none moves little. The loss is convex in 1/T and the
    biases; L-BFGS finds its one minimum.

    Parameters
    ----------
    posteriors, targets : (n, 7) float, see :func:`fit_temperature`.
    """
    known = ~np.isnan(targets).any(axis=1)
    logs, shares = np.log(np.maximum(posteriors[known], FLOOR)), targets[known]
    if len(shares) == 0:
        return Calibration()

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        scores = point[0] * logs + point[1:]
        fitted = log_softmax(scores, axis=1)
        left = np.exp(fitted) - shares
        value = -(shares * fitted).sum() + (point[1:] ** 2).sum() / 2
        gradient = np.concatenate([[(left * logs).sum()], left.sum(axis=0) + point[1:]])
        return value / len(shares), gradient / len(shares)

    low, high = np.exp(_LOG_RANGE)
    bounds = [(1 / high, 1 / low), *[(None, None)] * shares.shape[1]]
    start = np.concatenate([[1.0], np.zeros(shares.shape[1])])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-12)
    return Calibration(1 / float(found.x[0]), tuple(found.x[1:].tolist()))


def fit_prior_strength(
    posteriors: np.ndarray,
    targets: np.ndarray,
    train: tuple[float, ...],
    target: tuple[float, ...] | None,
) -> Prior:
    """The prior correction whose strength, with a temperature of its own, has the least log-loss.

    Strength and ln T are fitted together (Nelder–Mead; the loss is convex in strength/T and 1/T);
    the temperature is dropped, for it is fitted again on the result.

    Parameters
    ----------
    posteriors, targets : (n, 7) float, see :func:`fit_temperature`.
    train, target : see :class:`emotiw_cli.bundle.fusion.Prior`.
    """

    def loss(point: np.ndarray) -> float:
        corrected = Prior(train, target, float(point[0])).apply(posteriors)
        return log_loss(apply_temperature(corrected, np.exp(point[1])), targets)

    found = minimize(
        loss,
        x0=np.zeros(2),
        method="Nelder-Mead",
        bounds=[(-2.0, 2.0), _LOG_RANGE],
        options={"initial_simplex": [[0, 0], [0.5, 0], [0, 0.5]], "xatol": 1e-4, "fatol": 1e-9},
    )
    return Prior(train, target, float(found.x[0]))
