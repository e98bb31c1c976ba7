"""Palettes: the three colours of each code, as :func:`emotiw_cli.lbp.mds.derive_palette` made them.

They travel with the package because what a net was trained on must not depend on the last digits
of a linear algebra library.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emotiw_cli.errors import InputError, TamperedError

SHA256 = {
    "regular": "ff36ad91802f239381a447f741e32fc822966a97979088b18c1a9a448c69bdbd",
    "cyclic": "142dfd88edff0d99ee271cd888a32e59d18589f8958b089b7ad0982a8c365b6e",
    "circular": "a02d483b57bef6d0f40b4fa45d9100a0749a453aa5f9b8b0b65b2b4ba0117c04",
}
"""Of the 768 bytes of each palette."""

SHUFFLED = tuple(f"shuffled{number}" for number in range(1, 10))
"""The cyclic palette's colours dealt to the codes at random, nine deals: palettes that no distance
stands behind, to tell what the distances of the others are worth."""

_FILE = Path(__file__).with_name("palettes.npz")


@lru_cache
def palette(metric: str, *, compat_255: bool = False) -> NDArray[np.uint8]:
    """Return the palette of a metric.

    Parameters
    ----------
    metric : {"regular", "cyclic", "circular"}, or one of :data:`SHUFFLED`
        See :mod:`emotiw_cli.lbp.distances`.
    compat_255 : bool
        Draw code 255 in the colour of code 254, as the authors' released models expect: their code
        saturates.

    Returns
    -------
    (256, 3) uint8 array
        Red, green and blue of each code; read-only.

    Raises
    ------
    InputError
        If there is no such metric.
    TamperedError
        If the file of palettes is not the one this version came with.

    References
    ----------
    G. Levi and T. Hassner, ICMI 2015, doi:10.1145/2818346.2830587.
    """
    colours: NDArray[np.uint8]
    if metric in SHUFFLED:
        colours = palette("cyclic")[_deal(metric)]
        if compat_255:
            colours[255] = colours[254]
        colours.flags.writeable = False
        return colours
    if metric not in SHA256:
        raise InputError(f"There is no LBP metric {metric!r}; use one of {', '.join(SHA256)}.")
    with np.load(_FILE, allow_pickle=False) as palettes:
        colours = palettes[metric]
    if hashlib.sha256(colours.tobytes()).hexdigest() != SHA256[metric]:
        raise TamperedError(f"{_FILE} is not as it was shipped; install emotiw again.")
    if compat_255:
        colours[255] = colours[254]
    colours.flags.writeable = False
    return colours


def _deal(name: str) -> list[int]:
    """The codes in an order drawn by SHA-256, the same with every version of every library."""
    return sorted(
        range(256), key=lambda code: hashlib.sha256(f"{name} {code}".encode()).hexdigest()
    )


def apply_palette(codes: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the codes in the colours of a palette.

    Parameters
    ----------
    codes : (…, W) uint8 array
    colours : (256, 3) uint8 array

    Returns
    -------
    (…, W, 3) uint8 array
    """
    rows = np.ascontiguousarray(codes).reshape(-1, codes.shape[-1])
    mapped = cv2.applyColorMap(rows, np.ascontiguousarray(colours).reshape(256, 1, 3))
    return np.asarray(mapped, np.uint8).reshape(*codes.shape, 3)
