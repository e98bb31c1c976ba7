"""The `align` stage: every picture of a source becomes a row, and its face lands in a shard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.data.face_maker import FaceMaker, Missed
from emotiw_cli.data.faces import DATASET
from emotiw_cli.data.index import OK, FaceRow
from emotiw_cli.data.sharded import Stage, StageReport, run_stage
from emotiw_cli.data.shards import write_shard
from emotiw_cli.data.sources.source import Source
from emotiw_cli.errors import InputError
from emotiw_cli.faces.detectors import DEFAULT_DETECTOR

INPUTS_PER_SHARD = 1024
SHARD_BYTES = 1 << 27
"""Shards of large faces hold fewer inputs, so that no shard is larger than this."""

MAX_SIDE = 4096
"""Longest side of a face: more is a slip of the keyboard, and no picture would fit in memory."""

SFEW_SIZE = (143, 181)
"""Width and height of SFEW's aligned faces, the default."""

# Pictures a worker is given at once: detection takes long enough for a few.
_DETECT_BATCH = 4
_CROP_BATCH = 32


def make_faces(
    source: Source,
    folder: Path,
    *,
    size: tuple[int, int] = SFEW_SIZE,
    detail: int | None = None,
    detector: str | None = DEFAULT_DETECTOR,
    missed: Missed = "drop",
    workers: int | None = None,
    share: tuple[int, int] = (1, 1),
    overwrite: bool = False,
    licences: Sequence[str] = (),
    inputs_per_shard: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> StageReport:
    """Make the faces of `source`, or the missing part of them, in `folder`.

    Parameters
    ----------
    folder : of the artefact, ``WORK/faces/NAME``.
    size, detail, detector, missed : see :class:`FaceMaker`.
    workers, share, overwrite, licences, on_progress : see :func:`run_stage`, which also names
        what is raised.
    inputs_per_shard : by default :data:`INPUTS_PER_SHARD`, fewer for large faces.
    """
    check_size(size, detail)
    if inputs_per_shard is None:
        inputs_per_shard = min(INPUTS_PER_SHARD, max(1, SHARD_BYTES // (size[0] * size[1] * 3)))
    parameters = {
        "layout": source.layout,
        "size": list(size),
        "detail": detail,
        "detect": detector is not None,
        **({"detector": detector} if detector is not None else {}),
        "missed": missed,
        "exclude": None,
        "split_by_group": None,
        "seed": None,
        "set": source.set_name,
        **source.options,
        "inputs_per_shard": inputs_per_shard,
    }
    stage = Stage(
        "faces",
        FaceMaker(source.read, size, detail, detector, missed),
        _FaceWriter(size),
        DATASET,
        _stored,
        inputs_per_shard,
        _DETECT_BATCH if detector is not None else _CROP_BATCH,
    )
    return run_stage(
        stage,
        source,
        folder,
        parameters,
        workers=workers,
        share=share,
        overwrite=overwrite,
        licences=licences,
        on_progress=on_progress,
    )


def check_size(size: tuple[int, int], detail: int | None) -> None:
    """Raise :class:`InputError` if faces cannot have this (width, height) and detail."""
    if min(size) < 1 or (detail is not None and detail < 1):
        raise InputError("faces need at least one pixel; give a larger --size or --detail.")
    if max(size) > MAX_SIDE:
        raise InputError(f"faces have at most {MAX_SIDE} pixels a side; give a smaller --size.")


@dataclass(frozen=True)
class _FaceWriter:
    """Writes a shard of faces (width, height): grey where all of them are."""

    size: tuple[int, int]

    def __call__(self, path: Path, faces: Sequence[np.ndarray]) -> None:
        grey = all(face.shape[2] == 1 for face in faces)
        width, height = self.size
        pictures = np.empty((len(faces), height, width, 1 if grey else 3), dtype=np.uint8)
        for picture, face in zip(pictures, faces, strict=True):
            picture[:] = face
        write_shard(path, DATASET, pictures)


def _stored(row: FaceRow) -> int:
    return int(row.status == OK)
