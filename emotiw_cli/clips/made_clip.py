"""What is taken from a clip: its faces, tube by tube, and its sound, as tubes hold them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotiw_cli.clips.index import ClipRow


@dataclass(frozen=True)
class MadeClip:
    """What was taken from a clip.

    Attributes
    ----------
    row : with all that was found out.
    crops : (n, 96, 96, 3) uint8: what the smoothed boxes show, tube by tube, in order of time.
    faces : (n, H, W, 3) uint8: the same faces aligned, as `emotiw align` has them.
    tube, time : (n,) int16 and float32: number of each one's tube, and when it is seen, in seconds.
    sound : (m,) float16, 16,000 samples a second, full scale is 1.
    """

    row: ClipRow
    crops: np.ndarray
    faces: np.ndarray
    tube: np.ndarray
    time: np.ndarray
    sound: np.ndarray


def as_stored(sound: np.ndarray) -> np.ndarray:
    """Sound (n,) float as tubes hold it: (n,) float16 within ±1."""
    return sound.clip(-1, 1).astype(np.float16)
