"""Representations: the pictures of a face that a net may be shown.

``rgb``, ``grey``, or LBP codes in the colours of a palette, such as ``cyclic-10``: codes of
radius 10, cyclic palette. ``cyclic-10-compat255`` draws code 255 in the colour of code 254, as
everything the authors of Levi & Hassner 2015 (doi:10.1145/2818346.2830587) trained on does.
``shuffled1-10`` to ``shuffled9-10`` are controls: the cyclic palette's colours dealt at random.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from emotiw_cli.errors import InputError
from emotiw_cli.lbp.codes import lbp_codes, mirror_codes, to_grey
from emotiw_cli.lbp.palettes import apply_palette, palette

_MAPPED = re.compile(r"(regular|cyclic|circular|shuffled[1-9])-(\d+)(-compat255)?")


@dataclass(frozen=True)
class Representation:
    """What a net sees of a face.

    Attributes
    ----------
    metric : the palette's metric, or ``rgb`` or ``grey``.
    radius : of the LBP codes in pixels of the aligned face; 0 for ``rgb`` and ``grey``.
    compat_255 : draw code 255 in the colour of code 254.
    """

    metric: str
    radius: int = 0
    compat_255: bool = False

    @classmethod
    def parse(cls, text: str) -> Representation:
        """Read a representation's name; :class:`InputError` if it is none."""
        if text in ("rgb", "grey"):
            return cls(text)
        match = _MAPPED.fullmatch(text)
        if match is None or int(match[2]) < 1:
            raise InputError(
                f"{text!r} is not a representation; use rgb, grey, or METRIC-RADIUS such as "
                "cyclic-10 (metrics: regular, cyclic, circular)."
            )
        return cls(match[1], int(match[2]), match[3] is not None)

    def __str__(self) -> str:
        if not self.mapped:
            return self.metric
        return f"{self.metric}-{self.radius}" + ("-compat255" if self.compat_255 else "")

    @property
    def mapped(self) -> bool:
        """Whether it is made of LBP codes."""
        return self.radius > 0

    def codes(self, face: np.ndarray) -> np.ndarray:
        """LBP codes of a face: (H, W, 3) uint8 RGB → (H - 2r, W - 2r) uint8."""
        return lbp_codes(to_grey(face), self.radius)

    def colour(self, codes: np.ndarray) -> np.ndarray:
        """Codes (h, w) uint8 → mapped colours (h, w, 3) uint8."""
        return apply_palette(codes, palette(self.metric, compat_255=self.compat_255))

    def raw(self, face: np.ndarray) -> np.ndarray:
        """What of a face is cached and mirrored: its codes, or the face itself, uint8."""
        return self.codes(face) if self.mapped else face

    def mirror(self, raw: np.ndarray) -> np.ndarray:
        """`raw` of the mirrored face; for codes not the same as the mirrored codes."""
        return mirror_codes(raw) if self.mapped else np.ascontiguousarray(raw[:, ::-1])

    def picture(self, raw: np.ndarray) -> np.ndarray:
        """`raw` as the (h, w, 3) uint8 picture a net is shown."""
        if self.mapped:
            return self.colour(raw)
        if self.metric == "grey":
            return np.repeat(to_grey(raw)[:, :, None], 3, axis=2)
        return raw
