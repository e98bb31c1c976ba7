"""Weights of least log-loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.ensemble.weights import TOLERANCE, log_loss_weights
from emotiw_cli.evaluation.metrics import log_loss, one_hot


def _members(seed: int, members: int, faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors that lean towards the labels, and soft targets."""
    generator = np.random.default_rng(seed)
    targets = generator.dirichlet(np.ones(7) * 0.3, faces)
    lean = generator.uniform(0, 3, (members, 1, 1))
    scores = np.exp(lean * targets + generator.normal(0, 1, (members, faces, 7)))
    return scores / scores.sum(axis=2, keepdims=True), targets


def test_optimum_of_two_members_by_hand() -> None:
    """Likelihoods .8/.2, .8/.2, .2/.8 of two members: mixture w gives .2 + .6 w twice and
    .8 - .6 w once; the product is greatest where 2 (.8 - .6 w) = .2 + .6 w: w = 7/9."""
    first = np.array([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8]])
    padded = np.zeros((2, 3, 7))
    padded[0, :, :2], padded[1, :, :2] = first, first[:, ::-1]
    weights = log_loss_weights(padded, one_hot(np.array([0, 0, 0])), tolerance=1e-12)
    np.testing.assert_allclose(weights.values, [7 / 9, 2 / 9], atol=1e-4)


def test_a_useless_member_gets_next_to_nothing() -> None:
    targets = one_hot(np.arange(7))
    good, bad = targets * 0.65 + 0.05, np.roll(targets, 1, axis=1) * 0.65 + 0.05
    weights = log_loss_weights(np.stack([bad, good]), targets)
    assert weights.values[1] > 0.999


def test_one_member() -> None:
    posteriors, targets = _members(0, 1, 10)
    np.testing.assert_array_equal(log_loss_weights(posteriors, targets).values, [1])


def test_faces_without_a_target_do_not_count() -> None:
    posteriors, targets = _members(1, 3, 40)
    targets[20:] = np.nan
    np.testing.assert_array_equal(
        log_loss_weights(posteriors, targets).values,
        log_loss_weights(posteriors[:, :20], targets[:20]).values,
    )
    np.testing.assert_array_equal(
        log_loss_weights(posteriors, np.full((40, 7), np.nan)).values, [1 / 3] * 3
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(1, 6), faces=st.integers(1, 80))
def test_on_the_simplex_and_no_worse_than_any_member_or_equal_weights(
    seed: int, members: int, faces: int
) -> None:
    posteriors, targets = _members(seed, members, faces)
    weights = log_loss_weights(posteriors, targets)
    assert (weights.values >= 0).all()
    assert weights.values.sum() == pytest.approx(1)
    fitted = log_loss(weights.combine(posteriors), targets)
    rivals = [*posteriors, EnsembleWeights.equal(members).combine(posteriors)]
    assert fitted <= min(log_loss(rival, targets) for rival in rivals) + 2 * TOLERANCE


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(2, 5))
def test_no_weights_nearby_are_better_than_the_tolerance(seed: int, members: int) -> None:
    posteriors, targets = _members(seed, members, 60)
    weights = log_loss_weights(posteriors, targets)
    fitted = log_loss(weights.combine(posteriors), targets)
    generator = np.random.default_rng(seed)
    for other in generator.dirichlet(np.ones(members), 20):
        mixed = 0.9 * weights.values + 0.1 * other
        moved = EnsembleWeights("member", mixed / mixed.sum())
        assert log_loss(moved.combine(posteriors), targets) >= fitted - 2 * TOLERANCE


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_weights_follow_their_members(seed: int) -> None:
    posteriors, targets = _members(seed, 4, 50)
    order = np.random.default_rng(seed).permutation(4)
    np.testing.assert_allclose(
        log_loss_weights(posteriors[order], targets).values,
        log_loss_weights(posteriors, targets).values[order],
        atol=1e-9,
    )


def test_a_failed_member_counts_as_uniform() -> None:
    posteriors, targets = _members(3, 2, 30)
    failed, uniform = posteriors.copy(), posteriors.copy()
    failed[0, :5], uniform[0, :5] = np.nan, 1 / 7
    np.testing.assert_array_equal(
        log_loss_weights(failed, targets).values, log_loss_weights(uniform, targets).values
    )


def test_under_an_even_mix_a_rare_emotion_counts_as_much() -> None:
    labels = np.array([0, 0, 0, 1])
    knows_common = np.full((4, 7), 0.0)
    knows_common[:, 0], knows_common[:, 1] = 0.9, 0.1
    knows_rare = knows_common[:, [1, 0, 2, 3, 4, 5, 6]]
    members = np.stack([knows_common, knows_rare])
    # Own mix: mixture p of the common emotion maximises 3/4 ln p + 1/4 ln(1 - p): p = 3/4.
    own = log_loss_weights(members, one_hot(labels), tolerance=1e-12).values
    np.testing.assert_allclose(own @ [0.9, 0.1], 0.75, atol=1e-5)
    even = log_loss_weights(members, one_hot(labels), even=1, tolerance=1e-12).values
    np.testing.assert_allclose(even, [0.5, 0.5], atol=1e-5)
    between = log_loss_weights(members, one_hot(labels), even=0.5, tolerance=1e-12).values
    np.testing.assert_allclose(between @ [0.9, 0.1], 0.625, atol=1e-5)
