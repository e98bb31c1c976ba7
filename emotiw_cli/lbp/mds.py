"""Non-metric multidimensional scaling: from distances between codes to colours.

Codes become points in space, such that the points' distances follow the order of the codes'
distances as well as they can; the three axes are then read as red, green and blue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize_scalar
from scipy.spatial.distance import pdist, squareform

from emotiw_cli.errors import InputError
from emotiw_cli.lbp.distances import METRICS

Floats = NDArray[np.float64]

TOLERANCE = 1e-6
"""Of stress, gradient, decrease and step; 1e-7 takes cyclic on to another minimum."""

MAX_ITERATIONS = 200

# The codes whose red, green and blue are above the mean: an axis has no sign of its own. In
# regular, a code and its complement are equally far out on every axis but for the last digits.
_POSITIVE = {"regular": (255, 3, 241), "cyclic": (0, 255, 252)}


@dataclass(frozen=True)
class MDSResult:
    """Where a scaling ended.

    Attributes
    ----------
    stress : Kruskal's stress-1 of the embedding.
    iterations : steps taken.
    embedding : (n, axes) float64, centred, largest distance equal to the largest dissimilarity.
    """

    stress: float
    iterations: int
    embedding: Floats


def derive_palette(metric: str) -> tuple[NDArray[np.uint8], MDSResult]:
    """Derive the palette of a metric from the distances between codes.

    The embedding is turned to its principal axes, each signed. The circle's symmetry leaves two
    axes of ``circular`` free to turn; there the code of point 0 alone is put straight ahead on the
    second axis and that of point 2 on the positive side of the third, so that hue follows angle.
    (Still, its many equal distances let rounding choose the way down: another linear algebra
    library, or another number of its threads, has ended 3 levels of colour away. The shipped one
    is that of one thread; ``regular`` and ``cyclic`` come out the same.)
    Then all three axes alike are shifted to start at 0, scaled to end at 255, and rounded half up.

    Parameters
    ----------
    metric : {"regular", "cyclic", "circular"}

    Returns
    -------
    palette : (256, 3) uint8 array
        Red, green and blue of each code.
    result : MDSResult
        With the embedding as it was turned and signed.

    Raises
    ------
    InputError
        If there is no such metric.

    References
    ----------
    G. Levi and T. Hassner, ICMI 2015, doi:10.1145/2818346.2830587.
    """
    if metric not in METRICS:
        raise InputError(f"There is no LBP metric {metric!r}; use one of {', '.join(METRICS)}.")
    distance = METRICS[metric]().astype(np.float64)
    start = classical_scaling(distance)
    if metric == "circular":
        start = _upright(start)
    result = nonmetric_scaling(distance, start)
    points = _principal_axes(result.embedding)
    if metric == "circular":
        points = _upright(points)
    else:
        points *= np.where(points[_POSITIVE[metric], range(3)] < 0, -1, 1)
    shifted = points - points.min()
    palette = np.floor(shifted * (255 / shifted.max()) + 0.5).astype(np.uint8)
    return palette, MDSResult(result.stress, result.iterations, points)


def classical_scaling(dissimilarity: Floats, axes: int = 3) -> Floats:
    """Return the classical (Torgerson) scaling of an (n, n) matrix, (n, axes).

    References
    ----------
    W. S. Torgerson, "Multidimensional scaling: I. Theory and method", Psychometrika 17, 1952,
    doi:10.1007/BF02288916.
    """
    centring = np.eye(len(dissimilarity)) - 1 / len(dissimilarity)
    gram = -0.5 * centring @ dissimilarity**2 @ centring
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    return np.asarray(vectors[:, : -axes - 1 : -1] * np.sqrt(values[: -axes - 1 : -1]))


def nonmetric_scaling(
    dissimilarity: Floats, start: Floats, tolerance: float = TOLERANCE
) -> MDSResult:
    """Minimise Kruskal's stress-1 from a start by conjugate gradients (Polak-Ribière+).

    Parameters
    ----------
    dissimilarity : (n, n) float64 array
        Symmetric.
    start : (n, axes) float64 array
    tolerance : float
        Ends when the stress, the gradient or the decrease relative to the stress, or the step
        relative to the embedding is below it.

    Returns
    -------
    MDSResult

    References
    ----------
    J. B. Kruskal, "Nonmetric multidimensional scaling: A numerical method", Psychometrika 29,
    1964, doi:10.1007/BF02289694.
    """
    target = squareform(dissimilarity, checks=False)
    points = start
    gradient = direction = np.zeros_like(start)
    stress = step = np.inf
    step_tolerance = 1e-3
    restart = True
    iterations = 0
    while True:
        points = points - points.mean(axis=0)
        distance = pdist(points)
        scale = target.max() / distance.max()
        points, distance = points * scale, distance * scale
        fitted = disparities(target, distance)
        last_stress, last_gradient = stress, gradient
        stress = stress_1(distance, fitted)
        if stress < tolerance:
            return MDSResult(stress, iterations, points)
        gradient = _gradient(points, distance, fitted, stress)
        if (
            np.linalg.norm(gradient) < tolerance * stress
            or last_stress - stress < tolerance * stress
            or step < tolerance * np.linalg.norm(points)
            or iterations == MAX_ITERATIONS
        ):
            return MDSResult(stress, iterations, points)

        if restart:
            direction = -gradient
        else:
            change = np.sum((gradient - last_gradient) * gradient)
            beta = max(float(change / np.linalg.norm(last_gradient) ** 2), 0.0)
            direction = beta * direction - gradient
        length, restart = _line_search(points, direction, fitted, stress, step_tolerance)
        points = points + length * direction
        step = length * float(np.linalg.norm(direction))
        step_tolerance = max(step_tolerance / 2, tolerance)
        iterations += 1


def disparities(dissimilarity: Floats, distance: Floats) -> Floats:
    """Return the values nearest to the distances that never fall as the dissimilarity grows.

    Both are (pairs,). Pairs of equal dissimilarity may differ in any way (Kruskal's primary
    treatment of ties).
    """
    order = np.lexsort((distance, dissimilarity))
    fitted = np.empty_like(distance)
    fitted[order] = isotonic_regression(distance[order]).x
    return fitted


def stress_1(distance: Floats, fitted: Floats) -> float:
    """Return Kruskal's stress-1, √(Σ (d − d̂)² / Σ d²)."""
    return float(np.sqrt(np.sum((distance - fitted) ** 2) / np.sum(distance**2)))


