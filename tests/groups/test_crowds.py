"""Faces together, each alone, and all but each: by hand, and against taking each one out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emotiw_cli.groups.crowds import means, medians, sums

Pool = Callable[[np.ndarray], np.ndarray]


def test_by_hand() -> None:
    values = np.array([[1, 0], [5, 2], [3, 7]], np.float32)
    assert sums(values).tolist() == [[9, 9], *values.tolist(), [8, 9], [4, 7], [6, 2]]
    assert means(values).tolist() == [[3, 3], *values.tolist(), [4, 4.5], [2, 3.5], [3, 1]]
    assert medians(values).tolist() == [[3, 2], *values.tolist(), [4, 4.5], [2, 3.5], [3, 1]]


@pytest.mark.parametrize("pool", [sums, means, medians])
def test_of_one_face_nobody_is_left_and_of_none_nobody_is_there(pool: Pool) -> None:
    values = np.array([[2, 3]], np.float32)
    np.testing.assert_array_equal(pool(values), [[2, 3], [2, 3], [np.nan, np.nan]])
    np.testing.assert_array_equal(pool(values[:0]), [[np.nan, np.nan]])


@pytest.mark.parametrize("count", [2, 3, 6, 9])
@pytest.mark.parametrize(
    ("pool", "plain"), [(sums, np.sum), (means, np.mean), (medians, np.median)]
)
def test_as_taking_each_one_out(pool: Pool, plain: Callable[..., np.ndarray], count: int) -> None:
    generator = np.random.default_rng(count)
    values = generator.integers(0, 5, (count, 40)).astype(np.float32)  # with ties
    found = pool(values)
    assert found.shape == (1 + 2 * count, 40)
    np.testing.assert_allclose(found[0], plain(values, axis=0), rtol=1e-6)
    for face in range(count):
        rest = np.delete(values, face, axis=0)
        np.testing.assert_allclose(found[1 + count + face], plain(rest, axis=0), rtol=1e-6)
