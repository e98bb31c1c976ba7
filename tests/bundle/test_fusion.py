"""How members' posteriors become one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.bundle.fusion import (
    Calibration,
    EnsembleWeights,
    Prior,
    apply_temperature,
    fill_missing,
    fuse,
)
from emotiw_cli.errors import ArtefactError

FIRST = np.array([[0.7, 0.3, 0, 0, 0, 0, 0]])
SECOND = np.array([[0.2, 0.8, 0, 0, 0, 0, 0]])
BOTH = np.stack([FIRST, SECOND])


def test_weighted_mean_by_hand() -> None:
    weights = EnsembleWeights("member", np.array([0.75, 0.25]))
    np.testing.assert_allclose(weights.combine(BOTH)[0, :2], [0.575, 0.425])


def test_weights_by_class_by_hand() -> None:
    values = np.full((2, 7), 0.5)
    values[:, 0] = [1, 0]
    weights = EnsembleWeights("member-class", values)
    # 0.7 and (0.3 + 0.8) / 2 = 0.55, scaled to sum to one.
    np.testing.assert_allclose(weights.combine(BOTH)[0, :2], [0.7 / 1.25, 0.55 / 1.25])


def test_a_failed_member_counts_as_uniform() -> None:
    failed = np.stack([FIRST, np.full((1, 7), np.nan)])
    uniform = np.stack([FIRST, np.full((1, 7), 1 / 7)])
    weights = EnsembleWeights.equal(2)
    np.testing.assert_array_equal(weights.combine(failed), weights.combine(uniform))
    np.testing.assert_array_equal(fill_missing(np.array([[np.inf] + [0.0] * 6]))[0], [1 / 7] * 7)


@pytest.mark.parametrize(
    "values", [[0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], [], [[0.5] * 7, [0.5] * 7]]
)
def test_weights_off_the_simplex_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        EnsembleWeights("member", np.array(values))


def test_another_number_of_members_is_refused() -> None:
    with pytest.raises(ValueError, match="3 members"):
        EnsembleWeights.equal(3).combine(BOTH)


def test_prior_correction_by_hand() -> None:
    """Odds 1:1 learned where one class was four times as common: 1:4 under an even mix."""
    train = (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    posterior = np.array([0.5, 0.5, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(Prior(train, None, 1).apply(posterior)[:2], [0.2, 0.8])
    np.testing.assert_allclose(Prior(train, None, 0.5).apply(posterior)[:2], [1 / 3, 2 / 3])
    np.testing.assert_allclose(Prior(train, train, 1).apply(posterior)[:2], [0.5, 0.5])


def test_prior_of_an_absent_class_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Prior((0.0,) + (1 / 6,) * 6)


def test_temperature_by_hand() -> None:
    np.testing.assert_allclose(
        apply_temperature(np.array([0.9, 0.1, 0, 0, 0, 0, 0]), 2)[:2], [0.75, 0.25], atol=1e-5
    )


def test_calibration_by_hand() -> None:
    """Odds 9:1 softened to 3:1, then the second class's doubled twice: 3:4."""
    bias = (0, np.log(4), 0, 0, 0, 0, 0)
    made = Calibration(2, bias).apply(np.array([0.9, 0.1, 0, 0, 0, 0, 0]))
    np.testing.assert_allclose(made[:2], [3 / 7, 4 / 7], atol=2e-5)


def test_calibration_comes_before_the_prior_and_the_temperature() -> None:
    weights = EnsembleWeights.equal(1)
    calibration = Calibration(2, (0, np.log(4), 0, 0, 0, 0, 0))
    prior = Prior((0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), None, 1)
    fused = fuse(np.array([[[0.9, 0.1, 0, 0, 0, 0, 0]]]), weights, prior, 0.5, calibration)
    # 3:4 calibrated, 3:16 with the first class four times as common, squared.
    np.testing.assert_allclose(fused[0, :2], [9 / 265, 256 / 265], atol=1e-4)


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
def test_an_impossible_calibration_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        Calibration(temperature)
    with pytest.raises(ValueError, match="bias"):
        Calibration(1, (0.0, np.nan, 0, 0, 0, 0, 0))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    members=st.integers(1, 5),
    strength=st.floats(-1, 1),
    temperature=st.floats(0.2, 5),
)
def test_fused_posteriors_are_posteriors_and_follow_the_classes(
    seed: int, members: int, strength: float, temperature: float
) -> None:
    generator = np.random.default_rng(seed)
    posteriors = generator.dirichlet(np.ones(7), (members, 8))
    weights = EnsembleWeights("member-class", generator.dirichlet(np.ones(members), 7).T)
    train = generator.dirichlet(np.ones(7) * 5)
    prior = Prior(tuple(train.tolist()), None, strength)
    fused = fuse(posteriors, weights, prior, temperature)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    assert (fused >= 0).all()
    order = generator.permutation(7)
    moved = fuse(
        posteriors[:, :, order],
        EnsembleWeights("member-class", weights.values[:, order]),
        Prior(tuple(train[order].tolist()), None, strength),
        temperature,
    )
    np.testing.assert_allclose(moved, fused[:, order], atol=1e-12)


def test_json_round_trip_is_exact() -> None:
    generator = np.random.default_rng(0)
    weights = EnsembleWeights("member-class", generator.dirichlet(np.ones(3), 7).T)
    prior = Prior(tuple(generator.dirichlet(np.ones(7)).tolist()), (1, 1, 1, 1, 1, 1, 2), 0.3)
    read = EnsembleWeights.from_json(json.loads(json.dumps(weights.to_json())))
    np.testing.assert_array_equal(read.values, weights.values)
    assert Prior.from_json(json.loads(json.dumps(prior.to_json()))) == prior
    calibration = Calibration(0.7, tuple(generator.normal(size=7).tolist()))
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


@pytest.mark.parametrize("content", [{}, {"kind": "median", "values": [1.0]}, {"kind": "member"}])
def test_unreadable_weights_are_an_artefact_error(content: dict[str, object]) -> None:
    with pytest.raises(ArtefactError, match="weights"):
        EnsembleWeights.from_json(content)
