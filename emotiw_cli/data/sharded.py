"""Stages that turn the pictures of a source, one by one, into shards and an index.

The sorted list of the source is cut into shards of a fixed number of pictures. What comes of a
shard (``shard-00000.h5``) and its rows (``shard-00000.csv``) land when the shard is done, so a
killed run loses one shard's work, machines can share the shards, and the result is the same bytes
whatever the split. When all shards are there, their rows become ``index.csv`` and the manifest is
written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from emotiw_cli.data.faces import INDEX
from emotiw_cli.data.index import FaceRow, read_index, write_index
from emotiw_cli.data.pool import map_ordered
from emotiw_cli.data.shards import shard_name
from emotiw_cli.data.sources.source import Source
from emotiw_cli.data.stage import clear, holds, keep_to_plan, sweep
from emotiw_cli.data.tally import Tally
from emotiw_cli.errors import ArtefactError, InputError


@dataclass(frozen=True)
class Stage:
    """What a stage makes of each picture, and how a shard of it is written.

    Attributes
    ----------
    kind : of the artefact.
    make : a row → the row with all that was found out, and what came of it or None; can be copied
        into worker processes and never raises.
    write : lands a shard's file from what came of its pictures, where anything did.
    dataset : of that file, by whose length a whole shard is known.
    stored : how many entries of the dataset a finished row has.
    inputs_per_shard : pictures a shard is made of.
    batch : pictures a worker is given at once.
    tally : makes what counts the rows.
    """

    kind: str
    make: Callable[[FaceRow], tuple[FaceRow, Any]]
    write: Callable[[Path, Sequence[Any]], None]
    dataset: str
    stored: Callable[[FaceRow], int]
    inputs_per_shard: int
    batch: int
    tally: Callable[[], Tally] = Tally


@dataclass(frozen=True)
class StageReport:
    """What a run of :func:`run_stage` did.

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

    stage: Stage
    folder: Path
    number: int
    rows: Sequence[FaceRow]

    @property
    def content(self) -> Path:
        return self.folder / shard_name(self.number)

    @property
    def index(self) -> Path:
        return self.content.with_suffix(".csv")

    def read(self) -> list[FaceRow] | None:
        """The finished rows, or None if the shard is missing or damaged."""
        if not self.index.exists():
            return None
        try:
            rows = read_index(self.index)
        except ArtefactError:
            return None
        whole = [row.row for row in rows] == [row.row for row in self.rows]
        count = sum(map(self.stage.stored, rows))
        return rows if whole and holds(self.content, self.stage.dataset, count) else None

    def write(self, made: Sequence[tuple[FaceRow, Any]]) -> None:
        """Land the content, then the rows, which say that the shard is done."""
        rows, offset = [], 0
        for row, _ in made:
            count = self.stage.stored(row)
            rows.append(replace(row, shard=self.number, offset=offset) if count else row)
            offset += count
        self.stage.write(self.content, [came for _, came in made if came is not None])
        write_index(self.index, rows)


def run_stage(
    stage: Stage,
    source: Source,
    folder: Path,
    parameters: dict[str, Any],
    *,
    workers: int | None = None,
    share: tuple[int, int] = (1, 1),
    overwrite: bool = False,
    licences: Sequence[str] = (),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> StageReport:
    """Make what `stage` makes of `source`, or the missing part of it, in `folder`.

    Parameters
    ----------
    folder : of the artefact.
    parameters : what decides the result, for plan and manifest.
    workers : processes; by default one per processor this process may use.
    share : (i, n), i from 1: work on every n-th shard only, from the i-th.
    overwrite : start again whatever is there.
    licences : notes on the data's licence, for the manifest.
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
    shards = [
        _Shard(stage, folder, number, source.rows[start : start + stage.inputs_per_shard])
        for number, start in enumerate(range(0, len(source.rows), stage.inputs_per_shard))
    ]
    mine = shards[part - 1 :: parts]
    with exclusive(folder, ".lock" if parts == 1 else f".lock-{part}-of-{parts}"):
        if overwrite:
            clear(folder)
        pictures = {"pictures": len(source.rows), "list_of_pictures": source.digest}
        keep_to_plan(folder, {**pictures, **parameters})
        sweep(folder, [path.name for shard in mine for path in (shard.content, shard.index)])
        missing = [shard for shard in mine if shard.read() is None]
        total = sum(len(shard.rows) for shard in mine)
        made = sum(len(shard.rows) for shard in missing)
        _work(
            stage,
            missing,
            workers or processors.available(),
            lambda done: on_progress(total - made + done, total),
        )
        tally, there = stage.tally(), 0
        for shard in shards:
            rows = shard.read()
            there += rows is not None
            tally.add(rows or ())
        counts = {**tally.counts(), "other_files": source.ignored}
        finished = None
        if there == len(shards):
            finished = _finished(folder, shards) or _finish(
                source, shards, folder, parameters, counts, licences
            )
    return StageReport(
        finished,
        folder,
        counts,
        made,
        time.monotonic() - began,
        len(shards),
        len(shards) - there,
    )


def _work(
    stage: Stage,
    shards: Sequence[_Shard],
    workers: int,
    on_made: Callable[[int], None],
) -> None:
    batches = [
        list(shard.rows[start : start + stage.batch])
        for shard in shards
        for start in range(0, len(shard.rows), stage.batch)
    ]
    done = 0
    on_made(done)
    results = map_ordered(stage.make, batches, min(workers, max(1, len(batches))))
    with contextlib.closing(results):
        for shard in shards:
            made: list[tuple[FaceRow, Any]] = []
            while len(made) < len(shard.rows):
                made += next(results)
                on_made(done + len(made))
            done += len(made)
            shard.write(made)


def _finished(folder: Path, shards: Sequence[_Shard]) -> Artefact | None:
    """The artefact as it is, if manifest and index are there and name these very shards."""
    if not (folder / MANIFEST).exists() or not (folder / INDEX).exists():
        return None
    manifest = read_json(folder / MANIFEST)
    outputs = manifest.get("outputs", {})
    names = {INDEX, *(shard.content.name for shard in shards)}
    same = set(outputs) == names and outputs[INDEX] == sha256(folder / INDEX)
    return Artefact(folder, manifest) if same else None


def _finish(
    source: Source,
    shards: Sequence[_Shard],
    folder: Path,
    parameters: dict[str, Any],
    counts: dict[str, Any],
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
        shards[0].stage.kind,
        parameters=parameters,
        inputs=[origin],
        outputs=[INDEX, *(shard.content.name for shard in shards)],
        counts=counts,
        seed=parameters.get("seed"),
        licences=licences,
    )
