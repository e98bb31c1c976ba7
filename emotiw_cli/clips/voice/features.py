"""What the voice module hears: 141 features of every 13 ms of sound, in numpy.

Kahou et al. 2016 (doi:10.1007/s12193-015-0195-2) take windows of 26 ms every 13 ms, at 48 kHz, and
29 groups of features by the yaafe library, some 900 in all. Here the windows are the same, the rate
is 16 kHz, which speech fills, and there are fewer groups: 64 log mel energies; 22 cepstral
coefficients with their first and second differences; level, zero crossings, centroid, roll-off,
flatness and flux of the spectrum; pitch and how voiced the sound is, with their differences. Levels
are those of the recording, as anger is loud and sadness soft; a module learns how far to trust them
by the gains it is trained with.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.fft import dct

RATE = 16_000
"""Samples a second."""
WINDOW, STEP = 416, 208
"""26 ms and 13 ms, in samples."""
MELS, CEPSTRA = 64, 22

_FFT = 512
_LOWEST, _HIGHEST = 50.0, 7800.0
_FLOOR_DB = 80.0
_PITCH_WINDOW = 800
_PITCH = (60.0, 500.0)
_BLOCK = 4096

NAMES: tuple[str, ...] = (
    *(f"mel-{band}" for band in range(MELS)),
    *(f"{order}mfcc-{k}" for order in ("", "delta-", "delta2-") for k in range(CEPSTRA)),
    *("level", "crossings", "centroid", "rolloff", "flatness", "flux"),
    *("pitch", "voicing", "delta-level", "delta-pitch", "delta-voicing"),
)
COUNT = len(NAMES)

LOUDNESS = np.zeros(COUNT, np.float32)
"""What each feature grows by when the sound grows by 1 dB."""
LOUDNESS[[*range(MELS), NAMES.index("level")]] = 1
LOUDNESS[NAMES.index("mfcc-0")] = MELS**0.5


def features(sound: np.ndarray) -> np.ndarray:
    """The features of a clip's sound.

    Parameters
    ----------
    sound : (n,) float, :data:`RATE` samples a second, full scale is 1.

    Returns
    -------
    (T, 141) float32, a row every 13 ms; a clip shorter than a window, or without any sound, has
    no rows.
    """
    sound = np.asarray(sound, dtype=np.float32)
    if len(sound) < WINDOW or not np.abs(sound).max() > 1e-5:
        return np.empty((0, COUNT), np.float32)
    spectra, levels, crossings = _spectra(sound)
    mels = np.log10(np.maximum(spectra @ _mel_filters().T, 1e-12)) * 10
    mels = np.maximum(mels, mels.max() - _FLOOR_DB)
    cepstra = dct(mels, type=2, norm="ortho", axis=1)[:, :CEPSTRA]
    level = np.maximum(levels, levels.max() - _FLOOR_DB)[:, None]
    pitch, voicing = (column[:, None] for column in _pitch(sound, len(spectra)))
    columns = [
        mels,
        cepstra,
        delta(cepstra),
        delta(delta(cepstra)),
        level,
        crossings[:, None],
        _shape(spectra),
        pitch,
        voicing,
        delta(level),
        delta(pitch),
        delta(voicing),
    ]
    return np.hstack(columns).astype(np.float32)


def delta(values: np.ndarray, reach: int = 2) -> np.ndarray:
    """The slope of each column over `reach` rows each way, by least squares: (T, d) → (T, d)."""
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    count = len(values)
    total = sum(
        step * (padded[reach + step : reach + step + count] - padded[reach - step :][:count])
        for step in range(1, reach + 1)
    )
    return np.asarray(total) / (2 * sum(step**2 for step in range(1, reach + 1)))


def _windows(sound: np.ndarray, size: int, step: int = STEP) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(sound, size)[::step]


def _spectra(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power spectra (T, 257), levels in dB (T,), shares of zero crossings (T,)."""
    windows = _windows(sound, WINDOW)
    taper = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    parts, levels, crossings = [], [], []
    for start in range(0, len(windows), _BLOCK):
        block = windows[start : start + _BLOCK]
        parts.append((np.abs(np.fft.rfft(block * taper, _FFT)) ** 2).astype(np.float32))
        levels.append(10 * np.log10(np.maximum((block**2).mean(axis=1), 1e-12)))
        crossings.append((np.signbit(block[:, 1:]) != np.signbit(block[:, :-1])).mean(axis=1))
    return np.concatenate(parts), np.concatenate(levels), np.concatenate(crossings)


def _shape(spectra: np.ndarray) -> np.ndarray:
    """Centroid and roll-off (shares of the band), flatness and flux: (T, 4)."""
    places = np.linspace(0, 1, spectra.shape[1])
    power = spectra + 1e-10
    shares = power / power.sum(axis=1, keepdims=True)
    centroid = shares @ places
    rolloff = (shares.cumsum(axis=1) < 0.85).sum(axis=1) / spectra.shape[1]
    flatness = np.log(power).mean(axis=1) - np.log(power.mean(axis=1))
    roots = np.sqrt(shares)
    flux = np.concatenate([[0], np.linalg.norm(np.diff(roots, axis=0), axis=1)])
    return np.stack([centroid, rolloff, flatness, flux], axis=1)


def _pitch(sound: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Octaves above 60 Hz, and the height of the autocorrelation there: each (count,).

    The autocorrelation of 50 ms, divided by that of the taper (Boersma 1993); where the sound is
    not voiced the last pitch goes on.
    """
    margin = (_PITCH_WINDOW - WINDOW) // 2
    padded = np.pad(sound, (margin, _PITCH_WINDOW))
    windows = _windows(padded, _PITCH_WINDOW)[:count]
    taper = np.hanning(_PITCH_WINDOW).astype(np.float32)
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, 2048)) ** 2)
    own = own / own[0]
    low, high = int(RATE / _PITCH[1]), int(RATE / _PITCH[0])
    pitches, heights = [], []
    for start in range(0, len(windows), _BLOCK):
        block = windows[start : start + _BLOCK]
        block = (block - block.mean(axis=1, keepdims=True)) * taper
        lags = np.fft.irfft(np.abs(np.fft.rfft(block, 2048)) ** 2, axis=1)[:, : high + 1]
        lags /= np.maximum(lags[:, :1], 1e-9)
        # A little less for longer lags: of two equal peaks the higher pitch is the right one.
        heard = lags[:, low:] / own[low : high + 1] - 0.02 * np.log2(np.arange(low, high + 1) / low)
        best = heard.argmax(axis=1)
        pitches.append(np.log2(RATE / (low + best) / _PITCH[0]))
        heights.append(np.clip(heard[np.arange(len(best)), best], 0, 1))
    pitch, voicing = np.concatenate(pitches), np.concatenate(heights)
    voiced = voicing > 0.5
    if voiced.any():
        last = np.maximum.accumulate(np.where(voiced, np.arange(len(pitch)), -1))
        pitch = pitch[np.where(last < 0, voiced.argmax(), last)]
    return pitch, voicing


@functools.cache
def _mel_filters() -> np.ndarray:
    """Triangles evenly spaced on the mel scale of O'Shaughnessy, (64, 257) float32."""
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), MELS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.arange(_FFT // 2 + 1) * RATE / _FFT
    rising = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    falling = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    # The narrowest triangles may lie between two bins: they take the nearest one.
    for band in np.flatnonzero(filters.sum(axis=1) < 0.5):
        filters[band, np.abs(bins - hertz[band + 1]).argmin()] = 1
    return filters


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))
