"""Labelled speech on disk: a csv of files and emotions, or a folder per emotion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.clips.decode import ClipError, read_sound
from emotiw_cli.clips.names import is_clip, is_sound
from emotiw_cli.clips.table import FILE, read_table
from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.emotions import EMOTIONS, find_emotion
from emotiw_cli.errors import InputError

_COLUMNS = {
    "file": FILE,
    "emotion": ("emotion", "label"),
    "subject": ("subject", "actor", "speaker", "group"),
}
"""What columns of a csv hold, and what they may be called."""


@dataclass(frozen=True)
class Utterance:
    """One clip of speech.

    Attributes
    ----------
    file : where it is. label : number of its emotion. subject : who speaks, or empty.
    """

    file: Path
    label: int
    subject: str = ""


def find_speech(source: Path) -> tuple[list[Utterance], Counter[str]]:
    """The utterances of a source, and how many were left out by label.

    Parameters
    ----------
    source : a csv with the columns file, emotion and, if known, subject (or actor or speaker), its
        files relative to it; or a folder with that csv, called ``labels.csv``; or a folder with a
        folder per emotion.

    Raises
    ------
    InputError
        If there is no such source, or nothing in it has one of the seven emotions.
    """
    if source.is_dir():
        table = source / "labels.csv"
        found = _of_table(table) if table.is_file() else _of_folders(source)
    elif source.is_file():
        found = _of_table(source)
    else:
        raise InputError(f"{source} does not exist: give a csv or a folder of speech.")
    utterances, left_out = found
    if not utterances:
        raise InputError(
            f"{source} holds no speech with one of the seven emotions; give a csv with the columns "
            "file, emotion and subject, or a folder per emotion."
        )
    return utterances, left_out


def _of_table(path: Path) -> tuple[list[Utterance], Counter[str]]:
    utterances, left_out = [], Counter[str]()
    for line in read_table(path, _COLUMNS):
        emotion = find_emotion(line["emotion"])
        if emotion is None:
            left_out[line["emotion"]] += 1
            continue
        file = path.parent / line["file"]
        utterances.append(Utterance(file, EMOTIONS.index(emotion), line["subject"]))
    return utterances, left_out


def _of_folders(folder: Path) -> tuple[list[Utterance], Counter[str]]:
    utterances, left_out = [], Counter[str]()
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(
            path for path in place.iterdir() if is_sound(path.name) or is_clip(path.name)
        )
        emotion = find_emotion(place.name)
        if emotion is None:
            left_out[place.name] += len(files)
        else:
            utterances += [Utterance(file, EMOTIONS.index(emotion)) for file in files]
    return utterances, left_out


def read_utterances(utterances: Sequence[Utterance]) -> Iterator[np.ndarray]:
    """The sound of each, (n,) float32 at :data:`RATE`; a file that cannot be read is refused.

    Raises
    ------
    InputError
        Naming the file.
    """
    for utterance in utterances:
        sound = next(read_sound(utterance.file, RATE), None)
        if sound is None:
            raise ClipError(f"{utterance.file} has no sound: leave it out.", "unreadable")
        yield sound