def _gradient(points: Floats, distance: Floats, fitted: Floats, stress: float) -> Floats:
    """Return the derivative of stress-1 by each coordinate; 0 for points that coincide."""
    slope = ((distance - fitted) / stress - stress * distance) / np.sum(distance**2)
    pull = squareform(np.divide(slope, distance, out=np.zeros_like(slope), where=distance > 0))
    return np.asarray(pull.sum(axis=1)[:, None] * points - pull @ points)


def _line_search(
    points: Floats, direction: Floats, fitted: Floats, stress: float, tolerance: float
) -> tuple[float, bool]:
    """Return how far to go, and whether the minimum found had to be given up for a nearer place."""

    def stress_at(length: float) -> float:
        return stress_1(pdist(points + length * direction), fitted)

    far = 2.0
    while stress_at(far) <= stress:
        far *= 2
    found = minimize_scalar(
        stress_at, bounds=(0, far), method="bounded", options={"xatol": tolerance}
    )
    length = float(found.x)
    if found.fun <= stress:
        return length, False
    # A local minimum behind the one wanted.
    while length > 1e-12 and stress_at(length) >= stress:
        length /= 2
    return length, True


def _principal_axes(points: Floats) -> Floats:
    """Return centred points turned to their principal axes, the longest first."""
    axes = np.linalg.svd(points, full_matrices=False)[2]
    return np.asarray(points @ axes.T)


def _upright(points: Floats) -> Floats:
    """Turn the second and third axis to the codes 1 and 4, and the first to code 255."""
    first, ahead, aside = points[255, 0], points[1, 1], points[1, 2]
    plane = points[:, 1:] @ np.array([[ahead, -aside], [aside, ahead]]) / np.hypot(ahead, aside)
    signs = np.sign([first, 1, plane[4, 1]])
    return np.column_stack([points[:, 0], plane]) * signs
