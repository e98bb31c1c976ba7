"""Softmax regression against the conditions its minimum fulfils."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.softmax_regression import fit_softmax


def heaps() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    return (rng.normal(4, 1, (200, 5)) + 2 * np.eye(5)[labels]).astype(np.float32), labels


def test_the_gradient_at_the_minimum_is_zero() -> None:
    features, labels = heaps()
    cost = 0.01
    found = fit_softmax(features, labels, 3, cost=cost)
    left = (found.posteriors(features) - np.eye(3)[labels]) / len(labels)
    assert left.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-4)
    assert features.T @ left + 2 * cost * found.weights == pytest.approx(np.zeros((5, 3)), abs=1e-3)
    assert (found.posteriors(features).argmax(axis=1) == labels).mean() > 0.8


def test_a_higher_cost_shortens_the_weights() -> None:
    features, labels = heaps()
    lengths = [
        np.linalg.norm(fit_softmax(features, labels, 3, cost=cost).weights)
        for cost in (1e-3, 1e-1, 10)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[2] < 0.1


def test_a_class_that_was_never_seen_has_no_share() -> None:
    features, labels = heaps()
    posteriors = fit_softmax(features, 2 * labels, 7, cost=0.01).posteriors(features)
    assert (posteriors[:, [1, 3, 5, 6]] == 0).all()
    assert posteriors.sum(axis=1) == pytest.approx(np.ones(200))
