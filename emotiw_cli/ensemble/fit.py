"""Fit an ensemble to its members' validation posteriors, and measure it honestly.

The fitted figure is measured on the faces the weights were chosen on, so it is too good. The
cross-validated one fits weights, prior strength and temperature again on the other folds for
each fold; no subject and no identical picture is in two folds.

Weights by log-loss are fitted to the targets: shares of votes where there are any, of faces without
a label too. All else, temperature and prior strength among it, counts labelled faces alone: a
confidence is the chance that the label is the one given, which is more than its share of votes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from emotiw_cli.bundle.fusion import Calibration, EnsembleWeights, Prior, fuse
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.ensemble.calibration import fit_calibration, fit_prior_strength, fit_temperature
from emotiw_cli.ensemble.members import Member
from emotiw_cli.ensemble.search import DRAWS, random_search_weights
from emotiw_cli.ensemble.weights import log_loss_weights
from emotiw_cli.errors import InputError
from emotiw_cli.evaluation import metrics
from emotiw_cli.evaluation.intervals import Tally, compare, group_numbers, measure

Method = Literal["log-loss", "random-search", "random-search-class", "equal"]


@dataclass(frozen=True)
class Plan:
    """How an ensemble is fitted.

    Attributes
    ----------
    method : ``log-loss``, ``random-search`` (a weight per member), ``random-search-class`` (a
        weight per member and class), or ``equal``.
    folds : of the cross-validation.
    seed : of the random search, the folds and the bootstrap.
    draws : uniform draws of a random search.
    calibrate : fit a temperature; else it is 1.
    class_bias : fit a :class:`~emotiw_cli.bundle.fusion.Calibration` first; the prior correction
        then starts from the mix of the labelled faces.
    prior_strength : exponent of the prior correction; None: the one of the least log-loss.
    prior_target : (7,) class shares to correct towards; None: uniform.
    even : of the method ``log-loss``, see :func:`.weights.log_loss_weights`.
    """

    method: Method = "log-loss"
    folds: int = 5
    seed: int = 0
    draws: int = DRAWS
    calibrate: bool = True
    prior_strength: float | None = 0.0
    prior_target: tuple[float, ...] | None = None
    even: float = 0.0
    class_bias: bool = False

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        target = None if self.prior_target is None else list(self.prior_target)
        return {**vars(self), "prior_target": target}


@dataclass(frozen=True)
class Fusion:
    """Fitted weights, calibration, prior correction and temperature."""

    weights: EnsembleWeights
    calibration: Calibration
    prior: Prior
    temperature: float

    def posteriors(self, members: np.ndarray) -> np.ndarray:
        """Members' posteriors (m, n, 7) → the ensemble's (n, 7)."""
        return fuse(members, self.weights, self.prior, self.temperature, self.calibration)


@dataclass(frozen=True)
class EnsembleFit:
    """A fitted ensemble and its figures.

    Attributes
    ----------
    members : in the order of the weights.
    fusion : fitted on all validation faces.
    figures : see :func:`fit_ensemble`.
    """

    members: Sequence[Member]
    fusion: Fusion
    figures: dict[str, Any]


def fit_fusion(
    posteriors: np.ndarray,
    labels: np.ndarray,
    targets: np.ndarray,
    priors: np.ndarray,
    plan: Plan,
) -> Fusion:
    """Fit weights, then class biases, then the prior's strength, then the temperature.

    Parameters
    ----------
    posteriors : (m, n, 7) float; a row that is not finite counts as uniform.
    labels : (n,) int, -1 for none. targets : (n, 7) float, rows of NaN for none.
    priors : (m, 7) float class shares the members' posteriors refer to.
    """
    weights = _weights(posteriors, labels, targets, plan)
    mixed = weights.combine(posteriors)
    truth = metrics.one_hot(labels)
    if plan.class_bias:
        calibration = fit_calibration(mixed, truth)
        mixed = calibration.apply(mixed)
        # One face more of each, or a class that none shows would be divided by nothing.
        counts = 1 + np.bincount(labels[labels >= 0], minlength=len(EMOTIONS))
        train = tuple((counts / counts.sum()).tolist())
    else:
        calibration = Calibration()
        # A mixture of posteriors refers to the mixture of their priors.
        train = tuple(weights.combine(priors[:, None, :])[0].tolist())
    if plan.prior_strength is None:
        prior = fit_prior_strength(mixed, truth, train, plan.prior_target)
    else:
        prior = Prior(train, plan.prior_target, plan.prior_strength)
    temperature = fit_temperature(prior.apply(mixed), truth) if plan.calibrate else 1.0
    return Fusion(weights, calibration, prior, temperature)


def _weights(
    posteriors: np.ndarray, labels: np.ndarray, targets: np.ndarray, plan: Plan
) -> EnsembleWeights:
    if plan.method == "equal":
        return EnsembleWeights.equal(len(posteriors))
    if plan.method == "log-loss":
        return log_loss_weights(posteriors, targets, even=plan.even)
    return random_search_weights(
        posteriors,
        labels,
        kind="member" if plan.method == "random-search" else "member-class",
        draws=plan.draws,
        seed=plan.seed,
    )


def fold_numbers(groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deal groups into folds at random: (n,) int groups → (n,) int64 folds, 0 to `folds` - 1."""
    count = int(groups.max()) + 1
    return (np.random.default_rng(seed).permutation(count) % folds)[groups]


