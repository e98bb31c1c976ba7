"""Figures of merit, against small arrays worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.evaluation import metrics

# angry: 2 of 3 right, one given as happy. happy: 1 of 2 right, the other given as angry.
# sad: one, no face found. The rest have no faces; the last face has no label.
LABELS = np.array([0, 0, 0, 3, 3, 5, -1])
PREDICTED = np.array([0, 0, 3, 3, 0, -1, 2])
CONFUSION = metrics.confusion_matrix(LABELS, PREDICTED)
FOUND = CONFUSION.copy()
FOUND[:, metrics.NO_FACE] = 0


def test_confusion_matrix() -> None:
    expected = np.zeros((7, 8), int)
    expected[0, 0], expected[0, 3] = 2, 1
    expected[3, 3], expected[3, 0] = 1, 1
    expected[5, 7] = 1
    np.testing.assert_array_equal(CONFUSION, expected)


def test_accuracy_counts_a_picture_without_a_face_as_wrong() -> None:
    assert metrics.accuracy(CONFUSION) == pytest.approx(3 / 6)
    assert metrics.accuracy(FOUND) == pytest.approx(3 / 5)


def test_per_class_figures_and_their_missing_classes() -> None:
    nan = np.nan
    np.testing.assert_allclose(metrics.recall(CONFUSION), [2 / 3, nan, nan, 1 / 2, nan, 0, nan])
    np.testing.assert_allclose(metrics.recall(FOUND), [2 / 3, nan, nan, 1 / 2, nan, nan, nan])
    # Sad was never given: its precision is undefined, its F1 is nought.
    np.testing.assert_allclose(
        metrics.precision(CONFUSION), [2 / 3, nan, nan, 1 / 2, nan, nan, nan]
    )
    np.testing.assert_allclose(metrics.f1(CONFUSION), [4 / 6, nan, nan, 2 / 4, nan, 0, nan])
    np.testing.assert_array_equal(metrics.support(CONFUSION), [3, 0, 0, 2, 0, 1, 0])


def test_means_over_classes_are_over_those_with_labelled_faces() -> None:
    assert metrics.macro_f1(CONFUSION) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert metrics.macro_f1(FOUND) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics.mean_recall(CONFUSION) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_nothing_labelled_is_undefined() -> None:
    nothing = metrics.confusion_matrix(np.array([-1]), np.array([3]))
    for figure in (metrics.accuracy, metrics.macro_f1, metrics.mean_recall):
        assert np.isnan(figure(nothing))


def test_leading_axes() -> None:
    both = np.stack([CONFUSION, FOUND])
    np.testing.assert_allclose(metrics.accuracy(both), [1 / 2, 3 / 5])
    np.testing.assert_allclose(metrics.recall(both)[1], metrics.recall(FOUND))


def _posteriors(rows: list[list[float]]) -> np.ndarray:
    """Rows of two or three numbers, with noughts behind."""
    return np.array([row + [0.0] * (7 - len(row)) for row in rows])


def test_log_loss_of_hard_targets() -> None:
    posteriors = _posteriors([[0.5, 0.5], [0.25, 0.75], [1.0]])
    hard = metrics.one_hot(np.array([0, 1, -1]))
    np.testing.assert_allclose(metrics.losses(posteriors, hard), [np.log(2), np.log(4 / 3), np.nan])
    assert metrics.log_loss(posteriors, hard) == pytest.approx((np.log(2) + np.log(4 / 3)) / 2)


def test_log_loss_of_votes() -> None:
    posteriors = _posteriors([[0.5, 0.25, 0.25]])
    votes = _posteriors([[0.5, 0.5]])
    assert metrics.log_loss(posteriors, votes) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(4))


def test_log_loss_of_a_certain_error_is_finite() -> None:
    posteriors = _posteriors([[1.0]])
    assert metrics.log_loss(posteriors, metrics.one_hot(np.array([1]))) == pytest.approx(
        -np.log(1e-12)
    )


def test_log_loss_lets_no_failed_posterior_off() -> None:
    posteriors = np.full((2, 7), np.nan)
    posteriors[0] = 1 / 7
    assert np.isnan(metrics.log_loss(posteriors, metrics.one_hot(np.array([0, 1]))))
    assert metrics.log_loss(posteriors, metrics.one_hot(np.array([0, -1]))) == pytest.approx(
        np.log(7)
    )


def test_log_loss_without_targets_is_undefined() -> None:
    assert np.isnan(metrics.log_loss(_posteriors([[1.0]]), np.full((1, 7), np.nan)))


def test_confidence_on_an_edge_belongs_to_the_lower_bin() -> None:
    confidences = np.array([0.0, 0.2, 0.2001, 0.4, 0.6, 1.0])
    np.testing.assert_array_equal(metrics.confidence_bins(confidences, 5), [0, 0, 1, 1, 2, 4])
    edges = np.arange(1, 16) / 15
    np.testing.assert_array_equal(metrics.confidence_bins(edges, 15), np.arange(15))


def test_reliability_and_ece() -> None:
    posteriors = _posteriors([[0.9, 0.1], [0.8, 0.2], [0.45, 0.55], [0.3, 0.7]])
    labels = np.array([0, 1, 1, -1])
    bins = metrics.reliability(posteriors, labels, bins=5)
    np.testing.assert_array_equal(bins.count, [0, 0, 1, 1, 1])
    np.testing.assert_allclose(bins.confidence, [0, 0, 0.55, 0.8, 0.9])
    np.testing.assert_array_equal(bins.right, [0, 0, 1, 0, 1])
    assert metrics.ece(posteriors, labels, bins=5) == pytest.approx((0.45 + 0.8 + 0.1) / 3)


def test_ece_is_nought_when_confidences_are_true() -> None:
    # Ten faces at 0.8, eight right; four at 0.5, two right.
    posteriors = _posteriors([[0.8, 0.2]] * 10 + [[0.5, 0.3, 0.2]] * 4)
    labels = np.array([0] * 8 + [1] * 2 + [0] * 2 + [1] * 2)
    assert metrics.ece(posteriors, labels) == pytest.approx(0, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), faces=st.integers(1, 60), bins=st.integers(1, 30))
def test_ece_is_at_least_the_gap_of_the_means(seed: int, faces: int, bins: int) -> None:
    """Splitting faces into bins can only bring more of the gap to light."""
    generator = np.random.default_rng(seed)
    posteriors = generator.dirichlet(np.ones(7), faces)
    labels = generator.integers(7, size=faces)
    value = metrics.ece(posteriors, labels, bins)
    gap = np.abs((posteriors.argmax(1) == labels).mean() - posteriors.max(1).mean())
    assert gap - 1e-12 <= value <= 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), faces=st.integers(1, 40))
def test_figures_do_not_depend_on_the_order_of_classes(seed: int, faces: int) -> None:
    generator = np.random.default_rng(seed)
    labels, predicted = generator.integers(7, size=(2, faces))
    order = generator.permutation(7)
    first = metrics.confusion_matrix(labels, predicted)
    other = metrics.confusion_matrix(order[labels], order[predicted])
    np.testing.assert_allclose(metrics.recall(first), metrics.recall(other)[order])
    for figure in (metrics.accuracy, metrics.macro_f1, metrics.mean_recall):
        assert figure(first) == pytest.approx(figure(other))
