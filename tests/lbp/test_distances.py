from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.lbp.distances import METRICS, circular, cyclic, regular

CODES = np.arange(256)
BITS = (CODES[:, None] >> np.arange(8)) & 1
SINGLE = 1 << np.arange(8)


@pytest.mark.parametrize("metric", METRICS)
def test_symmetric_and_zero_to_itself(metric: str) -> None:
    distance = METRICS[metric]()
    assert distance.shape == (256, 256)
    assert np.issubdtype(distance.dtype, np.integer)
    np.testing.assert_array_equal(distance, distance.T)
    assert not np.diag(distance).any()


def test_regular() -> None:
    distance = regular()
    assert (distance.sum(), distance.max(), distance[0, 255]) == (583440, 36, 36)
    np.testing.assert_array_equal(distance[0, SINGLE], [8, 7, 6, 5, 4, 3, 2, 1])
    assert distance[1, 128] == 7
    assert distance[0b0110, 0b1001] == 2


def test_cyclic() -> None:
    distance = cyclic()
    assert (distance.sum(), distance.max()) == (451884, 36)
    np.testing.assert_array_equal(distance[0, SINGLE], [2, 3, 4, 5, 4, 3, 2, 1])
    assert (distance[1, 128], distance[1, 16], distance[1, 64]) == (1, 2, 0)
    assert np.count_nonzero(distance == 0) == 256 + 2 * 56


def test_circular() -> None:
    distance = circular()
    assert (distance.max(), distance[0, 255]) == (32, 32)
    np.testing.assert_array_equal(distance[0, SINGLE], [4] * 8)
    np.testing.assert_array_equal(distance[1, SINGLE], [0, 1, 2, 3, 4, 3, 2, 1])
    # Bit 0 stays or goes to the nearer of the two bits; one is left over.
    assert distance[0b00000001, 0b00000101] == 4
    assert distance[0b00000001, 0b00110000] == 3 + 4


def test_circular_is_a_metric_that_rotates() -> None:
    distance = circular()
    assert np.count_nonzero(distance == 0) == 256
    assert np.all(distance[:, :, None] + distance[None] >= distance[:, None])
    rotated = (CODES << 1 | CODES >> 7) & 255
    np.testing.assert_array_equal(distance[np.ix_(rotated, rotated)], distance)


@pytest.mark.parametrize("metric", ["regular", "cyclic"])
def test_golden_distances(metric: str, shared: Path) -> None:
    with np.load(shared / "data" / "golden" / "lbp_distances.npz", allow_pickle=False) as golden:
        np.testing.assert_array_equal(METRICS[metric](), golden[metric])


def pairs(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 2))


def on_a_line(ot, a: np.ndarray, b: np.ndarray) -> float:
    """Earth mover's distance with a dustbin past the last bin, where surplus mass goes."""
    spare = a.sum() - b.sum()
    source = np.append(a, max(-spare, 0)).astype(float)
    sink = np.append(b, max(spare, 0)).astype(float)
    place = np.arange(source.size, dtype=float)
    cost = np.abs(place[:, None] - place)
    return ot.emd2(source, sink, cost) if source.any() else 0.0


def test_optimal_transport_agrees_on_the_line() -> None:
    ot = pytest.importorskip("ot")
    line, least = regular(), cyclic()
    for a, b in pairs(300):
        assert on_a_line(ot, BITS[a], BITS[b]) == pytest.approx(line[a, b])
        first, second = np.append(0, BITS[a]), np.append(0, BITS[b])
        ways = [(first, second), (first[::-1], second), (first, second[::-1])]
        assert min(on_a_line(ot, *way) for way in ways) == pytest.approx(least[a, b])


def test_optimal_transport_agrees_on_the_circle() -> None:
    ot = pytest.importorskip("ot")
    distance = circular()
    apart = np.abs(np.subtract.outer(np.arange(8.0), np.arange(8.0)))
    cost = np.minimum(apart, 8 - apart)
    for a, b in pairs(400):
        first, second = BITS[a].astype(float), BITS[b].astype(float)
        common = min(first.sum(), second.sum())
        spare = abs(first.sum() - second.sum())
        if not common:
            moved = 0.0
        elif spare:
            moved = ot.partial.partial_wasserstein2(first, second, cost, m=common)
        else:
            moved = ot.emd2(first, second, cost)
        assert moved + 4 * spare == pytest.approx(distance[a, b])