def cross_validated(
    posteriors: np.ndarray,
    labels: np.ndarray,
    targets: np.ndarray,
    priors: np.ndarray,
    plan: Plan,
    fold: np.ndarray,
) -> np.ndarray:
    """Posteriors (n, 7) of every face by a fusion fitted on the other folds alone."""
    fused = np.empty(posteriors.shape[1:])
    for number in np.unique(fold):
        held, rest = fold == number, fold != number
        fusion = fit_fusion(posteriors[:, rest], labels[rest], targets[rest], priors, plan)
        fused[held] = fusion.posteriors(posteriors[:, held])
    return fused


def fit_ensemble(
    members: Sequence[Member], plan: Plan, sets: np.ndarray | None = None
) -> EnsembleFit:
    """Fit an ensemble to its members' validation faces and measure it.

    Parameters
    ----------
    members : of the same validation faces, see :func:`emotiw_cli.ensemble.members.read_members`.
    sets : (n,) strings, the set each validation face is of; empty where that is not known.

    Returns
    -------
    The fit. Its figures, each with a 95 % bootstrap interval over groups: ``fitted``,
    ``cross_validated``, ``members`` (each alone) and ``equal`` (equal weights), all three with
    prior and temperature cross-validated too, so that they differ in nothing but the weights;
    ``best_member``; ``gain``: cross-validated minus best member, paired; ``sets``: the
    cross-validated ensemble on each of `sets` by itself, where there are several; ``mistakes``:
        what each emotion is taken for.

    Raises
    ------
    InputError
        If there are fewer groups of faces than folds, or no labelled face.
    """
    first = members[0]
    labels, targets = first.labels, first.targets
    groups = group_numbers(first.groups, first.pixels)
    if not (labels >= 0).any():
        raise InputError("no validation face has a label; an ensemble cannot be fitted to them.")
    if not 2 <= plan.folds <= int(groups.max()) + 1:
        raise InputError(
            f"--folds {plan.folds} cannot be: the {len(labels)} validation faces form "
            f"{int(groups.max()) + 1} groups; use from 2 to as many."
        )
    posteriors = np.stack([member.posteriors for member in members])
    priors = np.stack([member.prior for member in members])
    fold = fold_numbers(groups, plan.folds, plan.seed)
    fusion = fit_fusion(posteriors, labels, targets, priors, plan)

    def tally(fused: np.ndarray) -> Tally:
        return Tally(fused, labels, targets)

    def held_out(chosen: slice, method: Method) -> Tally:
        as_planned = Plan(**{**vars(plan), "method": method})
        fused = cross_validated(
            posteriors[chosen], labels, targets, priors[chosen], as_planned, fold
        )
        return tally(fused)

    everyone = slice(None)
    alone = [held_out(slice(m, m + 1), "equal") for m in range(len(members))]
    systems = {
        "fitted": tally(fusion.posteriors(posteriors)),
        "cross_validated": held_out(everyone, plan.method),
        "equal": held_out(everyone, "equal"),
    }
    best = max(range(len(members)), key=lambda m: _rank(alone[m]))

    def measured(system: Tally) -> dict[str, Any]:
        return _json(measure(system, groups, seed=plan.seed))

    figures = {
        "faces": len(labels),
        "labelled": int((labels >= 0).sum()),
        "groups": int(groups.max()) + 1,
        "support": dict(
            zip(EMOTIONS, np.bincount(labels[labels >= 0], minlength=7).tolist(), strict=True)
        ),
        "folds": plan.folds,
        **{name: measured(system) for name, system in systems.items()},
        "per_class": _per_class(systems["cross_validated"]),
        "mistakes": _mistakes(systems["cross_validated"]),
        "members": {
            member.name: {**measured(system), "failures": member.failures}
            for member, system in zip(members, alone, strict=True)
        },
        "best_member": members[best].name,
        "sets": _by_set(systems["cross_validated"], labels, groups, sets, plan.seed),
        "gain": _json(compare(systems["cross_validated"], alone[best], groups, seed=plan.seed)),
    }
    return EnsembleFit(members, fusion, figures)


def _by_set(
    system: Tally, labels: np.ndarray, groups: np.ndarray, sets: np.ndarray | None, seed: int
) -> dict[str, dict[str, Any]]:
    """Figures and recalls of the faces of each set; nothing where there is one set."""
    names = np.unique(sets[sets != ""]).tolist() if sets is not None else []
    found = {}
    for name in names if len(names) > 1 else ():
        own = sets == name
        part = system.of(own)
        found[name] = {
            **_json(measure(part, np.unique(groups[own], return_inverse=True)[1], seed=seed)),
            "labelled": int((labels[own] >= 0).sum()),
            "recall": {e: one["recall"] for e, one in _per_class(part).items()},
        }
    return found


def _rank(system: Tally) -> tuple[float, float]:
    total = system.parts.sum(axis=0)
    return float(metrics.accuracy(Tally.confusion(total))), -float(Tally.log_loss(total))


def _per_class(system: Tally) -> dict[str, dict[str, float | None]]:
    confusion = Tally.confusion(system.parts.sum(axis=0))
    columns = {
        "recall": metrics.recall(confusion),
        "precision": metrics.precision(confusion),
        "f1": metrics.f1(confusion),
    }
    return {
        emotion: {
            name: float(column[c]) if np.isfinite(column[c]) else None
            for name, column in columns.items()
        }
        for c, emotion in enumerate(EMOTIONS)
    }


def _mistakes(system: Tally) -> list[dict[str, Any]]:
    """Pairs of an emotion and one it is taken for, by the share of its faces, the largest first."""
    confusion = Tally.confusion(system.parts.sum(axis=0))
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[: np.count_nonzero(shares)]
    places = zip(*np.unravel_index(order, shares.shape), strict=True)
    return [
        {"emotion": EMOTIONS[t], "taken_for": EMOTIONS[g], "share": float(shares[t, g])}
        for t, g in places
    ]


def _json(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figure.to_json() for name, figure in figures.items()}
