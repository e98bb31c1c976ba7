"""What a module learns from: clips, and copies of them that were changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from emotiw_cli.clips.voice.elsewhere import SPEEDS, at_speed, copies_elsewhere
from emotiw_cli.clips.voice.features import features
from emotiw_cli.clips.voice.functionals import functionals


def heard(
    sounds: Sequence[np.ndarray],
    *,
    elsewhere: int = 0,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> list[np.ndarray]:
    """Functionals of clips and of their copies.

    Parameters
    ----------
    sounds : (n,) float32 each, at 16 kHz; all long and loud enough to have features.
    elsewhere : copies of each as if recorded elsewhere; 0: the clips at :data:`SPEEDS`.

    Returns
    -------
    (clips, 1553) float64 for each copy; the first are the clips as they are.
    """
    if not elsewhere:
        found = []
        for speed in SPEEDS:
            found.append(_rows(at_speed(sound, speed) for sound in sounds))
            say(f"features of {len(sounds)} clips at speed {speed:g}")
        return found
    found = [_rows(sounds)]
    for copy in range(elsewhere):
        found.append(_rows(copies_elsewhere(sounds, copy, seed)))
        say(f"features of {len(sounds)} clips as if recorded elsewhere, {copy + 1}")
    return found


def windows_heard(
    clips: Sequence[np.ndarray],
    sounds: Sequence[np.ndarray],
    *,
    elsewhere: int = 0,
    seed: int = 0,
) -> list[list[np.ndarray]]:
    """Features of clips, given, and of their copies as if recorded elsewhere: nets that see a clip
    piece by piece hear it at its own speed alone.

    Parameters
    ----------
    clips : (T, 141) float32 each, features of `sounds`. sounds, elsewhere, seed : see
        :func:`heard`.

    Returns
    -------
    (T, 141) float32 for each clip of each copy; the first are `clips`.
    """
    found = [list(clips)]
    for copy in range(elsewhere):
        found.append([features(sound) for sound in copies_elsewhere(sounds, copy, seed)])
    return found


def _rows(sounds: Iterable[np.ndarray]) -> np.ndarray:
    return np.stack([functionals(features(sound)) for sound in sounds])
