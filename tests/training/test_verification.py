from __future__ import annotations

import math

import numpy as np
import pytest

from emotiw_cli.training.verification import equal_error_rate


def test_separate_people_give_zero() -> None:
    embeddings = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
    assert equal_error_rate(embeddings, np.array([0, 0, 1, 1])) == 0


def test_one_crossed_pair_of_two_gives_half() -> None:
    # Genuine similarities: 1 and 0. Impostor: 1, 1, 0, 0. No threshold does better than half.
    embeddings = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], float)
    identities = np.array([0, 0, 1, 1])
    assert equal_error_rate(embeddings, identities, pairs=2000) == pytest.approx(0.5, abs=0.1)


def test_random_embeddings_give_about_half() -> None:
    random = np.random.default_rng(0)
    rate = equal_error_rate(random.normal(size=(300, 16)), random.integers(0, 5, 300), pairs=5000)
    assert rate == pytest.approx(0.5, abs=0.03)


def test_few_pictures_of_many_people_are_enough() -> None:
    # 3000 people, two pictures each: the second is the first for all but the last tenth, where it
    # is its opposite. Whatever the threshold below 1, a tenth of the genuine pairs is rejected.
    random = np.random.default_rng(0)
    first = random.normal(size=(3000, 32))
    second = np.where(np.arange(3000)[:, None] < 2700, first, -first)
    rate = equal_error_rate(np.concatenate([first, second]), np.tile(np.arange(3000), 2))
    assert rate == pytest.approx(0.1, abs=0.01)


def test_one_person_alone_has_no_rate() -> None:
    assert math.isnan(equal_error_rate(np.ones((4, 2)), np.zeros(4, int)))
