"""What a face detector finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Detection:
    """One face's box in a picture.

    Attributes
    ----------
    x, y, width, height : int
        The box in the picture's pixels, clipped to the picture.
    score : float
        The detector's own: HOG's margin, whose threshold is 0 and which reaches 1 to 3 for clear
        frontal faces; YuNet's share from 0 to 1.
    method : str
        ``hog`` for the picture as it is, ``hog_x2`` for the picture enlarged twofold, ``hog_x4`` …,
        ``haar``, ``yunet``.
    outline : tuple of int, optional
        The box as x, y, width, height before it was clipped, where the face sticks out of the
        picture: landmarks are placed relative to it.
    """

    x: int
    y: int
    width: int
    height: int
    score: float
    method: str
    outline: tuple[int, int, int, int] | None = None
