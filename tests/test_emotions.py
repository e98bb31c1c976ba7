"""The order of the seven emotions, and their names."""

from __future__ import annotations

import pytest

from emotiw_cli.emotions import EMOTIONS, emotion_from_label, find_emotion
from emotiw_cli.errors import InputError


def test_the_order_is_that_of_every_file_ever_written() -> None:
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_an_emotion_is_its_own_name(emotion: str) -> None:
    assert find_emotion(emotion) == find_emotion(f" {emotion.upper()} ") == emotion


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("Anger", "angry"),
        ("Disgusted", "disgust"),
        ("Fearful", "fear"),
        ("afraid", "fear"),
        ("Happiness", "happy"),
        ("joy", "happy"),
        ("natural", "neutral"),
        ("Sadness", "sad"),
        ("surprised", "surprise"),
    ],
)
def test_other_people_s_names(text: str, emotion: str) -> None:
    assert emotion_from_label(text) == emotion


@pytest.mark.parametrize("text", ["", "contempt", "happyy", "0"])
def test_anything_else_is_no_emotion(text: str) -> None:
    assert find_emotion(text) is None


def test_a_misspelt_emotion_is_refused_with_the_nearest_name_and_its_place() -> None:
    with pytest.raises(InputError, match=r"a\.csv, line 3: 'happyness' .* 'happiness'\?"):
        emotion_from_label("happyness", where="a.csv, line 3")


def test_a_word_like_none_is_refused_with_all_names() -> None:
    with pytest.raises(InputError, match=", ".join(EMOTIONS)):
        emotion_from_label("xyzzy")
