"""The engine behind :func:`emotiw_cli.lbp.codes.lbp_codes`: exact and fast.

Speed comes from letting float32 answer what float32 can. Its interpolated values are within 2^-13
of the exact ones, so a difference of more than ``GUARD`` from the centre is decided; only the rest
is summed again by the float64 definition. Flat patches (four equal neighbours) are too many for
that, but their outcome depends on the value alone and is read from a table, as is that of a tie at
radius 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

GUARD = 2.0**-12
"""Grey levels on either side of a tie that are left to the float64 definition.

Two float32 interpolations of values up to 255 are off by at most 11 · 2^-17 < 2^-13.
"""

TILE_PIXELS = 1 << 17
"""Pixels worked on at a time: enough to drown the cost of a call, few enough to stay in cache."""

TILE_WIDTH = 512
TIES = 1 << 13
"""Ties settled at a time, for the same reason."""

# Bit: (sin, cos) of 45°·i, written out so that no platform's libm has a say in how ties fall.
_DIAGONALS = {
    1: (0.7071067811865475, 0.7071067811865476),
    3: (0.7071067811865476, -0.7071067811865475),
    5: (-0.7071067811865475, -0.7071067811865477),
    7: (-0.7071067811865477, 0.7071067811865474),
}
# Bit: (rows down, columns right).
_AXES = {0: (0, 1), 2: (-1, 0), 4: (0, -1), 6: (1, 0)}


def fill_codes(codes: NDArray[np.uint8], stack: NDArray[np.uint8], radius: int) -> None:
    """Compute the codes of a stack of pictures, tile by tile.

    All tiles have one shape and share their buffers.

    Parameters
    ----------
    codes : (N, H − 2·radius, W − 2·radius) uint8 array
        Filled with the codes.
    stack : (N, H, W) uint8 array
        With N, H − 2·radius and W − 2·radius at least 1.
    radius : int
        At least 1.
    """
    count, height, width = stack.shape
    rim = 2 * radius
    if height * width <= TILE_PIXELS:
        tall, wide = height, width
    else:
        wide = _even(width, max(TILE_WIDTH, 2 * rim), rim)
        tall = _even(height, max(TILE_PIXELS // wide, 2 * rim), rim)
    deep = _even(count, max(1, TILE_PIXELS // (tall * wide)), 0)
    tile = _Tile(deep, tall, wide, radius)
    for z in _starts(count, deep, 0):
        for y in _starts(height, tall, rim):
            for x in _starts(width, wide, rim):
                np.copyto(tile.pixels, stack[z : z + deep, y : y + tall, x : x + wide])
                codes[z : z + deep, y : y + tall - rim, x : x + wide - rim] = tile.codes()


def _even(length: int, most: int, rim: int) -> int:
    """Return the size, at most ``most``, of the fewest equal pieces that overlap by ``rim``."""
    if length <= most:
        return length
    pieces = -(-(length - rim) // (most - rim))
    return -(-(length - rim) // pieces) + rim


def _starts(length: int, size: int, rim: int) -> Iterator[int]:
    """Yield where the pieces begin; the last is moved back so as to end with the picture."""
    for start in range(0, length - rim, size - rim):
        yield min(start, length - size)


class _Diagonal(NamedTuple):
    """An interpolated point: the top left of its four pixels from the centre, and fractions."""

    weight: int
    dy: int
    dx: int
    ty: float
    tx: float

    @property
    def shares(self) -> list[float]:
        """What the top left, top right, bottom left and bottom right pixel count for."""
        ty, tx = self.ty, self.tx
        return [(1 - tx) * (1 - ty), tx * (1 - ty), (1 - tx) * ty, tx * ty]


@lru_cache(maxsize=32)
def _diagonals(radius: int) -> tuple[_Diagonal, ...]:
    """Return the diagonal points, ordered so that equal horizontal fractions are neighbours."""
    points = []
    for bit, (sine, cosine) in _DIAGONALS.items():
        y, x = -radius * sine + radius + 1, radius * cosine + radius + 1
        top, left = int(np.floor(y)), int(np.floor(x))
        points.append(_Diagonal(1 << bit, top - radius - 1, left - radius - 1, y - top, x - left))
    return tuple(sorted(points, key=lambda point: point.dx))


def _diagonal_bits(
    radius: int, corners: NDArray[np.uint8], centre: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the bits of the diagonal points, (n,) uint8, by the definition's float64 sums.

    ``corners`` is (4, 4, n): point (in the order of :func:`_diagonals`), corner, place.
    """
    points = _diagonals(radius)
    products = np.array([point.shares for point in points])[:, :, None] * corners
    total = products[:, 0]
    for corner in (1, 2, 3):
        total += products[:, corner]
    weights = np.array([[point.weight] for point in points], np.uint8)
    bits: NDArray[np.uint8] = np.bitwise_or.reduce((total >= centre) * weights)
    return bits


