"""The `groups features` stage: what describes the faces of every picture, in one HDF5 file.

The artefact ``WORK/features/NAME`` has ``features.h5``, with one row per picture of the groups
(``images``), whatever became of it, and one per face (``faces``):

====================  =======================  ==================================================
dataset               shape                    what
====================  =======================  ==================================================
``embedding/KEY``     (images, d) float32      median over the faces; NaN where there is no face
``faces/image``       (faces,) int32           row of the face's picture; rises
``faces/box``         (faces, 4) int32         x, y, width, height in pixels of the picture
``faces/posterior``   (faces, 7) float32       of the seven emotions, by the bundle
``faces/landmarks``   (faces, 2278) float32    distances between landmarks over the largest
``label``             (images,) int8           number in :data:`CLASSES`; -1 without a label
``split``             (images,) text           ``train``, ``validation``, ``test`` or empty
``name``              (images,) text           path within the source
``status``            (images,) text           ``ok``, ``no_face``, or why it could not be read
====================  =======================  ==================================================

KEY is the name of a member of the bundle whose features they are, or ``bgr-avg``, ``bgr-fc7``,
``rgb-avg``, ``rgb-fc7`` of VGGFace, which lies beside them as ``embedding.onnx`` then; the
manifest's parameter ``backbone`` says which net they come from. It is made in parts, one for each
shard of the groups, that are joined at the end: a killed run loses the parts in hand.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from emotiw_cli import processors
from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    check_fresh,
    exclusive,
    folder_of,
    landing,
    open_artefact,
    output_error,
    read_json,
    reference,
    sha256,
    write_manifest,
)
from emotiw_cli.bundle.load import DEFAULT, find_bundle, load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SPEC
from emotiw_cli.data.index import OK, FaceRow
from emotiw_cli.data.pool import map_ordered
from emotiw_cli.data.shards import landing_hdf5, shard_name
from emotiw_cli.data.stage import clear, keep_to_plan, sweep
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.groups.describe import check_made_for, describe
from emotiw_cli.groups.embedding import EMBEDDING, Embedding
from emotiw_cli.groups.faces import Groups
from emotiw_cli.groups.layout import CLASSES

if TYPE_CHECKING:
    from emotiw_cli.training.initial import Initial

KIND = "features"
FILE = "features.h5"
_TEXTS = ("split", "name", "status")
_FACES = ("image", "box", "posterior", "landmarks")


@dataclass(frozen=True)
class FeaturesReport:
    """What a run of :func:`make_features` did.

    Attributes
    ----------
    made : pictures described in this run; the rest was there already.
    seconds : wall time of this run.
    """

    artefact: Artefact
    made: int
    seconds: float


def make_features(
    work: Path,
    groups: Groups,
    name: str,
    *,
    bundle: str | Path = DEFAULT,
    vggface: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> FeaturesReport:
    """Describe the faces of `groups`, or those that are missing, as ``WORK/features/NAME``.

    Parameters
    ----------
    bundle : gives posteriors and, without `vggface`, embeddings.
    vggface : a model of the workspace or a safetensors file with a VGG16, for the embeddings.
    workers : processes; by default one per processor this process may use.
    overwrite : start again whatever is there.
    on_progress : called with the pictures done and all pictures.

    Raises
    ------
    ArtefactError
        If the bundle cannot be used or gives no features, or the features were begun with another
        bundle, net or groups.
    InputError
        If the groups' aligned faces are not what the bundle is made for.
    BusyError, OutputError
        If another run writes them, or they cannot be written.
    """
    began = time.monotonic()
    check_fresh(groups.artefact, work)
    found = find_bundle(bundle, work)
    folder = folder_of(work, KIND, name)
    net = folder.absolute() / EMBEDDING if vggface else None
    maker = PartMaker(groups.artefact.folder.absolute(), found.absolute(), net)
    inputs = maker.check(groups)
    weights = _find_weights(vggface, work) if vggface else None
    backbone = weights.reference["name"] if weights else found.name
    parameters = {"bundle": found.name, "backbone": backbone}
    licences = list(groups.artefact.manifest.get("licences", []))
    if weights is not None:
        inputs.append(weights.reference)
        licences += weights.artefact.manifest.get("licences", []) if weights.artefact else []
    shards = groups.shards()
    with exclusive(folder):
        if overwrite:
            clear(folder)
            (folder / EMBEDDING).unlink(missing_ok=True)
        keep_to_plan(folder, {**parameters, **{one["name"]: one["digest"] for one in inputs}})
        done = _finished(folder)
        if done is not None:
            return FeaturesReport(done, 0, time.monotonic() - began)
        sweep(folder, [FILE, MANIFEST, EMBEDDING, *map(shard_name, shards)])
        if weights is not None and not (folder / EMBEDDING).is_file():
            from emotiw_cli.groups.vggface import export_vggface

            try:
                export_vggface(weights, folder / EMBEDDING)
            except InputError:
                clear(folder)  # nothing is begun with weights of another net
                raise
        tasks = [
            Part(folder.absolute() / shard_name(shard), tuple(rows))
            for shard, rows in shards.items()
        ]
        missing = [task for task in tasks if not task.there()]
        total, made = len(groups.rows), sum(len(task.rows) for task in missing)
        on_progress(total - made, total)
        count = min(workers or processors.available(), max(1, len(missing)))
        parts = map_ordered(maker, [[task] for task in missing], count)
        with contextlib.closing(parts):
            described = total - made
            for batch in parts:
                described += sum(batch)
                on_progress(described, total)
        keys = _join(folder / FILE, [task.path for task in tasks], groups.rows)
        artefact = write_manifest(
            folder,
            KIND,
            parameters={
                **parameters,
                "embedding": weights.reference if weights else None,
                "keys": keys,
            },
            inputs=inputs,
            outputs=[FILE, EMBEDDING] if weights else [FILE],
            counts={
                "images": total,
                "with_faces": sum(row.status == OK for row in groups.rows),
                "faces": sum(row.faces for row in groups.rows),
            },
            licences=licences,
        )
        for task in tasks:
            task.path.unlink()
    return FeaturesReport(artefact, made, time.monotonic() - began)


@dataclass(frozen=True)
class Part:
    """The pictures of one shard of the groups, and the file that what describes them lands in."""

    path: Path
    rows: tuple[FaceRow, ...]

    def there(self) -> bool:
        """Whether the part is whole."""
        try:
            with h5py.File(self.path, "r") as file:
                return len(file["faces/image"]) == sum(row.faces for row in self.rows)
        except (OSError, KeyError):
            return False


@dataclass(frozen=True)
class PartMaker:
    """Describes a part's faces and lands it; can be copied into worker processes.

    Attributes
    ----------
    groups, bundle : folders. net : file of the :class:`Embedding`, None for the bundle's own.
    """

    groups: Path
    bundle: Path
    net: Path | None

    def check(self, groups: Groups) -> list[dict[str, str]]:
        """Refuse what does not fit; return what the manifest records of all that goes in."""
        bundle = _bundle(self.bundle)
        check_made_for(groups.size, groups.detail, bundle, str(groups.artefact.folder))
        bundle_file = {"kind": "file", "name": f"{self.bundle.name}/{SPEC}"}
        if self.net is None:
            bundle.embed([])  # says so if the members have no features
        return [
            reference(groups.artefact),
            {**bundle_file, "digest": sha256(self.bundle / SPEC)},
        ]

    def __call__(self, part: Part) -> int:
        """Land the part; return the number of its pictures."""
        bundle = _bundle(self.bundle)
        net = _net(self.net) if self.net else None
        groups = _groups(self.groups)
        embeddings: dict[str, list[np.ndarray]] = {}
        faces: dict[str, list[np.ndarray]] = {name: [] for name in _FACES}
        for row in part.rows:
            crops, aligned, boxes, points = (
                groups.of(row.row, what) for what in ("crops", "aligned", "boxes", "points")
            )
            found = describe(crops, aligned, points, bundle, net)
            for key, values in found.embedding.items():
                embeddings.setdefault(key, []).append(values)
            faces["image"].append(np.full(row.faces, row.row, np.int32))
            faces["box"].append(boxes)
            faces["posterior"].append(found.posterior)
            faces["landmarks"].append(found.landmarks)
        with landing_hdf5(part.path) as file:
            for key, vectors in embeddings.items():
                file.create_dataset(f"embedding/{key}", data=np.stack(vectors), track_times=False)
            for name, blocks in faces.items():
                file.create_dataset(f"faces/{name}", data=np.concatenate(blocks), track_times=False)
        return len(part.rows)


@functools.cache
def _bundle(folder: Path) -> Bundle:
    return load_bundle(folder)


@functools.cache
def _net(path: Path) -> Embedding:
    return Embedding(path, path)


@functools.cache
def _groups(folder: Path) -> Groups:
    return Groups(Artefact(folder, read_json(folder / MANIFEST)))


def _find_weights(vggface: str, work: Path) -> Initial:
    from emotiw_cli.training.initial import find_initial  # needs torch

    return find_initial(vggface, work)


def _finished(folder: Path) -> Artefact | None:
    if not (folder / MANIFEST).exists() or not (folder / FILE).exists():
        return None
    return Artefact(folder, read_json(folder / MANIFEST))


def _join(path: Path, parts: Sequence[Path], rows: Sequence[FaceRow]) -> dict[str, int]:
    """Join the parts into one file, part by part; return the embeddings' keys and widths.

    It is written on disk, as memory may not hold it; HDF5 that meets a full disk crashes when the
    program ends, so that there is room is made sure of first.
    """
    needed = sum(part.stat().st_size for part in parts)
    if shutil.disk_usage(path.parent).free < needed:
        raise output_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    labels = [CLASSES.index(row.label) if row.label in CLASSES else -1 for row in rows]
    with landing(path) as temporary, h5py.File(temporary, "w", libver="latest") as joined:
        lengths = {"embedding": len(rows), "faces": sum(row.faces for row in rows)}
        places = dict.fromkeys(lengths, 0)
        widths: dict[str, int] = {}
        for part in parts:
            with h5py.File(part, "r") as file:
                for group, length in lengths.items():
                    here = 0
                    for name, source in file[group].items():
                        target = f"{group}/{name}"
                        if target not in joined:
                            shape = (length, *source.shape[1:])
                            joined.create_dataset(target, shape, source.dtype, track_times=False)
                            if group == "embedding":
                                widths[name] = int(source.shape[1])
                        here = len(source)
                        joined[target][places[group] : places[group] + here] = source[:]
                    places[group] += here
        joined.create_dataset("label", data=np.array(labels, np.int8), track_times=False)
        for name, texts in {
            "split": [row.split for row in rows],
            "name": [row.path for row in rows],
            "status": [row.status for row in rows],
        }.items():
            kind = h5py.string_dtype()
            joined.create_dataset(name, data=texts, dtype=kind, track_times=False)
    return widths


class Features:
    """A features artefact, opened for reading.

    Parameters
    ----------
    artefact : a finished artefact of kind ``features``.

    Attributes
    ----------
    labels : (images,) int8; splits, names, statuses : (images,) str arrays.
    keys : of the embeddings, and their widths.
    """

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self.keys: Mapping[str, int] = artefact.manifest["parameters"]["keys"]
        with self._file() as file:
            self.labels: np.ndarray = file["label"][:]
            self.splits, self.names, self.statuses = (
                np.array(file[name].asstr()[:], dtype=np.str_) for name in _TEXTS
            )

    @classmethod
    def open(cls, work: Path, name: str) -> Features:
        """Open the features called `name`; :class:`ArtefactError` if they are not there."""
        return cls(open_artefact(work, KIND, name))

    def read(self, dataset: str) -> np.ndarray:
        """A whole dataset, such as ``embedding/KEY`` or ``faces/landmarks``."""
        with self._file() as file:
            found: np.ndarray = file[dataset][:]
        return found

    @contextlib.contextmanager
    def _file(self) -> Iterator[Any]:
        path = self.artefact.folder / FILE
        try:
            with h5py.File(path, "r") as file:
                yield file
        except (OSError, KeyError) as error:
            raise ArtefactError(
                f"{path} is missing or damaged; delete it and run `emotiw groups features` again."
            ) from error
