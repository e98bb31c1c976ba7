"""Labelled speech on disk: a csv of files and emotions, or a folder per emotion."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.clips.decode import ClipError, read_sound
from emotiw_cli.clips.names import is_clip, is_sound
from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.emotions import EMOTIONS, find_emotion
from emotiw_cli.errors import InputError

_FILE = ("file", "path", "filename", "clip")
_LABEL = ("emotion", "label")
_SUBJECT = ("subject", "actor", "speaker", "group")


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
    try:
        with path.open(encoding="utf-8-sig", newline="") as table:
            rows = list(csv.DictReader(table))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a csv ({error}); save it as UTF-8.") from error
    names = {name.strip().lower(): name for name in (rows[0] if rows else {}) if name}
    file_column, label_column, subject_column = (
        next((names[name] for name in known if name in names), None)
        for known in (_FILE, _LABEL, _SUBJECT)
    )
    if file_column is None or label_column is None:
        raise InputError(
            f"{path} has no columns file and emotion; give it a header that names them."
        )
    utterances, left_out = [], Counter[str]()
    for row in rows:
        emotion = find_emotion(row[label_column] or "")
        if emotion is None:
            left_out[row[label_column] or ""] += 1
            continue
        subject = (row[subject_column] or "") if subject_column else ""
        file = path.parent / row[file_column]
        utterances.append(Utterance(file, EMOTIONS.index(emotion), subject))
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
