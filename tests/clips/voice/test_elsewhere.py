"""Speech as if it were recorded elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.clips.voice.elsewhere import SPEEDS, _room, at_speed, recorded_elsewhere
from emotiw_cli.clips.voice.features import RATE, features
from emotiw_cli.clips.voice.functionals import functionals
from emotiw_cli.clips.voice.heard import heard, windows_heard

TONE = (0.3 * np.sin(2 * np.pi * 200 * np.arange(RATE // 2) / RATE)).astype(np.float32)


@given(st.integers(0, 2**32))
def test_a_copy_is_the_same_sound_within_full_scale(seed: int) -> None:
    copy = recorded_elsewhere(TONE, np.random.default_rng(seed))
    assert copy.dtype == np.float32
    assert np.isfinite(copy).all()
    assert np.abs(copy).max() <= 1
    assert len(copy) in [int(np.ceil(len(TONE) * 100 / round(100 * speed))) for speed in SPEEDS]
    # The tone, or what it is at another speed, is still the loudest.
    pitch = np.abs(np.fft.rfft(copy)).argmax() * RATE / len(copy)
    assert 170 < pitch < 230


def test_a_copy_depends_on_the_draw_alone() -> None:
    one, again, other = (recorded_elsewhere(TONE, np.random.default_rng(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert len(one) != len(other) or not np.allclose(one, other)


def test_a_room_answers_an_impulse_with_a_fading_echo() -> None:
    response = _room(np.random.default_rng(0))
    assert response[0] == 1
    assert 0.15 * RATE <= len(response) <= 0.7 * RATE
    echo = response[1:]
    assert np.linalg.norm(echo) <= 1
    first, last = np.array_split(echo, 4)[0], np.array_split(echo, 4)[3]
    # 60 dB from end to end: some 45 from the first quarter to the last.
    assert 20 * np.log10(np.linalg.norm(first) / np.linalg.norm(last)) == pytest.approx(45, abs=4)


def test_a_faster_sound_is_shorter_and_higher() -> None:
    assert at_speed(TONE, 1.0) is TONE
    fast = at_speed(TONE, 1.1)
    assert len(fast) == np.ceil(len(TONE) / 1.1)
    assert np.abs(np.fft.rfft(fast)).argmax() * RATE / len(fast) == pytest.approx(220, abs=3)


def test_nets_on_pieces_hear_the_clips_and_the_copies_that_functionals_are_of() -> None:
    windows = windows_heard([features(TONE)], [TONE], elsewhere=2, seed=5)
    rows = heard([TONE], elsewhere=2, seed=5)
    assert [len(copy) for copy in windows] == [1, 1, 1]
    for (clip,), (row,) in zip(windows, rows, strict=True):
        np.testing.assert_array_equal(functionals(clip), row)
