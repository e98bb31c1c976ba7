"""The `align` stage: every picture of a source becomes a row, and its face lands in a shard.

The sorted list of the source is cut into shards of a fixed number of pictures. A shard's faces
(``shard-00000.h5``) and rows (``shard-00000.csv``) land when the shard is done, so a killed run
loses one shard's work, machines can share the shards, and the result is the same bytes whatever
the split. When all shards are there, their rows become ``index.csv`` and the manifest is written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli import processors
from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    exclusive,
    landing_file,
    read_json,
    sha256,
    write_manifest,
)
from emotiw_cli.data.face_maker import FaceMaker, Missed
from emotiw_cli.data.faces import DATASET, INDEX
from emotiw_cli.data.index import OK, FaceRow, read_index, write_index
from emotiw_cli.data.pool import map_ordered
from emotiw_cli.data.shards import shard_name, write_shard
from emotiw_cli.data.sources.source import Source
from emotiw_cli.data.stage import clear, holds, keep_to_plan, sweep
from emotiw_cli.data.tally import Tally
from emotiw_cli.errors import ArtefactError, InputError

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


@dataclass(frozen=True)
class FacesReport:
    """What a run of :func:`make_faces` did.

    Attributes
    ----------
    artefact : the finished artefact, or None while shards of other shares are missing.
    folder : where it lies.
    counts : of all rows if finished, else of this share's; see :class:`Tally`.
    made : pictures worked on in this run; the rest was there already.
    seconds : wall time of this run.
    shards, missing : number of shards in all, and of those not there yet.
    """

    artefact: Artefact | None
    folder: Path
    counts: dict[str, Any]
    made: int
    seconds: float
    shards: int
    missing: int


@dataclass(frozen=True)
class _Shard:
    """The rows of one shard, and the two files they become."""

    folder: Path
    number: int
    rows: Sequence[FaceRow]

    @property
    def faces(self) -> Path:
        return self.folder / shard_name(self.number)

    @property
    def index(self) -> Path:
        return self.faces.with_suffix(".csv")

    def read(self) -> list[FaceRow] | None:
        """The finished rows, or None if the shard is missing or damaged."""
        if not self.index.exists():
            return None
        try:
            rows = read_index(self.index)
        except ArtefactError:
            return None
        whole = [row.row for row in rows] == [row.row for row in self.rows]
        count = sum(row.status == OK for row in rows)
        return rows if whole and holds(self.faces, DATASET, count) else None

    def write(
        self, made: Sequence[tuple[FaceRow, np.ndarray | None]], size: tuple[int, int]
    ) -> None:
        """Land the faces, then the rows, which say that the shard is done."""
        faces: list[np.ndarray] = []
        rows = []
        for row, face in made:
            if face is None:
                rows.append(row)
            else:
                rows.append(replace(row, shard=self.number, offset=len(faces)))
                faces.append(face)
        grey = all(face.shape[2] == 1 for face in faces)
        width, height = size
        pictures = np.empty((len(faces), height, width, 1 if grey else 3), dtype=np.uint8)
        for picture, face in zip(pictures, faces, strict=True):
            picture[:] = face
        write_shard(self.faces, DATASET, pictures)
        write_index(self.index, rows)


def make_faces(
    source: Source,
    folder: Path,
    *,
    size: tuple[int, int] = SFEW_SIZE,
    detail: int | None = None,
    detect: bool = True,
    missed: Missed = "drop",
    workers: int | None = None,
    share: tuple[int, int] = (1, 1),
    overwrite: bool = False,
    licences: Sequence[str] = (),
    inputs_per_shard: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> FacesReport:
    """Make the faces of `source`, or the missing part of them, in `folder`.

    Parameters
    ----------
    folder : of the artefact, ``WORK/faces/NAME``.
    size, detail, detect, missed : see :class:`FaceMaker`.
    workers : processes; by default one per processor this process may use.
    share : (i, n), i from 1: work on every n-th shard only, from the i-th.
    overwrite : start again whatever is there.
    licences : notes on the data's licence, for the manifest.
    inputs_per_shard : by default :data:`INPUTS_PER_SHARD`, fewer for large faces.
    on_progress : called with the pictures done and the pictures of this share.

    Raises
    ------
    BusyError
        If another run works on the same share.
    ArtefactError
        If `folder` was begun with other parameters, or from another list of pictures.
    OutputError
        If `folder` cannot be written.
    """
    began = time.monotonic()
    part, parts = share
    if not 1 <= part <= parts:
        raise InputError(
            f"there is no share {part}/{parts}; use --shard 1/{parts} … {parts}/{parts}."
        )
    if min(size) < 1 or (detail is not None and detail < 1):
        raise InputError("faces need at least one pixel; give a larger --size or --detail.")
    if max(size) > MAX_SIDE:
        raise InputError(f"faces have at most {MAX_SIDE} pixels a side; give a smaller --size.")
    if inputs_per_shard is None:
        inputs_per_shard = min(INPUTS_PER_SHARD, max(1, SHARD_BYTES // (size[0] * size[1] * 3)))
    parameters = {
        "layout": source.layout,
        "size": list(size),
        "detail": detail,
        "detect": detect,
        "missed": missed,
        "exclude": None,
        "split_by_group": None,
        "seed": None,
        "set": source.set_name,
        **source.options,
        "inputs_per_shard": inputs_per_shard,
    }
    shards = [
        _Shard(folder, number, source.rows[start : start + inputs_per_shard])
        for number, start in enumerate(range(0, len(source.rows), inputs_per_shard))
    ]
    mine = shards[part - 1 :: parts]
    with exclusive(folder, ".lock" if parts == 1 else f".lock-{part}-of-{parts}"):
        if overwrite:
            clear(folder)
        pictures = {"pictures": len(source.rows), "list_of_pictures": source.digest}
        keep_to_plan(folder, {**pictures, **parameters})
        sweep(folder, [path.name for shard in mine for path in (shard.faces, shard.index)])
        missing = [shard for shard in mine if shard.read() is None]
        maker = FaceMaker(source.read, size, detail, detect, missed)
        total = sum(len(shard.rows) for shard in mine)
        made = sum(len(shard.rows) for shard in missing)
        _work(
            maker,
            missing,
            workers or processors.available(),
            lambda done: on_progress(total - made + done, total),
        )
        tally, there = Tally(), 0
        for shard in shards:
            rows = shard.read()
            there += rows is not None
            tally.add(rows or ())
        finished = None
        if there == len(shards):
            finished = _finished(folder, shards) or _finish(
                source, shards, folder, parameters, tally, licences
            )
    return FacesReport(
        finished,
        folder,
        {**tally.counts(), "other_files": source.ignored},
        made,
        time.monotonic() - began,
        len(shards),
        len(shards) - there,
    )


def _work(
    maker: FaceMaker,
    shards: Sequence[_Shard],
    workers: int,
    on_made: Callable[[int], None],
) -> None:
    size = _DETECT_BATCH if maker.detect else _CROP_BATCH
    batches = [
        list(shard.rows[start : start + size])
        for shard in shards
        for start in range(0, len(shard.rows), size)
    ]
    done = 0
    on_made(done)
    results = map_ordered(maker, batches, min(workers, max(1, len(batches))))
    with contextlib.closing(results):
        for shard in shards:
            made: list[tuple[FaceRow, np.ndarray | None]] = []
            while len(made) < len(shard.rows):
                made += next(results)
                on_made(done + len(made))
            done += len(made)
            shard.write(made, maker.size)


def _finished(folder: Path, shards: Sequence[_Shard]) -> Artefact | None:
    """The artefact as it is, if manifest and index are there and name these very shards."""
    if not (folder / MANIFEST).exists() or not (folder / INDEX).exists():
        return None
    manifest = read_json(folder / MANIFEST)
    outputs = manifest.get("outputs", {})
    names = {INDEX, *(shard.faces.name for shard in shards)}
    same = set(outputs) == names and outputs[INDEX] == sha256(folder / INDEX)
    return Artefact(folder, manifest) if same else None


def _finish(
    source: Source,
    shards: Sequence[_Shard],
    folder: Path,
    parameters: dict[str, Any],
    tally: Tally,
    licences: Sequence[str],
) -> Artefact:
    """Merge the shards' rows into the index, and write the manifest."""
    sweep(folder, [INDEX, MANIFEST])
    with landing_file(folder / INDEX) as index:
        for shard in shards:
            lines = shard.index.read_bytes()
            index.write(lines if shard.number == 0 else lines[lines.index(b"\n") + 1 :])
    origin = (
        {"kind": "file", "name": source.path.name, "digest": sha256(source.path)}
        if source.path.is_file()
        else {"kind": "folder", "name": source.path.name, "digest": source.digest}
    )
    return write_manifest(
        folder,
        "faces",
        parameters=parameters,
        inputs=[origin],
        outputs=[INDEX, *(shard.faces.name for shard in shards)],
        counts={**tally.counts(), "other_files": source.ignored},
        seed=parameters["seed"],
        licences=licences,
    )
