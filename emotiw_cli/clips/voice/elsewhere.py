"""Speech as if it were recorded elsewhere: another room, noise, a narrower band, another level.

Speech of a laboratory has none of these; a module that never heard them takes a hum for an emotion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from emotiw_cli.clips.voice.features import RATE

SPEEDS = (1.0, 0.9, 0.95, 1.05, 1.1)
"""How fast a clip is heard in training; pitch follows, as if others spoke."""

REVERBERATION_S = (0.15, 0.7)
"""Time in which an echo falls by 60 dB; half of the copies have one."""
ECHO_DB = (-15.0, 0.0)
"""Level of the echo against the voice."""
NOISE_DB = (-40.0, -5.0)
"""Level of the noise, between white and pink, against the voice."""
LOW_HZ, HIGH_HZ = (80.0, 300.0), (3000.0, 7000.0)
"""Ends of the band that a quarter of the copies are cut to."""
LEVEL_DB = (-10.0, 10.0)


def at_speed(sound: np.ndarray, speed: float) -> np.ndarray:
    """`sound` played faster (> 1) or slower, pitch and all."""
    return sound if speed == 1 else resample_poly(sound, 100, round(100 * speed)).astype(np.float32)


def recorded_elsewhere(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of `sound` under conditions that `rng` draws.

    Parameters
    ----------
    sound : (n,) float32, :data:`RATE` samples a second, full scale is 1.

    Returns
    -------
    (n',) float32 within full scale, at one of :data:`SPEEDS`.
    """
    sound = at_speed(sound, float(rng.choice(SPEEDS)))
    count = len(sound)
    if rng.random() < 0.5:
        sound = fftconvolve(sound, _room(rng))[:count]
    spectrum = np.fft.rfft(rng.normal(size=count))
    noise = np.fft.irfft(
        spectrum / np.maximum(np.arange(len(spectrum)), 1) ** rng.uniform(0, 0.5), count
    )
    sound = sound + noise * _level(sound) / _level(noise) * _gain(rng.uniform(*NOISE_DB))
    if rng.random() < 0.25:
        band = [rng.uniform(*LOW_HZ), rng.uniform(*HIGH_HZ)]
        sound = sosfilt(butter(2, band, "band", fs=RATE, output="sos"), sound)
    sound = sound * _gain(rng.uniform(*LEVEL_DB))
    return (sound / max(1, np.abs(sound).max())).astype(np.float32)


def copies_elsewhere(
    sounds: Sequence[np.ndarray], copy: int, seed: int = 0
) -> Iterator[np.ndarray]:
    """The `copy`-th copy of each of `sounds` as if recorded elsewhere."""
    for place, sound in enumerate(sounds):
        yield recorded_elsewhere(sound, np.random.default_rng([seed, copy, place]))


def _room(rng: np.random.Generator) -> np.ndarray:
    """An impulse and the noise that fades after it."""
    count = round(rng.uniform(*REVERBERATION_S) * RATE)
    response = rng.normal(size=count) * _gain(np.linspace(0, -60, count))
    response *= _gain(rng.uniform(*ECHO_DB)) / np.linalg.norm(response)
    response[0] = 1
    return response


def _level(sound: np.ndarray) -> float:
    return float(np.sqrt((sound**2).mean()))


def _gain(decibels: float | np.ndarray) -> np.ndarray:
    return np.asarray(10 ** (np.asarray(decibels) / 20))
