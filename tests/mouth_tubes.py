"""Tubes of drawn faces for tests: a mouth bends up and waves run through the face, or down and they
stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from emotiw_cli.artefact import write_manifest
from emotiw_cli.clips.index import INDEX, ClipRow, write_index
from emotiw_cli.clips.make_tubes import CROPS, FACES, KIND, SOUND, TIME, TUBE
from emotiw_cli.data.shards import landing_hdf5, shard_name, store

ROWS, COLUMNS = np.mgrid[:96, :96]


def face(bend: float, phase: float, *, flat: bool = False) -> np.ndarray:
    """A crop (96, 96, 3) uint8 whose mouth's corners are `bend` pixels above its middle, on waves
    at a `phase` in periods.
    """
    if flat:
        return np.full((96, 96, 3), 128, np.uint8)
    waves = 130 + 30 * np.sin(2 * np.pi * (ROWS / 12 + phase))
    picture = waves[..., None].repeat(3, axis=2)
    across = (COLUMNS - 50) / 14
    on = (np.abs(ROWS - 70 + bend * (across**2 - 0.5)) < 2.5) & (np.abs(across) < 1.1)
    picture[on] = (150, 20, 30)
    return cv2.GaussianBlur(picture.astype(np.uint8), (0, 0), 1)


def write_tubes(
    work: Path,
    name: str = "set",
    *,
    clips: int = 24,
    crops: Sequence[int] = (12,),
    labels: Sequence[str] = ("happy", "sad"),
    flat: bool = False,
    seed: int = 0,
) -> None:
    """Tubes of smiles and their contrary, by turns; two of three clips are of the split train.

    Parameters
    ----------
    crops : of each clip, over and over.
    """
    folder = work / KIND / name
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rows: list[ClipRow] = []
    faces: list[np.ndarray] = []
    for number in range(clips):
        count = crops[number % len(crops)]
        rows.append(
            ClipRow(
                f"{number:02d}.mp4",
                number,
                "ok" if count else "no_face",
                split="train" if number < 2 * clips // 3 else "validation",
                label=labels[number % len(labels)],
                tubes=min(count, 1),
                shard=0,
                start=len(faces),
                crops=count,
            )
        )
        way, speed = (7, 0.15) if number % 2 == 0 else (-7, 0)
        bends = way * np.linspace(0.4, 1, count) + rng.normal(0, 0.3, count)
        phases = rng.uniform() + speed * np.arange(count)
        faces += [face(bend, phase, flat=flat) for bend, phase in zip(bends, phases, strict=True)]
    with landing_hdf5(folder / shard_name(0)) as file:
        store(file, CROPS, np.array(faces, np.uint8).reshape(-1, 96, 96, 3))
        store(file, FACES, np.zeros((len(faces), 4, 4, 3), np.uint8))
        file[TUBE] = np.ones(len(faces), np.int16)
        file[TIME] = np.zeros(len(faces), np.float32)
        file[SOUND] = np.empty(0, np.float16)
    write_index(folder / INDEX, rows)
    write_manifest(
        folder,
        KIND,
        parameters={"size": [4, 4], "detail": None},
        inputs=[],
        outputs=[INDEX, shard_name(0)],
        licences=["clips: for tests"],
    )
