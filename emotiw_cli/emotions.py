"""The seven emotions, their one order, and the names other people give them."""

from __future__ import annotations

import difflib

from emotiw_cli.errors import InputError

EMOTIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""The class order of every posterior, table and file: that of the Levi–Hassner models."""

_ALIASES = {
    "anger": "angry",
    "disgusted": "disgust",
    "afraid": "fear",
    "fearful": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "natural": "neutral",
}


def find_emotion(text: str) -> str | None:
    """Return the emotion that `text` names in any known spelling, else None."""
    word = text.strip().lower()
    word = _ALIASES.get(word, word)
    return word if word in EMOTIONS else None


def emotion_from_label(text: str, where: str = "") -> str:
    """Return the emotion that `text` names.

    Raises
    ------
    InputError
        If no emotion is called so; the sentence offers the nearest name.
    """
    found = find_emotion(text)
    if found is not None:
        return found
    near = difflib.get_close_matches(text.strip().lower(), [*EMOTIONS, *_ALIASES], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(EMOTIONS)}."
    place = f"{where}: " if where else ""
    raise InputError(f"{place}{text!r} is not one of the seven emotions; {hint}")
