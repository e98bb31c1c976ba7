"""The `clips tubes` stage: every clip of a set becomes a row, its faces and sound land in a shard.

As `align` does it: the sorted list is cut into shards of a fixed number of clips; a shard's faces
and sound land, then its rows, so that a killed run loses one shard's work and the result is the
same bytes.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli import processors
from emotiw_cli.artefact import MANIFEST, Artefact, exclusive, open_artefact, write_manifest
from emotiw_cli.clips.index import INDEX, ClipRow, read_index, write_index
from emotiw_cli.clips.made_clip import MadeClip
from emotiw_cli.clips.source import ClipSource
from emotiw_cli.clips.tube_maker import TubeMaker
from emotiw_cli.data.pool import map_ordered
from emotiw_cli.data.shards import landing_hdf5, shard_name, store
from emotiw_cli.data.stage import clear, holds, keep_to_plan, sweep
from emotiw_cli.errors import ArtefactError
from emotiw_cli.faces.yunet import METHOD

KIND = "tubes"
CROPS, FACES, TUBE, TIME, SOUND = "crops", "faces", "tube", "time", "sound"
"""Datasets of a shard, see :class:`emotiw_cli.clips.tube_maker.MadeClip`."""

CLIPS_PER_SHARD = 16
"""A shard is made in memory: some 2 MB a clip of four seconds, 90 kB a face."""


@dataclass(frozen=True)
class _Shard:
    folder: Path
    number: int
    rows: Sequence[ClipRow]

    @property
    def faces(self) -> Path:
        return self.folder / shard_name(self.number)

    @property
    def index(self) -> Path:
        return self.faces.with_suffix(".csv")

    def read(self) -> list[ClipRow] | None:
        """The finished rows, or None if the shard is missing or damaged."""
        try:
            rows = read_index(self.index)
        except ArtefactError:
            return None
        whole = [row.row for row in rows] == [row.row for row in self.rows]
        return rows if whole and holds(self.faces, CROPS, sum(row.crops for row in rows)) else None

    def write(self, made: Sequence[MadeClip]) -> None:
        """Land faces and sound, then the rows, which say that the shard is done."""
        rows, start, sound_start = [], 0, 0
        for clip in made:
            placed = replace(clip.row, start=start, sound_start=sound_start)
            stored = clip.row.crops or clip.row.samples
            rows.append(replace(placed, shard=self.number if stored else -1))
            start, sound_start = start + clip.row.crops, sound_start + clip.row.samples

        def joined(name: str) -> np.ndarray:
            return np.concatenate([getattr(clip, name) for clip in made])

        with landing_hdf5(self.faces) as file:
            for name in (CROPS, FACES):
                store(file, name, joined(name))
            for name in (TUBE, TIME, SOUND):
                file.create_dataset(name, data=joined(name), track_times=False)
        write_index(self.index, rows)


def make_tubes(
    source: ClipSource,
    folder: Path,
    *,
    size: tuple[int, int],
    detail: int | None,
    every_frame: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    licences: Sequence[str] = (),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Artefact:
    """Make the tubes of `source`, or the missing part of them, in `folder`, ``WORK/tubes/NAME``.

    Parameters
    ----------
    size, detail, every_frame : see :class:`TubeMaker`.
    workers : processes; by default one per processor this process may use.
    overwrite : start again whatever is there.
    on_progress : called with the clips done and all clips.

    Raises
    ------
    BusyError
        If another run works on them.
    ArtefactError
        If `folder` was begun with other parameters or another list of clips.
    """
    parameters = {
        "size": list(size),
        "detail": detail,
        "every_frame": every_frame,
        "detector": METHOD,
    }
    starts = range(0, len(source.rows), CLIPS_PER_SHARD)
    shards = [
        _Shard(folder, number, source.rows[start : start + CLIPS_PER_SHARD])
        for number, start in enumerate(starts)
    ]
    with exclusive(folder):
        if overwrite:
            clear(folder)
        clips = {"clips": len(source.rows), "list_of_clips": source.digest}
        keep_to_plan(folder, {**parameters, **clips})
        sweep(folder, [path.name for shard in shards for path in (shard.faces, shard.index)])
        missing = [shard for shard in shards if shard.read() is None]
        if (folder / MANIFEST).is_file() and not missing:
            return open_artefact(folder.parent.parent, KIND, folder.name)
        (folder / MANIFEST).unlink(missing_ok=True)
        total = len(source.rows)
        done = total - sum(len(shard.rows) for shard in missing)
        on_progress(done, total)
        maker = TubeMaker(source.root.absolute(), size, detail, every_frame)
        batches = [
            [(row, source.pictures_of(row), source.fps.get(row.path))]
            for shard in missing
            for row in shard.rows
        ]
        results = map_ordered(maker, batches, min(workers or processors.available(), total))
        with contextlib.closing(results):
            for shard in missing:
                made: list[MadeClip] = []
                for _ in shard.rows:
                    made += next(results)
                    done += 1
                    on_progress(done, total)
                shard.write(made)
        rows = [row for shard in shards for row in shard.read() or ()]
        write_index(folder / INDEX, rows)
        return write_manifest(
            folder,
            KIND,
            parameters=parameters,
            inputs=[{"kind": "folder", "name": source.path.name, "digest": source.digest}],
            outputs=[INDEX, *(shard.faces.name for shard in shards)],
            counts=counts(rows),
            licences=licences,
        )


def counts(rows: Sequence[ClipRow]) -> dict[str, Any]:
    """What became of clips: by status, and of those with faces by split and label."""
    usable = [row for row in rows if row.status == "ok"]
    return {
        "clips": len(rows),
        "status": dict(sorted(Counter(row.status for row in rows).items())),
        "split": dict(sorted(Counter(row.split or "none" for row in usable).items())),
        "label": dict(sorted(Counter(row.label or "unlabelled" for row in usable).items())),
        "with_sound": sum(row.samples > 0 for row in rows),
        "tubes": sum(row.tubes for row in rows),
        "faces": sum(row.crops for row in rows),
        "seconds": round(sum(row.seconds for row in rows), 1),
    }
