"""The `groups faces` stage: every picture becomes a row, and all its faces land in a shard.

The artefact ``WORK/groups/NAME`` has ``index.csv``, a :class:`FaceRow` a picture with the number
of its `faces`, and shards with these datasets:

===========  ============================  ====================================================
dataset      shape                         what
===========  ============================  ====================================================
``crops``    (faces, 224, 224, 3) uint8    RGB, the box of a face; square boxes stay in shape
``aligned``  (faces, H, W, 3) uint8        RGB, the face aligned as `align` and `predict` do it
``boxes``    (faces, 4) int32              x, y, width, height in pixels of the picture
``points``   (faces, 68, 2) float32        landmarks in pixels of the crop
``scenes``   (pictures, 256, 256, 3) uint8 RGB, each readable picture whole; its aspect changes
===========  ============================  ====================================================

The faces of a picture lie together, in the detector's order, from its row's `offset` in its
`shard`; pictures are in the order of the index. :class:`Groups` reads it.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import Artefact, open_artefact
from emotiw_cli.data.face_maker import NO_FACE, UNREADABLE
from emotiw_cli.data.faces import INDEX
from emotiw_cli.data.index import OK, FaceRow, read_index
from emotiw_cli.data.make_faces import check_size
from emotiw_cli.data.sharded import Stage, StageReport, run_stage
from emotiw_cli.data.shards import ShardReader, landing_hdf5, store
from emotiw_cli.data.sources.source import Reader, Source
from emotiw_cli.data.tally import UNLABELLED, Tally
from emotiw_cli.faces.align import align_face, fit_face
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.detectors import find_detector
from emotiw_cli.faces.images import ImageError, load_image, pixel_digest
from emotiw_cli.faces.landmarks import Landmarks5, Landmarks68

KIND = "groups"
READABLE = (OK, NO_FACE)
"""Statuses of pictures that have a scene."""

CROP = 224
"""Side of a face's crop in pixels."""

SCENE = 256
"""Side of a whole picture as it is stored, in pixels."""

SIZE, DETAIL = (144, 144), 48
"""Width and height of the aligned faces, and their detail: those of the default bundle."""

INPUTS_PER_SHARD = 16
"""A face takes 213 kB: a shard of pictures with a hundred faces each takes a third of a GB."""

_BATCH = 2


@dataclass(frozen=True)
class GroupFaces:
    """What is taken from one picture.

    Attributes
    ----------
    crops, aligned, boxes, points : as stored, see the module; n faces, perhaps none.
    scene : (256, 256, 3) uint8 RGB.
    methods : how the detector saw each face.
    """

    crops: np.ndarray
    aligned: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    scene: np.ndarray
    methods: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.boxes)


def find_group(
    image: np.ndarray,
    detector: str = "hog-haar",
    *,
    size: tuple[int, int] = SIZE,
    detail: int | None = DETAIL,
) -> GroupFaces:
    """Find the faces of a group photo and cut them out.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB.
    detector : one of :data:`emotiw_cli.faces.detectors.DETECTORS`.
    size, detail : of the aligned faces, see :func:`emotiw_cli.faces.align.align_face`.
    """
    found = find_detector(detector)(image)
    width, height = size
    crops = [crop_face(image, face) for face in found]
    points = [crop_landmarks(crop) for crop in crops]
    aligned = [
        align_face(image, _landmarks5().points(image, face), size, detail=detail) for face in found
    ]
    boxes = [(face.x, face.y, face.width, face.height) for face in found]
    return GroupFaces(
        np.array(crops, np.uint8).reshape(-1, CROP, CROP, 3),
        np.array(aligned, np.uint8).reshape(-1, height, width, 3),
        np.array(boxes, np.int32).reshape(-1, 4),
        np.array(points, np.float32).reshape(-1, Landmarks68.count, 2),
        fit_face(image, (SCENE, SCENE)),
        tuple(face.method for face in found),
    )


def crop_face(image: np.ndarray, face: Detection) -> np.ndarray:
    """The box of a face, clipped to the picture, as (224, 224, 3) uint8."""
    box = image[face.y : face.y + face.height, face.x : face.x + face.width]
    return fit_face(box, (CROP, CROP))


def crop_landmarks(crop: np.ndarray) -> np.ndarray:
    """The 68 landmarks of a crop whose whole is a face's box: (68, 2) float64 in its pixels."""
    height, width = crop.shape[:2]
    return _landmarks68().points(crop, Detection(0, 0, width, height, 0.0, ""))


@functools.cache
def _landmarks5() -> Landmarks5:
    return Landmarks5()


@functools.cache
def _landmarks68() -> Landmarks68:
    return Landmarks68()


@dataclass(frozen=True)
class GroupMaker:
    """Makes rows into their faces; can be copied into worker processes.

    Attributes
    ----------
    read : reads a row's picture.
    detector, size, detail : see :func:`find_group`.
    """

    read: Reader
    detector: str
    size: tuple[int, int]
    detail: int | None

    def __call__(self, row: FaceRow) -> tuple[FaceRow, GroupFaces | None]:
        """The row with all that was found out, and its faces, or None if it cannot be read.

        Never raises: whatever is wrong with a picture becomes its row's status and note.
        """
        if row.status != OK:
            return row, None
        try:
            content = self.read(row)
            image = (
                content if isinstance(content, np.ndarray) else load_image(content, name=row.path)
            )
            found = find_group(image, self.detector, size=self.size, detail=self.detail)
        except ImageError as error:
            return replace(row, status=error.status, note=str(error)), None
        except Exception as error:  # one picture never ends a run
            note = f"{type(error).__name__}: {error}"
            return replace(row, status=UNREADABLE, note=" ".join(note.split())), None
        height, width = image.shape[:2]
        seen = replace(
            row,
            status=OK if len(found) else NO_FACE,
            width=width,
            height=height,
            pixels=pixel_digest(image),
            faces=len(found),
            detector=" ".join(sorted(set(found.methods))),
        )
        return seen, found


