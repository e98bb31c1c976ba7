"""Features of sounds that are known."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.voice.features import (
    COUNT,
    LOUDNESS,
    NAMES,
    RATE,
    STEP,
    WINDOW,
    _mel_filters,
    delta,
    features,
)


def tone(pitch: float, seconds: float = 0.5, height: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (height * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def voice(pitch: float, seconds: float = 0.5) -> np.ndarray:
    """Ten harmonics."""
    return sum(tone(pitch * k, seconds, 0.2 / k) for k in range(1, 11))  # type: ignore[return-value]


def column(sound: np.ndarray, name: str) -> np.ndarray:
    return features(sound)[:, NAMES.index(name)]


def test_there_is_a_row_every_13_ms() -> None:
    found = features(tone(440))
    assert found.shape == ((8000 - WINDOW) // STEP + 1, COUNT)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert len(set(NAMES)) == COUNT == 141
    assert len(features(tone(440)[:WINDOW])) == 1


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(WINDOW - 1), np.zeros(8000)])
def test_silence_and_hardly_any_sound_have_no_rows(sound: np.ndarray) -> None:
    assert features(sound.astype(np.float32)).shape == (0, COUNT)


@pytest.mark.parametrize("pitch", [90.0, 150.0, 250.0, 400.0])
def test_the_pitch_of_a_voice_is_found(pitch: float) -> None:
    found = column(voice(pitch), "pitch")[3:-3]
    assert 60 * 2**found == pytest.approx(np.full(len(found), pitch), rel=0.02)
    assert column(voice(pitch), "voicing")[3:-3].min() > 0.9


def test_noise_is_not_voiced() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    assert column(noise, "voicing").mean() < 0.5
    assert column(noise, "flatness").mean() > column(voice(150), "flatness").mean() + 2


def test_level_and_crossings_of_a_sine() -> None:
    # A sine of height h has the power h² / 2: −9.03 dB for ½; it crosses zero twice a period.
    assert column(tone(1000), "level") == pytest.approx(np.full(37, -9.03), abs=0.05)
    assert column(tone(1000), "crossings").mean() == pytest.approx(2000 / RATE, rel=0.02)


def test_a_louder_sound_differs_by_its_loudness_alone() -> None:
    sound = voice(200) + np.random.default_rng(0).normal(0, 0.01, 8000).astype(np.float32)
    difference = features(sound * 10 ** (6 / 20)) - features(sound)
    assert difference == pytest.approx(np.tile(6 * LOUDNESS, (len(difference), 1)), abs=0.02)


def test_a_tone_fills_its_mel_band() -> None:
    mels = features(tone(1000))[:, :64].mean(axis=0)
    filters = _mel_filters()
    bins = np.arange(257) * RATE / 512
    centre = (filters[mels.argmax()] * bins).sum() / filters[mels.argmax()].sum()
    assert centre == pytest.approx(1000, abs=60)
    assert (filters.sum(axis=1) > 0).all()
    assert filters.max() <= 1


def test_the_slope_of_a_line() -> None:
    line = 3 * np.arange(10.0)[:, None]
    assert delta(line)[2:-2] == pytest.approx(np.full((6, 1), 3))
    # At the edge the first row stands for those before: (1·(3 − 0) + 2·(6 − 0)) / 10.
    assert delta(line)[0, 0] == pytest.approx(1.5)
    assert delta(np.ones((4, 2))).tolist() == np.zeros((4, 2)).tolist()
