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

HUM = sum(np.sin(2 * np.pi * 150 * k * np.arange(16_000) / 16_000) / k for k in range(1, 6)) / 8
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
    size: tuple[int, int] = (4, 4),
    hums: bool = False,
    groups: bool = False,
    note: str = "",
    every_frame: bool = False,
) -> None:
    """Tubes of smiles and their contrary, by turns; two of three clips are of the split train.

    Parameters
    ----------
    crops : of each clip, over and over; of more than twelve the rest is a second face.
    size : of the aligned faces, which are the crops. hums : two of three clips have sound.
    groups : each two clips in turn are of one subject. note : of each clip.
    every_frame : what the manifest says of that.
    """
    folder = work / KIND / name
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rows: list[ClipRow] = []
    faces: list[np.ndarray] = []
    tubes: list[int] = []
    sound: list[np.ndarray] = []
    for number in range(clips):
        count = crops[number % len(crops)]
        # Levels that 16 bits, integer or float, hold exactly.
        hum = np.rint(HUM * rng.uniform(0.2, 1) * 4096) / 4096 + 0.0  # no zero below zero
        hum = hum if hums and number % 3 else HUM[:0]
        rows.append(
            ClipRow(
                f"{number:02d}.mp4",
                number,
                "ok" if count else "no_face",
                split="train" if number < 2 * clips // 3 else "validation",
                label=labels[number % len(labels)],
                group=f"s{number // 2}" if groups else "",
                tubes=min(count, 1) + (count > 12),
                shard=0,
                start=len(faces),
                crops=count,
                sound_start=sum(map(len, sound)),
                samples=len(hum),
                note=note,
            )
        )
        tubes += [1 + (place >= 12) for place in range(count)]
        sound.append(hum)
        way, speed = (7, 0.15) if number % 2 == 0 else (-7, 0)
        bends = way * np.linspace(0.4, 1, count) + rng.normal(0, 0.3, count)
        phases = rng.uniform() + speed * np.arange(count)
        faces += [face(bend, phase, flat=flat) for bend, phase in zip(bends, phases, strict=True)]
    with landing_hdf5(folder / shard_name(0)) as file:
        store(file, CROPS, np.array(faces, np.uint8).reshape(-1, 96, 96, 3))
        aligned = [cv2.resize(one, size) for one in faces]
        store(file, FACES, np.array(aligned, np.uint8).reshape(-1, *size[::-1], 3))
        file[TUBE] = np.array(tubes, np.int16)
        file[TIME] = np.zeros(len(faces), np.float32)
        file[SOUND] = np.concatenate(sound).astype(np.float16)
    write_index(folder / INDEX, rows)
    write_manifest(
        folder,
        KIND,
        parameters={"size": list(size), "detail": None, "every_frame": every_frame},
        inputs=[{"kind": "folder", "name": "clips", "digest": "none"}],
        outputs=[INDEX, shard_name(0)],
        licences=["clips: for tests"],
    )
