"""Class imbalance: what is weighted or drawn, and the class shares posteriors then refer to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emotiw_cli.training.loop import Balance
from emotiw_cli.training.recipe import Recipe

RECIPE = Recipe("n", "grey")
HARD = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], float)
SOFT = np.array([[1, 0], [0.5, 0.5]])


def balance(targets: np.ndarray, imbalance: str, strength: float = 1.0) -> Balance:
    return Balance.of(targets, replace(RECIPE, imbalance=imbalance, strength=strength), 2)


def test_none_refers_to_the_shares() -> None:
    made = balance(HARD, "none")
    assert made.prior.tolist() == [0.75, 0.25]
    assert made.loss.tolist() == [1, 1]
    assert made.draw is None


@pytest.mark.parametrize("imbalance", ["weighted", "balanced", "logit-adjusted"])
def test_in_full_labels_come_to_refer_to_equal_shares(imbalance: str) -> None:
    assert balance(HARD, imbalance).prior == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("imbalance", ["weighted", "balanced", "logit-adjusted"])
def test_without_strength_nothing_changes(imbalance: str) -> None:
    assert balance(HARD, imbalance, 0).prior == pytest.approx([0.75, 0.25])


def test_weights_are_the_inverse_of_the_shares_and_one_on_average() -> None:
    assert balance(HARD, "weighted").loss == pytest.approx([2 / 3, 2])


@pytest.mark.parametrize("imbalance", ["weighted", "balanced"])
def test_a_face_of_two_classes_counts_for_both(imbalance: str) -> None:
    # Shares 3/4 and 1/4; the faces count for 4/3 and (4/3 + 4) / 2 = 8/3, as 1 to 2: the first
    # class then has (1 + 2 / 2) / 3.
    assert balance(SOFT, imbalance).prior == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("imbalance", ["none", "weighted", "balanced", "logit-adjusted"])
def test_a_class_without_faces_keeps_a_share(imbalance: str) -> None:
    made = balance(np.array([[1.0, 0.0], [1.0, 0.0]]), imbalance)
    assert (made.prior > 0).all()
    assert made.prior.sum() == pytest.approx(1)


@pytest.mark.parametrize("imbalance", ["none", "weighted", "balanced", "logit-adjusted"])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_classes_count_as_distributions_of_one_class(imbalance: str, strength: float) -> None:
    made = balance(HARD, imbalance, strength)
    of_classes = balance(np.array([0, 0, 0, 1]), imbalance, strength)
    for name in ("loss", "offset", "prior"):
        np.testing.assert_allclose(getattr(of_classes, name), getattr(made, name), rtol=1e-6)
    if imbalance == "balanced":
        np.testing.assert_allclose(of_classes.draw, made.draw)