@lru_cache(maxsize=32)
def _flat_codes(radius: int) -> NDArray[np.uint8]:
    """Return the diagonal bits of a flat patch of each value, (256,) uint8."""
    value = np.arange(256, dtype=np.uint8)
    return _diagonal_bits(radius, np.broadcast_to(value, (4, 4, 256)), value)


@lru_cache(maxsize=1)
def _tie_codes() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the diagonal bits of ties at radius 1, by 256 · centre + pixel above, and below.

    There the centre is itself one of the four corners, and a tie leaves no choice: the corner
    opposite equals it, and the other two are as far above it as below.
    """
    centre, beside = np.divmod(np.arange(1 << 16), 256)
    corners = np.empty((4, 2, 2, centre.size), np.uint8)
    upper = 0
    for point, square in zip(_diagonals(1), corners, strict=True):
        row, column = -point.dy, -point.dx
        square[row, column] = square[1 - row, 1 - column] = centre
        square[1 - row, column] = beside
        square[row, 1 - column] = np.clip(2 * centre - beside, 0, 255)
        upper |= point.weight * row
    bits = _diagonal_bits(1, corners.reshape(4, 4, -1), centre.astype(np.uint8))
    return bits & np.uint8(upper), bits & np.uint8(~upper & 255)


class _Tile:
    """Buffers for a stack of pictures, and the passes that turn its pixels into codes.

    The stack is treated as one run of pixels in which a neighbour is a fixed step away. Centres
    near an edge get nonsense, for the step leads into the next row or picture; they are cut off at
    the end. Slices are bound once: making one costs as much as a pass over thousands of pixels.
    """

    def __init__(self, count: int, height: int, width: int, radius: int) -> None:
        size = count * height * width
        first = radius * (width + 1)
        inner = size - 2 * first
        self.pixels = np.empty((count, height, width), np.uint8)
        grey = self.pixels.reshape(-1)
        self._grey, self._first, self._width, self._radius = grey, first, width, radius
        self._centre = grey[first : first + inner]
        self._float = np.empty(size, np.float32)
        self._float_centre = self._float[first : first + inner]
        self._above, self._value = np.empty((2, inner), np.float32)
        self._across = np.empty(size - 1, np.float32)
        self._bit, self._sure, self._flat, self._code = np.empty((4, inner), np.uint8)
        self._open_words = np.zeros(-(-inner // 8), np.uint64)
        self._open = self._open_words.view(np.uint8)[:inner]
        self._same, self._same_below = np.empty((2, size - 1), np.bool_)
        self._flat_codes = _flat_codes(radius)

        self._axes = []
        for bit, (dy, dx) in _AXES.items():
            start = first + radius * (dy * width + dx)
            self._axes.append((1 << bit, grey[start : start + inner]))
        self._points = []
        for point in _diagonals(radius):
            start = first + point.dy * width + point.dx
            here = slice(start, start + inner)
            below = slice(start + width, start + width + inner)
            patch = self._same[here].view(np.uint8)
            self._points.append((point, self._across[here], self._across[below], patch))

        starts = np.array([point.dy * width + point.dx for point in _diagonals(radius)])
        self._corners = starts[:, None, None] + np.array([[0], [1], [width], [width + 1]])

        self._cut = np.lib.stride_tricks.as_strided(
            self._code,
            (count, height - 2 * radius, width - 2 * radius),
            (height * width, width, 1),
            writeable=False,
        )

    def codes(self) -> NDArray[np.uint8]:
        """Return the codes of ``pixels``: a view, (count, H − 2·radius, W − 2·radius)."""
        code, sure, open_, flat, bit = self._code, self._sure, self._open, self._flat, self._bit
        yes = bit.view(np.bool_)

        np.copyto(self._float, self._grey)
        np.add(self._float_centre, np.float32(2 * GUARD), out=self._above)
        self._find_flat_patches()
        for sums in (sure, open_, flat):
            sums.fill(0)
        column = None
        for point, upper, lower, patch in self._points:
            if point.dx != column:
                column, tx = point.dx, point.tx
                cv2.addWeighted(self._float[:-1], 1 - tx, self._float[1:], tx, 0, self._across)
            # The value is raised by GUARD: it is open from the centre to 2 · GUARD above it.
            cv2.addWeighted(upper, 1 - point.ty, lower, point.ty, GUARD, self._value)
            np.greater_equal(self._value, self._above, out=yes)
            _add(sure, bit, point.weight, bit)
            np.greater_equal(self._value, self._float_centre, out=yes)
            _add(open_, bit, point.weight, bit)
            _add(flat, patch, point.weight, bit)
        np.bitwise_xor(open_, sure, out=open_)
        np.bitwise_and(flat, open_, out=flat)
        np.bitwise_xor(open_, flat, out=open_)

        cv2.LUT(self._centre, self._flat_codes, code)
        np.bitwise_and(code, flat, out=code)
        np.bitwise_or(code, sure, out=code)
        for weight, neighbour in self._axes:
            np.greater_equal(neighbour, self._centre, out=yes)
            _add(code, bit, weight, bit)

        ties = _places(self._open_words)
        for begin in range(0, ties.size, TIES):
            some = ties[begin : begin + TIES]
            code[some] |= open_[some] & self._settle(some + self._first)
        return self._cut

    def _settle(self, ties: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the diagonal bits at some places of the run, by the definition."""
        if self._radius == 1:
            upper, lower = _tie_codes()
            centre = self._grey[ties].astype(np.intp) << 8
            settled = upper[centre | self._grey[ties - self._width]]
            settled |= lower[centre | self._grey[ties + self._width]]
            return settled
        corners = self._grey[self._corners + ties]
        return _diagonal_bits(self._radius, corners, self._grey[ties])

    def _find_flat_patches(self) -> None:
        """Mark in ``_same`` the pixels equal to those right of, below and diagonally below them."""
        grey, width = self._grey, self._width
        end = grey.size - width - 1
        same, below = self._same, self._same_below[:end]
        np.equal(grey[:-1], grey[1:], out=same)
        np.equal(grey[:end], grey[width:-1], out=below)
        np.bitwise_and(below, same[:end], out=below)
        np.bitwise_and(below, same[width:], out=same[:end])


def _add(
    sums: NDArray[np.uint8], bit: NDArray[np.uint8], weight: int, scratch: NDArray[np.uint8]
) -> None:
    """Give the 0/1 bytes of ``bit`` their weight and add them to the sums."""
    np.multiply(bit, weight, out=scratch)
    np.bitwise_or(sums, scratch, out=sums)


def _places(words: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return where the bytes of ``words`` are not zero: 8 at a time first, twice as fast."""
    some = np.flatnonzero(words != 0)
    inside = np.flatnonzero(words[some].view(np.uint8) != 0)
    return (some << 3)[inside >> 3] + (inside & 7)
