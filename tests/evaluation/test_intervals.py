"""Bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.evaluation import metrics
from emotiw_cli.evaluation.intervals import (
    ALL_FIGURES,
    FIGURES,
    Tally,
    compare,
    group_numbers,
    interval,
    measure,
    resampled_sums,
)


def _random(seed: int, faces: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(-1, 7, size=faces)
    return generator.dirichlet(np.ones(7) * 0.5, faces), labels


def test_groups_share_any_key_through_others() -> None:
    subjects = ["ann", "ann", "bob", "", "", "eve"]
    pixels = ["1", "2", "2", "3", "4", ""]
    # ann and bob share picture 2; the faces without a subject stand alone.
    np.testing.assert_array_equal(group_numbers(subjects, pixels), [0, 0, 0, 1, 2, 3])
    np.testing.assert_array_equal(group_numbers(["", ""]), [0, 1])


def test_sums_draw_as_many_faces_as_there_are() -> None:
    sums = resampled_sums(np.ones((5, 1)), resamples=40, seed=1)
    np.testing.assert_array_equal(sums, np.full((40, 1), 5))


def test_sums_draw_whole_groups() -> None:
    parts = np.array([[1.0], [10.0], [100.0], [1000.0]])
    groups = np.array([0, 0, 1, 1])
    sums = set(resampled_sums(parts, groups, resamples=60, seed=2).ravel().tolist())
    assert sums == {22.0, 1111.0, 2200.0}


def test_same_seed_same_draws() -> None:
    parts = np.arange(12.0).reshape(6, 2)
    first = resampled_sums(parts, resamples=300, seed=3)
    np.testing.assert_array_equal(first, resampled_sums(parts, resamples=300, seed=3))
    assert (first != resampled_sums(parts, resamples=300, seed=4)).any()


def test_percentiles() -> None:
    found = interval(0.5, np.linspace(0, 1, 101))
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))


def test_undefined_draws_are_left_out_and_undefined_figures_have_no_interval() -> None:
    found = interval(0.5, np.array([0.4, np.nan, 0.4]))
    assert (found.low, found.high) == pytest.approx((0.4, 0.4))
    assert interval(float("nan"), np.array([0.4])).to_json() == {
        "value": None,
        "low": None,
        "high": None,
    }


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), faces=st.integers(1, 50))
def test_sums_of_a_tally_give_the_figures_of_the_arrays(seed: int, faces: int) -> None:
    posteriors, labels = _random(seed, faces)
    votes = np.roll(posteriors, 1, axis=0)
    total = Tally(posteriors, labels, votes).parts.sum(axis=0)
    confusion = metrics.confusion_matrix(labels, posteriors.argmax(axis=1))
    np.testing.assert_array_equal(Tally.confusion(total), confusion)
    expected = {
        "accuracy": metrics.accuracy(confusion),
        "macro_f1": metrics.macro_f1(confusion),
        "mean_recall": metrics.mean_recall(confusion),
        "log_loss": metrics.log_loss(posteriors, metrics.one_hot(labels)),
        "log_loss_votes": metrics.log_loss(posteriors, votes),
        "ece": metrics.ece(posteriors, labels),
    }
    for name, figure in FIGURES.items():
        np.testing.assert_allclose(figure(total), expected[name], atol=1e-12, err_msg=name)


def test_a_miss_is_wrong_among_all_and_absent_among_the_found() -> None:
    posteriors = np.eye(7)[[0, 1, 2]]
    posteriors[2] = np.nan
    tally = Tally(posteriors, np.array([0, 0, 2]))
    assert measure(tally)["accuracy"].value == pytest.approx(1 / 2)
    assert measure(tally, figures=ALL_FIGURES)["accuracy"].value == pytest.approx(1 / 3)
    assert measure(tally)["log_loss"].value == pytest.approx(-np.log(1e-12) / 2)


def test_votes_of_a_face_without_a_label_count_for_the_loss_alone() -> None:
    posteriors = np.full((2, 7), 1 / 7)
    votes = np.vstack([np.eye(7)[0], np.full(7, 1 / 7)])
    posteriors[1, :2] = [2 / 7, 0]
    found = measure(Tally(posteriors, np.array([0, -1]), votes))
    assert found["accuracy"].value == 1
    assert found["log_loss"].value == pytest.approx(np.log(7))
    uneven = (-np.log(2 / 7) - np.log(1e-12) + 5 * np.log(7)) / 7
    assert found["log_loss_votes"].value == pytest.approx((np.log(7) + uneven) / 2)


def test_interval_has_the_width_of_the_binomial() -> None:
    generator = np.random.default_rng(0)
    faces, share = 1000, 0.7
    posteriors = np.eye(7)[np.where(generator.random(faces) < share, 0, 1)]
    found = measure(Tally(posteriors, np.zeros(faces, int)))["accuracy"]
    deviation = np.sqrt(share * (1 - share) / faces)
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
    assert found.low < found.value < found.high


def test_faces_of_few_groups_widen_the_interval() -> None:
    posteriors, labels = np.repeat(np.eye(7)[[0, 1]], 50, axis=0), np.zeros(100, int)
    alone = measure(Tally(posteriors, labels))["accuracy"]
    grouped = measure(Tally(posteriors, labels), np.repeat(np.arange(10), 10))["accuracy"]
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_comparison_of_a_system_with_itself_is_nought() -> None:
    posteriors, labels = _random(5, 40)
    tally = Tally(posteriors, labels)
    for name, difference in compare(tally, tally).items():
        if name == "log_loss_votes":
            continue  # there are no votes
        assert [difference.value, difference.low, difference.high] == pytest.approx([0, 0, 0])


def test_comparison_is_paired() -> None:
    """One face better of a hundred: the difference has hardly any spread, each system much."""
    labels = np.zeros(100, int)
    other = np.eye(7)[[0] * 50 + [1] * 50]
    better = np.eye(7)[[0] * 51 + [1] * 49]
    found = compare(Tally(better, labels), Tally(other, labels))["accuracy"]
    assert found.value == pytest.approx(0.01)
    assert found.low >= 0
    assert found.high <= 0.05
