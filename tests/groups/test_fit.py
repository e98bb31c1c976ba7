"""Weights of a group photo's members, fitted to members whose worth is known."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.groups.figures import compare, measure
from emotiw_cli.groups.fit import METHODS, Method, cross_validated, fit_fusion
from emotiw_cli.groups.fusion import Part

PARTS: tuple[Part, ...] = ("embedding", "landmarks", "scene")


def members(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One member that knows, one that knows a little, one that guesses; labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    lean = np.array([3.0, 1.0, 0.0])[:, None, None]
    scores = np.exp(lean * np.eye(3)[labels] + generator.normal(0, 1, (3, count, 3)))
    return scores / scores.sum(axis=2, keepdims=True), labels


def test_the_one_that_knows_gets_the_weight() -> None:
    vectors, labels = members()
    weights = fit_fusion("fitted", vectors, labels, PARTS).weights
    # Half way from equal weights to all of it, at least: the share is chosen by cross-validation.
    assert weights[0] >= 2 / 3 - 1e-6
    assert sum(weights) == pytest.approx(1)


def test_with_nothing_to_tell_members_apart_weights_stay_near_equal() -> None:
    generator = np.random.default_rng(1)
    scores = np.exp(np.eye(3)[np.arange(60) % 3] + generator.normal(0, 1, (1, 60, 3)))
    one = scores / scores.sum(axis=2, keepdims=True)
    vectors = np.concatenate([one, one, one])
    weights = fit_fusion("fitted", vectors, np.arange(60) % 3, PARTS).weights
    assert weights == pytest.approx([1 / 3] * 3, abs=1e-6)


def test_the_prior_is_the_mix_of_labels() -> None:
    vectors, _ = members(5)
    prior = fit_fusion("equal", vectors, np.array([0, 2, 2, 2, 2]), PARTS).prior
    assert prior == pytest.approx([2 / 8, 1 / 8, 5 / 8])


def test_photos_without_a_face_do_not_count_in_the_fit() -> None:
    vectors, labels = members()
    vectors[:2, 250:] = np.nan
    whole = fit_fusion("fitted", vectors[:, :250], labels[:250], PARTS)
    assert fit_fusion("fitted", vectors, labels, PARTS).weights == whole.weights


@pytest.mark.parametrize("method", METHODS)
def test_every_method_beats_chance_on_photos_it_was_not_fitted_to(method: Method) -> None:
    vectors, labels = members()
    held = cross_validated(method, vectors, labels, PARTS)
    assert held.sum(axis=1) == pytest.approx(np.ones(300))
    assert (held.argmax(axis=1) == labels).mean() > 0.6


def test_figures_by_hand() -> None:
    """Right, wrong, right: recalls 1, 0 and 1; losses ln 2, ln 4 and ln 2."""
    posteriors = np.array([[0.5, 0.3, 0.2], [0.7, 0.25, 0.05], [0.2, 0.3, 0.5]])
    found = measure(posteriors, np.array([0, 1, 2]))
    assert found["images"] == 3
    assert found["accuracy"]["value"] == pytest.approx(2 / 3)
    assert found["mean_recall"]["value"] == pytest.approx(2 / 3)
    assert found["log_loss"]["value"] == pytest.approx(np.log(16) / 3)
    assert found["recall"] == {"negative": 1, "neutral": 0, "positive": 1}
    assert measure(np.zeros((0, 3)), np.zeros(0, int)) == {"images": 0}
    better = compare(posteriors, posteriors[:, [1, 0, 2]], np.array([0, 1, 2]))
    assert better["accuracy"]["value"] == pytest.approx(0)
