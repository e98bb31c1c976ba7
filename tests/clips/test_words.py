"""Words of rows whose heaps are known."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.words import distances, fit_words


def test_distances_by_hand() -> None:
    rows = np.array([[0, 0], [3, 4]], np.float32)
    words = np.array([[0, 0], [3, 0], [0, 4]], np.float32)
    assert distances(rows, words) == pytest.approx(np.array([[0, 3, 4], [5, 4, 3]]), abs=1e-5)


def test_words_are_the_middles_of_heaps() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    middles = np.array([[0, 0], [10, 0], [0, 10]])
    rows = (middles[:, None] + rng.normal(0, 0.1, (3, 50, 2))).reshape(-1, 2)
    words = fit_words(rows, 3)
    found = {tuple(word) for word in words.round().tolist()}
    assert found == {(0, 0), (10, 0), (0, 10)}
    assert (fit_words(rows, 3) == words).all()


def test_rows_that_are_often_alike_still_have_words() -> None:
    pytest.importorskip("sklearn")
    words = fit_words(np.repeat([[0.0], [1.0]], 5, axis=0), 4)
    assert words.shape == (4, 1)
    assert set(words.ravel().round().tolist()) == {0, 1}