def make_groups(
    source: Source,
    folder: Path,
    *,
    detector: str = "hog-haar",
    size: tuple[int, int] = SIZE,
    detail: int | None = DETAIL,
    workers: int | None = None,
    share: tuple[int, int] = (1, 1),
    overwrite: bool = False,
    licences: Sequence[str] = (),
    inputs_per_shard: int = INPUTS_PER_SHARD,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> StageReport:
    """Store the faces of every picture of `source`, or the missing part of them, in `folder`.

    Parameters
    ----------
    source : such as :func:`emotiw_cli.groups.layout.open_groups` gives.
    folder : of the artefact, ``WORK/groups/NAME``.
    detector, size, detail : see :func:`find_group`.
    workers, share, overwrite, licences, on_progress : see
        :func:`emotiw_cli.data.sharded.run_stage`, which also names what is raised.
    """
    check_size(size, detail)
    parameters = {
        "layout": source.layout,
        "detector": detector,
        "size": list(size),
        "detail": detail,
        **source.options,
        "inputs_per_shard": inputs_per_shard,
    }
    stage = Stage(
        KIND,
        GroupMaker(source.read, detector, size, detail),
        _Writer(size),
        "crops",
        _stored,
        inputs_per_shard,
        _BATCH,
        GroupTally,
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


def _stored(row: FaceRow) -> int:
    return row.faces


@dataclass(frozen=True)
class _Writer:
    """Writes a shard of the faces of pictures, aligned ones of `size` (width, height)."""

    size: tuple[int, int]

    def __call__(self, path: Path, groups: Sequence[GroupFaces]) -> None:
        width, height = self.size
        shapes = {
            "crops": ((CROP, CROP, 3), np.uint8),
            "aligned": ((height, width, 3), np.uint8),
            "boxes": ((4,), np.int32),
            "points": ((Landmarks68.count, 2), np.float32),
        }
        with landing_hdf5(path) as file:
            for name, (shape, kind) in shapes.items():
                parts = [getattr(group, name) for group in groups]
                store(file, name, np.concatenate([np.empty((0, *shape), kind), *parts]))
            scenes = [group.scene for group in groups]
            store(file, "scenes", np.array(scenes, np.uint8).reshape(-1, SCENE, SCENE, 3))


class GroupTally(Tally):
    """Counts pictures, with and without faces, by status, split and class, and all faces."""

    def __init__(self) -> None:
        self._status: Counter[str] = Counter()
        self._split: Counter[str] = Counter()
        self._label: Counter[str] = Counter()
        self._faces = 0
        self._most = 0

    def add(self, rows: Iterable[FaceRow]) -> None:
        """Count `rows`."""
        for row in rows:
            self._status[row.status] += 1
            self._faces += row.faces
            self._most = max(self._most, row.faces)
            if row.status in READABLE:
                self._split[row.split or "none"] += 1
                self._label[row.label or UNLABELLED] += 1

    def counts(self) -> dict[str, Any]:
        """``inputs``, ``with_faces``, ``faces``, ``most_faces`` in one picture, ``status``,
        ``split``, ``label``; the last two count the pictures that could be read.
        """
        return {
            "inputs": self._status.total(),
            "with_faces": self._status[OK],
            "faces": self._faces,
            "most_faces": self._most,
            "status": dict(sorted(self._status.items())),
            "split": dict(sorted(self._split.items())),
            "label": dict(sorted(self._label.items())),
        }


class Groups:
    """A groups artefact, opened for reading.

    Parameters
    ----------
    artefact : a finished artefact of kind ``groups``.

    Attributes
    ----------
    rows : one per picture.
    size, detail : of the aligned faces.
    """

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self.rows: list[FaceRow] = read_index(artefact.folder / INDEX)
        parameters = artefact.manifest["parameters"]
        width, height = parameters["size"]
        self.size: tuple[int, int] = (int(width), int(height))
        self.detail: int | None = parameters["detail"]
        self._per_shard = int(parameters["inputs_per_shard"])
        self._shard, self._readers = -1, dict[str, ShardReader]()

    @classmethod
    def open(cls, work: Path, name: str) -> Groups:
        """Open the groups called `name`; :class:`ArtefactError` if they are not there."""
        return cls(open_artefact(work, KIND, name))

    def shards(self) -> dict[int, list[FaceRow]]:
        """The rows by the shard they lie in."""
        per = self._per_shard
        return {
            start // per: self.rows[start : start + per] for start in range(0, len(self.rows), per)
        }

    def of(self, row: int, what: str) -> np.ndarray:
        """The ``crops``, ``aligned``, ``boxes`` or ``points`` of a picture's faces, if any."""
        entry = self.rows[row]
        shard = row // self._per_shard
        stored = self._reader(shard, what).dataset(shard)
        start = max(entry.offset, 0)
        found: np.ndarray = stored[start : start + entry.faces]
        return found

    def scene(self, row: int) -> np.ndarray:
        """The whole picture of a row that could be read, (256, 256, 3) uint8 RGB."""
        shard = row // self._per_shard
        before = self.rows[shard * self._per_shard : row]
        place = sum(entry.status in READABLE for entry in before)
        return self._reader(shard, "scenes").read(shard, place)

    def _reader(self, shard: int, what: str) -> ShardReader:
        """What reads a dataset of a shard; files of other shards are closed, for there are many."""
        if shard != self._shard:
            self._shard, self._readers = shard, {}
        if what not in self._readers:
            self._readers[what] = ShardReader(self.artefact.folder, what)
        return self._readers[what]
