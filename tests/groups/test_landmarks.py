from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emotiw_cli.groups.landmarks import PAIRS, distances


def test_every_pair_once_in_the_order_of_its_points() -> None:
    # A triangle of sides 3, 4 and 5, and a point on the first of them.
    points = np.array([[(0, 0), (3, 0), (0, 4), (1, 0)]])
    apart = [3, 4, 1, 5, 2, np.sqrt(17)]  # 01 02 03 12 13 23
    found = distances(points)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [np.array(apart) / 5], rtol=1e-6)


def test_a_face_of_68_points_has_2278_distances() -> None:
    points = np.random.default_rng(0).normal(size=(2, 68, 2))
    found = distances(points)
    assert found.shape == (2, PAIRS) == (2, 2278)
    assert found.max(axis=1).tolist() == [1, 1]


def test_no_face_has_no_row_and_a_point_has_no_size() -> None:
    assert distances(np.empty((0, 68, 2))).shape == (0, 2278)
    assert distances(np.full((1, 3, 2), 7.0)).tolist() == [[0, 0, 0]]


@given(
    arrays(np.int64, (1, 6, 2), elements=st.integers(-100, 100)),
    st.floats(0.1, 50),
    st.floats(-500, 500),
    st.floats(-3.2, 3.2),
)
def test_neither_size_nor_place_nor_turn_counts(
    points: np.ndarray, scale: float, shift: float, angle: float
) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points @ turn.T * scale + shift
    if np.ptp(points[0], axis=0).max() == 0:
        assert distances(points).max() == 0
    else:
        np.testing.assert_allclose(distances(moved), distances(points), atol=1e-5)
