import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from emotiw_cli.errors import InputError
from emotiw_cli.lbp import mds
from emotiw_cli.lbp.palettes import palette


@pytest.mark.parametrize(
    ("metric", "iterations", "stress"),
    [("regular", 60, 0.02263535), ("cyclic", 41, 0.08516433)],
)
def test_palettes_of_the_paper(metric: str, iterations: int, stress: float) -> None:
    colours, result = mds.derive_palette(metric)
    np.testing.assert_array_equal(colours, palette(metric))
    assert result.iterations == iterations
    assert round(result.stress, 8) == stress
    assert result.embedding.shape == (256, 3)


def test_circular_palette() -> None:
    colours, result = mds.derive_palette("circular")
    difference = colours.astype(int) - palette("circular")
    # Its many ties are decided by rounding, which differs between processors: 0 to 3 levels.
    assert np.abs(difference).max() <= 3
    assert round(result.stress, 4) == 0.0283
    # Hue follows angle: point i alone lies at 45°·i, all eight equally far out.
    green, blue = result.embedding[1 << np.arange(8), 1:].T
    np.testing.assert_allclose(np.hypot(green, blue), np.hypot(green, blue).mean(), rtol=0.02)
    turn = np.degrees(np.arctan2(blue, green)) - 45 * np.arange(8)
    np.testing.assert_allclose((turn + 180) % 360 - 180, 0, atol=1)


def test_no_such_metric() -> None:
    with pytest.raises(InputError, match="regular, cyclic, circular"):
        mds.derive_palette("round")


def test_classical_scaling_finds_points_again() -> None:
    points = np.random.default_rng(0).normal(size=(12, 3))
    found = mds.classical_scaling(squareform(pdist(points)))
    np.testing.assert_allclose(pdist(found), pdist(points))


def test_points_that_fit_are_left_alone() -> None:
    points = np.random.default_rng(0).normal(size=(12, 3))
    # Any order-preserving change of the distances leaves a perfect fit.
    result = mds.nonmetric_scaling(squareform(pdist(points) ** 2), points)
    assert (result.iterations, result.stress) == (0, 0)
    np.testing.assert_allclose(pdist(result.embedding).max(), (pdist(points) ** 2).max())


def test_scaling_lowers_the_stress() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(12, 2))
    distance = squareform(pdist(points))
    start = points + random.normal(scale=0.3, size=points.shape)
    before = pdist(start)
    fitted = mds.disparities(squareform(distance), before)
    result = mds.nonmetric_scaling(distance, start)
    assert result.stress < mds.stress_1(before, fitted) / 5


def test_disparities_never_fall_and_ties_may_differ() -> None:
    dissimilarity = np.array([1.0, 2.0, 2.0, 3.0])
    distance = np.array([4.0, 5.0, 2.0, 6.0])
    # In order: 4, then the tied 2 and 5 (sorted), then 6; 4 and 2 meet at 3.
    np.testing.assert_array_equal(mds.disparities(dissimilarity, distance), [3, 5, 3, 6])


def test_stress_by_hand() -> None:
    # (4 - 3)² + (2 - 3)² = 2 over 16 + 4 + 12 = 32.
    distance, fitted = np.array([4, 2, np.sqrt(12)]), np.array([3, 3, np.sqrt(12)])
    assert mds.stress_1(distance, fitted) == pytest.approx(0.25)


def test_gradient_is_the_slope_of_the_stress() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(6, 3))
    points[1] = points[0]
    fitted = pdist(points) + random.normal(scale=0.2, size=15)
    fitted[0] = 0

    def stress(moved: np.ndarray) -> float:
        return mds.stress_1(pdist(moved), fitted)

    gradient = mds._gradient(points, pdist(points), fitted, stress(points))
    for place in np.ndindex(points.shape):
        step = np.zeros_like(points)
        step[place] = 1e-6
        slope = (stress(points + step) - stress(points - step)) / 2e-6
        assert gradient[place] == pytest.approx(slope, abs=1e-7)
