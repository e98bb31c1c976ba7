"""Temperature, class biases and prior strength."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.bundle.fusion import Calibration, Prior, apply_temperature
from emotiw_cli.ensemble.calibration import (
    fit_calibration,
    fit_prior_strength,
    fit_temperature,
)
from emotiw_cli.evaluation.metrics import ece, log_loss, one_hot


def test_temperature_of_two_classes_by_hand() -> None:
    """Three of four right at odds 9 want odds 3: T = ln 9 / ln 3 = 2."""
    posteriors = np.array([[0.9, 0.1, 0, 0, 0, 0, 0]] * 4)
    targets = one_hot(np.array([0, 0, 0, 1]))
    assert fit_temperature(posteriors, targets) == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_temperature_is_found_again(true: float) -> None:
    """Targets are the posteriors themselves: softened by `true`, they want `true` back."""
    generator = np.random.default_rng(1)
    targets = generator.dirichlet(np.ones(7), 200)
    distorted = apply_temperature(targets, 1 / true)
    assert fit_temperature(distorted, targets) == pytest.approx(true, rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_temperature_never_raises_the_loss_and_keeps_the_order(seed: int) -> None:
    generator = np.random.default_rng(seed)
    posteriors = generator.dirichlet(np.ones(7) * 0.3, 50)
    targets = one_hot(generator.integers(7, size=50))
    softened = apply_temperature(posteriors, fit_temperature(posteriors, targets))
    assert log_loss(softened, targets) <= log_loss(posteriors, targets) + 1e-6
    np.testing.assert_array_equal(softened.argmax(1), posteriors.argmax(1))
    np.testing.assert_allclose(softened.sum(1), 1)


def test_temperature_lowers_the_calibration_error_of_overconfident_posteriors() -> None:
    generator = np.random.default_rng(2)
    true = generator.dirichlet(np.ones(7) * 0.5, 3000)
    labels = (true.cumsum(1) > generator.random((3000, 1))).argmax(1)
    overconfident = apply_temperature(true, 0.4)
    temperature = fit_temperature(overconfident, one_hot(labels))
    assert ece(overconfident, labels) > 0.1
    assert ece(apply_temperature(overconfident, temperature), labels) < 0.03


def test_no_targets_no_temperature() -> None:
    assert fit_temperature(np.full((2, 7), 1 / 7), np.full((2, 7), np.nan)) == 1


def test_temperature_and_biases_are_found_again() -> None:
    """Many faces, so that the normal prior on the biases counts for little."""
    generator = np.random.default_rng(4)
    given = generator.dirichlet(np.ones(7), 20_000)
    bias = (0.6, -0.4, 0.1, -0.2, 0.3, 0.0, -0.4)  # sums to zero, as the prior has it
    made = fit_calibration(given, Calibration(0.8, bias).apply(given))
    assert made.temperature == pytest.approx(0.8, rel=0.01)
    np.testing.assert_allclose(made.bias, bias, atol=0.01)


def test_biases_make_each_class_as_frequent_as_it_is_right() -> None:
    generator = np.random.default_rng(5)
    true = generator.dirichlet((4, 0.3, 0.5, 5, 6, 2, 2), 4000)
    labels = (true.cumsum(1) > generator.random((4000, 1))).argmax(1)
    skewed = true / true.mean(axis=0)
    skewed /= skewed.sum(axis=1, keepdims=True)
    shares = np.bincount(labels, minlength=7) / len(labels)
    calibrated = fit_calibration(skewed, one_hot(labels)).apply(skewed)
    assert np.abs(skewed.mean(axis=0) - shares).max() > 0.05
    np.testing.assert_allclose(calibrated.mean(axis=0), shares, atol=0.002)


def test_a_class_that_no_face_shows_keeps_a_finite_bias() -> None:
    posteriors = np.full((40, 7), 1 / 7)
    made = fit_calibration(posteriors, one_hot(np.arange(40) % 6))
    # Each of the six is a sixth: only the seventh must fall, and the normal prior holds it.
    assert -6 < made.bias[6] < -1
    assert made.apply(posteriors)[0, 6] > 0


def test_no_targets_no_calibration() -> None:
    assert fit_calibration(np.full((2, 7), 1 / 7), np.full((2, 7), np.nan)) == Calibration()


def test_prior_strength_is_found_again() -> None:
    """Posteriors under a skewed mix; targets under an even one: full correction."""
    generator = np.random.default_rng(3)
    even = generator.dirichlet(np.ones(7), 300)
    train = np.array([0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
    skewed = even * train
    skewed /= skewed.sum(axis=1, keepdims=True)
    prior = fit_prior_strength(skewed, even, tuple(train.tolist()), None)
    assert prior.strength == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(prior.apply(skewed), even, atol=0.01)
    assert fit_prior_strength(even, even, tuple(train.tolist()), None).strength == pytest.approx(
        0, abs=0.01
    )


def test_prior_leaves_alone_at_strength_nought() -> None:
    posteriors = np.full((2, 7), 1 / 7)
    np.testing.assert_array_equal(Prior((0.4,) + (0.1,) * 6).apply(posteriors), posteriors)
