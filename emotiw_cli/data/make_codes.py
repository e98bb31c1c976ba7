"""The `map` stage: LBP codes of every face of a faces artefact, shard by shard."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    exclusive,
    folder_of,
    read_json,
    reference,
    write_manifest,
)
from emotiw_cli.data.codes import DATASET, codes_name
from emotiw_cli.data.faces import DATASET as FACES
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.index import OK
from emotiw_cli.data.shards import ShardReader, shard_name, write_shard
from emotiw_cli.data.stage import PLAN, clear, holds, keep_to_plan, sweep
from emotiw_cli.errors import InputError
from emotiw_cli.lbp.codes import lbp_codes, to_grey
from emotiw_cli.lbp.palettes import palette

_AT_ONCE = 64  # faces: enough for the codes' batching, little memory


@dataclass(frozen=True)
class CodesReport:
    """What a run of :func:`make_codes` did.

    Attributes
    ----------
    made : faces worked on in this run; the rest was there already.
    seconds : wall time of this run.
    """

    artefact: Artefact
    made: int
    seconds: float

    @property
    def counts(self) -> Mapping[str, Any]:
        counts: Mapping[str, Any] = self.artefact.manifest["counts"]
        return counts


def make_codes(
    work: Path,
    faces: Faces,
    *,
    radius: int,
    metric: str = "cyclic",
    compat_255: bool = False,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> CodesReport:
    """Store the codes of `faces` at `radius` as ``WORK/codes/NAME-rRADIUS``.

    Codes are made at the faces' own size. Codes of faces that have changed since are made anew.

    Parameters
    ----------
    metric, compat_255 : the palette stored with the codes, for viewers; a cache of codes serves
        every palette.
    overwrite : start again whatever is there.
    on_progress : called with the faces done and all faces.

    Raises
    ------
    InputError
        If the faces are too small for the radius.
    BusyError, ArtefactError, OutputError
        If another run writes them, they were begun with another palette, or cannot be written.
    """
    began = time.monotonic()
    check_radius(faces, radius)
    folder = folder_of(work, "codes", codes_name(faces.artefact.name, radius))
    parameters = {"radius": radius, "metric": metric, "compat_255": compat_255}
    colours = palette(metric, compat_255=compat_255)
    counts = _faces_per_shard(faces)
    reader = ShardReader(faces.artefact.folder, FACES)
    made = done = 0
    with exclusive(folder):
        if overwrite or _is_stale(folder, faces):
            clear(folder)
        keep_to_plan(folder, {**parameters, "faces": faces.artefact.digest})
        sweep(folder, [*map(shard_name, counts), MANIFEST])
        for shard, count in counts.items():
            on_progress(done, sum(counts.values()))
            path = folder / shard_name(shard)
            if not holds(path, DATASET, count):
                codes = _codes(reader.dataset(shard), radius)
                write_shard(path, DATASET, codes, attributes=parameters, palette=colours)
                made += count
            done += count
            on_progress(done, sum(counts.values()))
        artefact = _finished(folder) if not made else None
        if artefact is None:
            artefact = write_manifest(
                folder,
                "codes",
                parameters=parameters,
                inputs=[reference(faces.artefact)],
                outputs=[shard_name(shard) for shard in counts],
                counts={"faces": done},
                licences=faces.artefact.manifest.get("licences", []),
            )
    return CodesReport(artefact, made, time.monotonic() - began)


def check_radius(faces: Faces, radius: int) -> None:
    """Raise :class:`InputError` if `faces` are too small for codes of `radius`."""
    if radius < 1 or 2 * radius >= min(faces.size):
        raise InputError(
            f"{faces.artefact.folder} has faces of {faces.size[0]}×{faces.size[1]} pixels, which "
            f"leave none for codes of radius {radius}; use another --radius, or align at a larger "
            "--size."
        )


def _faces_per_shard(faces: Faces) -> dict[int, int]:
    names = faces.artefact.manifest["outputs"]
    counts = {shard: 0 for shard in range(len(names)) if shard_name(shard) in names}
    for row in faces.rows:
        if row.status == OK:
            counts[row.shard] += 1
    return counts


def _is_stale(folder: Path, faces: Faces) -> bool:
    plan = folder / PLAN
    return plan.exists() and read_json(plan).get("faces") != faces.artefact.digest


def _finished(folder: Path) -> Artefact | None:
    path = folder / MANIFEST
    return Artefact(folder, read_json(path)) if path.exists() else None


def _codes(faces: Any, radius: int) -> np.ndarray:
    count, height, width, channels = faces.shape
    codes = np.empty((count, height - 2 * radius, width - 2 * radius), dtype=np.uint8)
    for start in range(0, count, _AT_ONCE):
        some = faces[start : start + _AT_ONCE]
        grey = some[..., 0] if channels == 1 else to_grey(some)
        codes[start : start + _AT_ONCE] = lbp_codes(np.ascontiguousarray(grey), radius)
    return codes
