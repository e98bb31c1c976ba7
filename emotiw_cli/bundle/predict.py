"""From pictures to predictions: decode, detect, align, ask the bundle."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.bundle.load import DEFAULT, find_bundle, load_bundle, verify_bundle
from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.faces.align import align_face, fit_face
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.detectors import DEFAULT_DETECTOR, find_detector
from emotiw_cli.faces.images import ImageError, load_image
from emotiw_cli.faces.landmarks import Landmarks5

NO_FACE = "no_face"
POOL_FROM = 16
"""Fewer pictures than this are read sooner by one process than processes are started."""

BATCH = 4
"""Pictures a worker process is given at a time."""


def predict_photo(
    image: np.ndarray,
    bundle: Bundle,
    *,
    path: str = "",
    detect: bool = True,
    detector: str = DEFAULT_DETECTOR,
) -> list[FacePrediction]:
    """Predict the emotion of every face of a decoded picture.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB.
    bundle : as loaded by :func:`emotiw_cli.bundle.load.load_bundle`.
    path : what the predictions call the picture.
    detect : look for faces; if False the whole picture is taken for one face crop.
    detector : what looks, one of :data:`emotiw_cli.faces.detectors.DETECTORS`.

    Returns
    -------
    One entry per face, in the detector's order; or a single one with status
    ``no_face``.
    """
    size, detail = bundle.spec.face_size, bundle.spec.detail
    if detect:
        boxes = find_detector(detector)(image)
        faces = align_faces(image, boxes, bundle)
    else:
        boxes = [Detection(0, 0, image.shape[1], image.shape[0], 0.0, "whole")]
        faces = [fit_face(image, size, detail=detail)]
    if not boxes:
        return [FacePrediction(path, NO_FACE)]
    return [
        FacePrediction(
            *(path, "ok", number),
            *(box.x, box.y, box.width, box.height),
            posterior=tuple(posterior.tolist()),
        )
        for number, (box, posterior) in enumerate(
            zip(boxes, bundle.posteriors(faces), strict=True), start=1
        )
    ]


def align_faces(image: np.ndarray, boxes: Sequence[Detection], bundle: Bundle) -> list[np.ndarray]:
    """The faces in `boxes`, aligned as `bundle` wants them, by five landmarks each."""
    size, detail = bundle.spec.face_size, bundle.spec.detail
    return [
        align_face(image, _landmarks().points(image, box), size, detail=detail) for box in boxes
    ]


@dataclass(frozen=True)
class Task:
    """A picture to read and, perhaps, where to draw what was found."""

    path: str
    drawing: Path | None = None


def predict_file(
    task: Task, bundle: Bundle, *, detect: bool = True, detector: str = DEFAULT_DETECTOR
) -> list[FacePrediction]:
    """As :func:`predict_photo` for a file; a picture that cannot be read gets its status."""
    try:
        image = load_image(Path(task.path), name=task.path)
    except ImageError as error:
        return [FacePrediction(task.path, error.status, note=str(error))]
    found = predict_photo(image, bundle, path=task.path, detect=detect, detector=detector)
    if task.drawing is not None and found[0].posterior:
        from emotiw_cli.bundle.draw import annotate, write_drawing

        write_drawing(annotate(image, found), task.drawing)
    return found


def predict_paths(
    paths: Iterable[str | FacePrediction],
    bundle: str | Path = DEFAULT,
    *,
    work: Path = Path("work"),
    detect: bool = True,
    detector: str = DEFAULT_DETECTOR,
    workers: int = 1,
    draw: Path | None = None,
) -> Iterator[list[FacePrediction]]:
    """Predict the emotions in many pictures.

    Parameters
    ----------
    paths : pictures, such as :func:`emotiw_cli.bundle.pictures.find_pictures` yields; an entry
        that is a prediction already is passed on.
    bundle, work : as for :func:`emotiw_cli.bundle.load.load_bundle`.
    detect, detector : as for :func:`predict_photo`.
    workers : processes to share the pictures among, where there are enough of them. A program
        that asks for more than one must guard its start by ``if __name__ == "__main__":``.
    draw : folder for annotated copies of the pictures with faces.

    Yields
    ------
    For each picture, in the order given, its list of one entry or more. The values do not depend
    on `workers`.

    Raises
    ------
    ArtefactError, TamperedError
        If the bundle cannot be used.
    OutputError
        If a drawing cannot be written.
    """
    entries = list(paths)
    tasks = _tasks([entry for entry in entries if isinstance(entry, str)], draw)
    folder = find_bundle(bundle, work)
    if workers > 1 and len(tasks) >= POOL_FROM:
        results = _in_processes(tasks, folder, detect, detector, workers)
    else:
        results = _in_this_process(tasks, folder, detect, detector)
    for entry in entries:
        yield next(results) if isinstance(entry, str) else [entry]


def _tasks(paths: Sequence[str], draw: Path | None) -> list[Task]:
    if draw is None:
        return [Task(path) for path in paths]
    from emotiw_cli.bundle.draw import plan_drawings

    plan = plan_drawings(paths, draw)
    return [Task(path, plan[path]) for path in paths]


def _in_this_process(
    tasks: Sequence[Task], folder: Path, detect: bool, detector: str
) -> Iterator[list[FacePrediction]]:
    bundle = load_bundle(folder, wait=False)
    for task in tasks:
        found = predict_file(task, bundle, detect=detect, detector=detector)
        bundle.wait()  # a bundle that was tampered with answers nothing, not even "no face"
        yield found


def _in_processes(
    tasks: Sequence[Task], folder: Path, detect: bool, detector: str, workers: int
) -> Iterator[list[FacePrediction]]:
    from emotiw_cli.data.pool import map_ordered

    verify_bundle(folder)
    batches = (list(tasks[start : start + BATCH]) for start in range(0, len(tasks), BATCH))
    reader = _Reader(folder.absolute(), detect, detector, Path.cwd())
    for batch in map_ordered(reader, batches, workers):
        yield from batch


@dataclass(frozen=True)
class _Reader:
    """What a worker process does with a task."""

    folder: Path
    detect: bool
    detector: str
    start: Path

    def __call__(self, task: Task) -> list[FacePrediction]:
        os.chdir(self.start)  # paths are relative to where the program stands
        bundle = _bundle(self.folder)
        return predict_file(task, bundle, detect=self.detect, detector=self.detector)


@functools.cache
def _bundle(folder: Path) -> Bundle:
    return load_bundle(folder)


@functools.cache
def _landmarks() -> Landmarks5:
    return Landmarks5()
