"""Weights of an ensemble's members on the simplex: those of the least log-loss."""

from __future__ import annotations

import numpy as np

from emotiw_cli.bundle.fusion import EnsembleWeights, fill_missing
from emotiw_cli.evaluation.metrics import FLOOR

TOLERANCE = 1e-6
"""Nats of mean log-loss that the fitted weights may be above the optimum."""
IDLE = 1e-3
"""A weight below this that the loss would rather see fall is set to zero."""
_ITERATIONS = 50_000


def log_loss_weights(
    posteriors: np.ndarray, targets: np.ndarray, *, even: float = 0.0, tolerance: float = TOLERANCE
) -> EnsembleWeights:
    """Weights whose mixture of posteriors has the least log-loss.

    Expectation maximisation for mixture weights (Redner & Walker 1984, doi:10.1137/1026034):
    every weight is multiplied by its member's mean share of the mixture's likelihood. The loss
    is convex in the weights, so there is one minimum; and for weights w with gains
    g_m = mean Σ_c target_c · p_mc / mixture_c it is at most max g - 1 above that minimum, which
    is when the iteration stops.

    Parameters
    ----------
    posteriors : (m, n, k) float; a row that is not finite counts as uniform.
    targets : (n, k) float, one-hot or shares of votes; rows of NaN are left out.
    even : 0 to 1, the share of the loss that is taken under an even class mix, where a face counts
        by the inverse of its emotion's share; the rest is under the faces' own mix.
    tolerance : nats above the optimum that are good enough.

    Returns
    -------
    Weights of kind ``member``; equal ones if no row has a target.
    """
    known = ~np.isnan(targets).any(axis=1)
    filled = np.maximum(fill_missing(posteriors)[:, known], FLOOR)
    shares = targets[known]
    members = len(filled)
    # Only the entries some annotator voted for carry any loss.
    voted = shares > 0
    likelihood = np.ascontiguousarray(filled[:, voted])
    counts = _counts(shares, even)
    share = (shares * counts[:, None])[voted] / max(int(known.sum()), 1)
    weights = np.full(members, 1 / members)
    for _ in range(_ITERATIONS if len(share) else 0):
        gains = likelihood @ (share / (weights @ likelihood))
        if gains.max() - 1 <= tolerance:
            break
        weights = weights * gains
        weights /= weights.sum()
    if len(share):
        # A member that gains nothing ends near zero, never at it; at zero it need not be run.
        idle = (weights < IDLE) & (likelihood @ (share / (weights @ likelihood)) < 1)
        weights = np.where(idle, 0, weights) / weights[~idle].sum()
    return EnsembleWeights("member", weights)


def _counts(shares: np.ndarray, even: float) -> np.ndarray:
    """What each face counts for, (n,), 1 on average; see `even` of :func:`log_loss_weights`."""
    mix = shares.mean(axis=0) if len(shares) else np.zeros(shares.shape[1])
    inverse = np.divide(1, mix, out=np.zeros_like(mix), where=mix > 0)
    rarity: np.ndarray = shares @ inverse / max(int((mix > 0).sum()), 1)
    return 1 - even + even * rarity
