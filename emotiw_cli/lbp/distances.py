"""How far apart two codes are: three readings of the earth mover's distance between their bits.

A code is taken as eight bins of a histogram, lowest bit first, each holding one unit of mass or
none. The masses are not normalised, so codes with different numbers of bits differ in mass.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]

LEFT_OVER = 4
"""What a unit of mass without a partner costs on the ring: half-way round, the longest way."""


def _bits() -> Matrix:
    """Return the bits of every code, (256, 8), lowest first."""
    return (np.arange(256)[:, None] >> np.arange(8)) & 1


def _line(a: Matrix, b: Matrix) -> Matrix:
    """Return the distances on a line, (len(a), len(b)); surplus mass pays its way past the end."""
    return np.abs(np.cumsum(a, axis=1)[:, None] - np.cumsum(b, axis=1)[None]).sum(axis=-1)


def regular() -> Matrix:
    """Return the earth mover's distance on a line of eight bins: Σ |cumsum(a) − cumsum(b)|.

    Returns
    -------
    (256, 256) int64 array
        Symmetric, at most 36.

    References
    ----------
    G. Levi and T. Hassner, ICMI 2015, doi:10.1145/2818346.2830587.
    """
    bits = _bits()
    return _line(bits, bits)


def cyclic() -> Matrix:
    """Return the distance that Levi and Hassner call cyclic.

    A zero is put before the eight bits, and the distance is the least of three on a line of nine
    bins: between a and b, between a reversed and b, and between a and b reversed. It is neither
    invariant to rotation nor a metric: 56 pairs of different codes, such as 1 and 64, are at 0.
    :func:`circular` is the distance round the circle.

    Returns
    -------
    (256, 256) int64 array
        Symmetric, at most 36.

    References
    ----------
    G. Levi and T. Hassner, ICMI 2015, doi:10.1145/2818346.2830587.
    """
    bits = np.pad(_bits(), ((0, 0), (1, 0)))
    turned = bits[:, ::-1]
    return np.minimum(_line(bits, bits), np.minimum(_line(turned, bits), _line(bits, turned)))


def circular() -> Matrix:
    """Return the earth mover's distance round the circle of the eight points.

    Codes of equal mass: Σ |F − median F| with F = cumsum(a − b). Otherwise the lighter code is
    moved onto that part of the heavier one that is cheapest to reach, and each unit left over
    costs ``LEFT_OVER``. A metric, unchanged when both codes are rotated alike.

    Returns
    -------
    (256, 256) int64 array
        Symmetric, at most 32.

    References
    ----------
    M. Werman, S. Peleg and A. Rosenfeld, "A distance metric for multidimensional histograms",
    CVGIP 32, 1985, doi:10.1016/0734-189X(85)90055-6 (the circle).
    O. Pele and M. Werman, "A Linear Time Histogram Metric for Improved SIFT Matching", ECCV 2008,
    doi:10.1007/978-3-540-88690-7_37 (unequal masses).
    """
    bits = _bits()
    mass = bits.sum(axis=1)
    flow = np.sort(np.cumsum(bits[:, None] - bits[None], axis=-1), axis=-1)
    moved = flow[..., 4:].sum(axis=-1) - flow[..., :4].sum(axis=-1)
    # The cheapest part of a heavier b is the cheapest part of one of the codes that lack one bit
    # of it; going through the codes by mass, those are known.
    for b in np.argsort(mass, kind="stable"):
        lighter = mass < mass[b]
        parts = [b ^ (1 << bit) for bit in range(8) if bits[b, bit]]
        if parts:
            moved[lighter, b] = moved[lighter][:, parts].min(axis=1)
    moved = np.where(mass[:, None] <= mass[None], moved, moved.T)
    return moved + LEFT_OVER * np.abs(mass[:, None] - mass[None])


METRICS: dict[str, Callable[[], Matrix]] = {
    "regular": regular,
    "cyclic": cyclic,
    "circular": circular,
}
