"""From group photos to predictions: decode, find the faces, ask the group bundle."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.bundle.predict import POOL_FROM
from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.faces.images import ImageError, load_image
from emotiw_cli.groups.bundle import (
    DEFAULT,
    GroupBundle,
    find_group_bundle,
    load_group_bundle,
    verify_group_bundle,
)
from emotiw_cli.groups.faces import find_group
from emotiw_cli.groups.result import GroupFace, GroupPrediction

BATCH = 2
"""Pictures a worker process is given at a time."""


def predict_group(
    image: np.ndarray, bundle: GroupBundle, *, path: str = "", detector: str | None = None
) -> GroupPrediction:
    """Predict the emotion of a decoded group photo.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB.
    bundle : as loaded by :func:`emotiw_cli.groups.bundle.load_group_bundle`.
    path : what the prediction calls the picture.
    detector : what finds the faces, one of :data:`emotiw_cli.faces.detectors.DETECTORS`; None: what
        found those the bundle was trained on.
    """
    spec = bundle.faces.spec
    detector = detector or bundle.spec.detector
    found = find_group(image, detector, size=spec.face_size, detail=spec.detail)
    reading = bundle.read(found.crops, found.aligned, found.points, found.scene)
    posterior = tuple(reading.posterior.tolist())
    if not len(found):
        source = "the whole image" if bundle.spec.scene else "the mix of the labels it learned from"
        note = f"{path} has no face that was found: the answer is that of {source}."
        return GroupPrediction(path, "no_face", posterior, note=note)
    faces = [
        GroupFace(
            *(number, x, y, width, height),
            posterior=tuple(reading.alone[number - 1].tolist()),
            share=float(reading.share[number - 1]),
            emotions=tuple(reading.emotions[number - 1].tolist()),
        )
        for number, (x, y, width, height) in enumerate(found.boxes.tolist(), start=1)
    ]
    return GroupPrediction(path, "ok", posterior, tuple(faces))


@dataclass(frozen=True)
class Task:
    """A picture to read and, perhaps, where to draw what was found."""

    path: str
    drawing: Path | None = None


def predict_file(
    task: Task, bundle: GroupBundle, *, detector: str | None = None
) -> GroupPrediction:
    """As :func:`predict_group` for a file; a picture that cannot be read gets its status."""
    try:
        image = load_image(Path(task.path), name=task.path)
    except ImageError as error:
        return GroupPrediction(task.path, error.status, note=str(error))
    found = predict_group(image, bundle, path=task.path, detector=detector)
    if task.drawing is not None:
        from emotiw_cli.bundle.draw import write_drawing
        from emotiw_cli.groups.draw import annotate_group

        write_drawing(annotate_group(image, found), task.drawing)
    return found


def predict_groups(
    paths: Iterable[str | FacePrediction],
    bundle: str | Path = DEFAULT,
    *,
    work: Path = Path("work"),
    detector: str | None = None,
    workers: int = 1,
    draw: Path | None = None,
) -> Iterator[GroupPrediction]:
    """Predict the emotions of many group photos.

    Parameters
    ----------
    paths : as for :func:`emotiw_cli.bundle.predict.predict_paths`.
    bundle, work : as for :func:`emotiw_cli.groups.bundle.load_group_bundle`.
    detector : as for :func:`predict_group`.
    workers : processes to share the pictures among, where there are enough of them.
    draw : folder for annotated copies.

    Yields
    ------
    A prediction for each picture, in the order given. The values do not depend on `workers`.

    Raises
    ------
    ArtefactError, TamperedError
        If the bundle cannot be used.
    OutputError
        If a drawing cannot be written.
    """
    entries = list(paths)
    wanted = [entry for entry in entries if isinstance(entry, str)]
    plan: dict[str, Path] = {}
    if draw is not None:
        from emotiw_cli.bundle.draw import plan_drawings

        plan = plan_drawings(wanted, draw)
    tasks = [Task(path, plan.get(path)) for path in wanted]
    folder = find_group_bundle(bundle, work)
    results: Iterator[GroupPrediction]
    if workers > 1 and len(tasks) >= POOL_FROM:
        from emotiw_cli.data.pool import map_ordered

        verify_group_bundle(folder)
        reader = _Reader(folder.absolute(), work, detector, Path.cwd())
        batches = (tasks[start : start + BATCH] for start in range(0, len(tasks), BATCH))
        results = (found for batch in map_ordered(reader, batches, workers) for found in batch)
    else:
        loaded = load_group_bundle(folder, work=work)
        results = (predict_file(task, loaded, detector=detector) for task in tasks)
    for entry in entries:
        if isinstance(entry, str):
            yield next(results)
        else:
            yield GroupPrediction(entry.path, entry.status, note=entry.note)


@dataclass(frozen=True)
class _Reader:
    """What a worker process does with a task."""

    folder: Path
    work: Path
    detector: str | None
    start: Path

    def __call__(self, task: Task) -> GroupPrediction:
        os.chdir(self.start)  # paths are relative to where the program stands
        return predict_file(task, _bundle(self.folder, self.work), detector=self.detector)


@functools.cache
def _bundle(folder: Path, work: Path) -> GroupBundle:
    return load_group_bundle(folder, work=work)
