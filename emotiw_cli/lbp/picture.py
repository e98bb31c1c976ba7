"""A contact sheet of a face: its codes and its mapped colours at each radius."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from emotiw_cli.lbp.codes import lbp_codes, to_grey
from emotiw_cli.lbp.palettes import apply_palette, palette

Picture = NDArray[np.uint8]

_PAPER, _INK = 255, 64
_GAP, _LABEL = 16, 26
_LEAST_WIDTH = 250


def mapped_picture(
    face: Picture, radii: Sequence[int] = (1, 5, 10), metric: str = "cyclic"
) -> Picture:
    """Draw a face, and beside it for each radius its codes as greys and in their mapped colours.

    All are drawn to one scale and in register: what a radius loses at the edge stays blank. Small
    faces are enlarged by a whole number, pixel for pixel.

    Parameters
    ----------
    face : (H, W, 3) uint8 array
        RGB.
    radii : sequence of int
    metric : {"regular", "cyclic", "circular"}

    Returns
    -------
    (height, width, 3) uint8 array
        RGB.

    Raises
    ------
    InputError
        If the face is too small for a radius, or there is no such metric.
    """
    height, width = face.shape[:2]
    scale = max(1, round(_LEAST_WIDTH / width))
    colours = palette(metric)
    grey = to_grey(face)
    columns = [[(f"{width} x {height}", face), ("grey", _as_rgb(grey))]]
    for radius in radii:
        codes = lbp_codes(grey, radius)
        columns.append(
            [
                (f"{metric}, r = {radius}", apply_palette(codes, colours)),
                (f"codes, r = {radius}", _as_rgb(codes)),
            ]
        )

    step_x, step_y = scale * width + _GAP, scale * height + _LABEL + _GAP
    shape = (2 * step_y + _GAP, len(columns) * step_x + _GAP, 3)
    sheet = np.full(shape, _PAPER, np.uint8)
    for column, cells in enumerate(columns):
        for row, (label, picture) in enumerate(cells):
            x, y = _GAP + column * step_x, _GAP + row * step_y
            _write(sheet, label, x, y + _LABEL - 9)
            rim = scale * (height - len(picture)) // 2
            large = picture.repeat(scale, axis=0).repeat(scale, axis=1)
            x, y = x + rim, y + _LABEL + rim
            sheet[y : y + len(large), x : x + large.shape[1]] = large
    return sheet


def _as_rgb(grey: Picture) -> Picture:
    return np.repeat(grey[..., None], 3, axis=2)


def _write(sheet: Picture, text: str, x: int, y: int) -> None:
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (_INK,) * 3, 1, cv2.LINE_AA)
