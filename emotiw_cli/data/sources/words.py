"""The words sets use for their splits, and for labels that are none of the seven emotions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from emotiw_cli.emotions import find_emotion

_SPLITS = {
    "train": "train",
    "training": "train",
    "fer2013train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "publictest": "validation",
    "fer2013valid": "validation",
    "test": "test",
    "testing": "test",
    "privatetest": "test",
    "fer2013test": "test",
}
_ENDING = re.compile(r"_aligned_faces\w*$|_afew$|_set$")
_NEAR = 0.75
_OTHER_LABELS = frozenset(
    {"", "contempt", "unknown", "none", "nf", "non-face", "uncertain", "calm", "other"}
)


def find_split(word: str) -> str | None:
    """``train``, ``validation`` or ``test`` if `word` names that split in any known spelling.

    FER2013's ``PublicTest`` is validation and its ``PrivateTest`` test; SFEW's folders
    ``Train_Aligned_Faces`` and ``Val_Aligned_Faces_new``, and AFEW's ``Train_AFEW``,
    AffectNet's ``train_set``, are known too.
    """
    return _SPLITS.get(_ENDING.sub("", word.strip().lower()))


def meant_split(word: str) -> str | None:
    """The word of a split that `word` is a slip of, such as ``train`` for ``Trian``."""
    near = difflib.get_close_matches(_ENDING.sub("", word.strip().lower()), _SPLITS, 1, _NEAR)
    return near[0] if near else None


def is_other_label(word: str) -> bool:
    """Whether `word` is a label some sets use that is none of the seven emotions."""
    return word.strip().lower() in _OTHER_LABELS


def name_emotions(words: Iterable[str]) -> bool:
    """Whether the distinct `words` are labels of emotions: at least half of them name one.

    Most, not all, so that a misspelt folder is met with its right name and does not turn the
    whole set into one of identities.
    """
    distinct = {word for word in words if not is_other_label(word)}
    known = [word for word in distinct if find_emotion(word) is not None]
    return bool(known) and 2 * len(known) >= len(distinct)
