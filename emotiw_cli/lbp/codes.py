"""Local binary patterns of eight points: a face in, one code per pixel out.

Bit i of a code says whether the point at angle 45°·i and distance ``radius`` is at least as bright
as the centre. Points on the axes are pixels; the four on the diagonals are interpolated. Where the
interpolated value *equals* the centre, which is common in the flat and evenly shaded parts of a
face, the rounding of a float64 sum decides the bit, so the definition fixes that sum to the last
digit: see :func:`lbp_codes`.
"""

from __future__ import annotations

from operator import index

import numpy as np
from numpy.typing import NDArray

from emotiw_cli.errors import InputError
from emotiw_cli.lbp.tiles import fill_codes

# 0.298936021293775 R + 0.587043074451121 G + 0.114020904255103 B in units of 2^-23. Rounded half up
# they give what the float64 sum gives, for every one of the 2^24 colours.
_GREY_SHIFT = 23
_GREY_SHARES = (2507657, 4924474, 956477)

# Where the eight points of a code go in a mirror: 4 - i round the circle.
_MIRRORED = np.zeros(256, np.uint8)
for _i in range(8):
    _MIRRORED |= ((np.arange(256) >> _i & 1) << (4 - _i) % 8).astype(np.uint8)


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey picture that codes are made of.

    Grey is 0.298936021293775 R + 0.587043074451121 G + 0.114020904255103 B, rounded half up;
    colours that are grey already keep their value.

    Parameters
    ----------
    rgb : (…, 3) uint8 array

    Returns
    -------
    (…) uint8 array
    """
    if rgb.dtype != np.uint8 or rgb.shape[-1:] != (3,):
        raise TypeError(f"(…, 3) uint8 wanted, got {rgb.shape} {rgb.dtype}")
    total = np.full(rgb.shape[:-1], 1 << (_GREY_SHIFT - 1), np.uint32)
    for channel, share in enumerate(_GREY_SHARES):
        total += np.multiply(rgb[..., channel], share, dtype=np.uint32)
    return (total >> _GREY_SHIFT).astype(np.uint8)


def lbp_codes(grey: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """Return the local binary pattern of every pixel whose whole circle is inside the picture.

    Point i = 0 … 7 lies at (y, x) = (−radius · sin 45°i, radius · cos 45°i) from the centre: the
    first to the right, the others counter-clockwise. Its bit, of weight 2^i, is 1 where the point
    is at least as bright as the centre. Points 1, 3, 5, 7 are interpolated bilinearly in float64,
    their fractions taken from 1-based coordinates (offset + radius + 1) and the four products
    added in the order top left, top right, bottom left, bottom right. These are the codes of Levi
    and Hassner's released models, bit for bit.

    Parameters
    ----------
    grey : (H, W) or (N, H, W) uint8 array
        One picture or a stack of them. A stack of small faces is much faster than one by one.
    radius : int
        Distance of the points from the centre in pixels, at least 1.

    Returns
    -------
    (…, H − 2·radius, W − 2·radius) uint8 array

    Raises
    ------
    InputError
        If the radius is below 1 or the picture is too small for it.

    References
    ----------
    G. Levi and T. Hassner, "Emotion Recognition in the Wild via Convolutional Neural Networks and
    Mapped Binary Patterns", ICMI 2015, doi:10.1145/2818346.2830587.
    T. Ojala, M. Pietikäinen and T. Mäenpää, "Multiresolution Gray-Scale and Rotation Invariant
    Texture Classification with Local Binary Patterns", IEEE TPAMI 24(7), 2002,
    doi:10.1109/TPAMI.2002.1017623.
    """
    radius = index(radius)
    if grey.dtype != np.uint8 or grey.ndim not in (2, 3):
        raise TypeError(f"(H, W) or (N, H, W) uint8 wanted, got {grey.shape} {grey.dtype}")
    height, width = grey.shape[-2:]
    side = 2 * radius + 1
    if radius < 1:
        raise InputError(f"LBP radius {radius} is too small; give a whole number of at least 1.")
    if min(height, width) < side:
        raise InputError(
            f"A picture of {width}×{height} pixels is too small for LBP codes of radius {radius}; "
            f"give one of at least {side}×{side} or a smaller radius."
        )
    stack = grey.reshape(-1, height, width)
    codes = np.empty((len(stack), height - side + 1, width - side + 1), np.uint8)
    if len(stack):
        fill_codes(codes, stack, radius)
    return codes.reshape(*grey.shape[:-2], *codes.shape[1:])


def mirror_codes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the codes of the mirrored face: flipped left to right, with point i moved to 4 − i.

    Equal to the codes of the mirrored picture except in ties, where the mirrored point's sum can
    round to the other side: in under 1 % of the pixels of a face.

    Parameters
    ----------
    codes : (…, H, W) uint8 array

    Returns
    -------
    (…, H, W) uint8 array
        C-contiguous.
    """
    return np.take(_MIRRORED, codes[..., ::-1])
