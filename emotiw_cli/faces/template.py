"""Where the eyes and the nose lie in an aligned face: one template for every size.

Positions are in units of the frame's WIDTH from the frame's CENTRE, x to the right, y down. A frame
of another shape keeps the scale: 143×181 shows more forehead and chin than 144×144, not a larger
face.

The frame is that of FER2013, so that a photo's aligned face is framed like the faces emotions are
learnt from. ``python benchmarks/measure_template.py ferplus.zip`` takes every fourth of its 29,702
pictures, enlarges it from 48 to 192 pixels, and places the 68 landmarks where the HOG detector
finds exactly one face: 5,073 of 7,426 pictures. Medians, with the median absolute deviation from
them in brackets, in widths:

====================  ===============  ================
anchor                ±x               y
====================  ===============  ================
outer eye corner      0.2565 (0.0310)  −0.1058 (0.0347)
inner eye corner      0.1077 (0.0244)  −0.0942 (0.0260)
base of the nose      0.0000 (0.0353)  +0.1627 (0.0344)
====================  ===============  ================

Each face is counted mirrored too. The 5-point model and a start from the whole picture instead of
the detector's box give the same within 0.008.
"""

from __future__ import annotations

import numpy as np

TEMPLATE = np.array(
    [(-0.256, -0.106), (-0.108, -0.094), (0.108, -0.094), (0.256, -0.106), (0.0, 0.163)]
)
"""Anchors in :func:`anchors`' order, (5, 2) float64, in frame widths from the frame's centre."""

_ANCHORS = {68: [36, 39, 42, 45, 33], 5: [2, 3, 1, 0, 4]}


def anchors(points: np.ndarray) -> np.ndarray:
    """The five points a face is aligned by.

    Parameters
    ----------
    points : (68, 2) or (5, 2) float
        Landmarks of either model, in pixels.

    Returns
    -------
    (5, 2) float64
        From left to right in the picture: outer and inner corner of one eye, inner and outer
        corner of the other; then the base of the nose.

    Raises
    ------
    ValueError
        For any other shape.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) not in _ANCHORS:
        raise ValueError(f"landmarks are (68, 2) or (5, 2), not {points.shape}")
    return points[_ANCHORS[len(points)]]


def anchors_in_frame(size: tuple[int, int]) -> np.ndarray:
    """The template's anchors in a frame of `size` (width, height), in pixels: (5, 2) float64.

    (0, 0) is the centre of the frame's first pixel.
    """
    width, height = size
    return TEMPLATE * width + [(width - 1) / 2, (height - 1) / 2]
