"""From clips to predictions: follow the faces, read each a few times a second, average.

A clip's posterior is the mean over all faces that were read in it, every tube included, as the
2013 challenge's winner took it before its SVM (Kahou et al., doi:10.1007/s12193-015-0195-2).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from emotiw_cli.bundle.load import DEFAULT, load_bundle
from emotiw_cli.bundle.predict import align_faces
from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.clips.decode import ClipError, Frame, Reading, read_frames
from emotiw_cli.clips.result import ClipPrediction, Step, TubePrediction, mean_posterior
from emotiw_cli.clips.tubes import Follower, Tube
from emotiw_cli.faces.detect import Detection

Advance = Callable[[float], None]
"""Told how many seconds of a clip are read."""


def predict_clip(
    path: str, bundle: Bundle, *, draw: Path | None = None, advance: Advance = lambda seconds: None
) -> ClipPrediction:
    """Predict the emotions in a clip.

    Parameters
    ----------
    path : the file.
    bundle : reads the faces.
    draw : an annotated copy with the sound, and beside it a plot, ``.png``, go here.
    advance : is told how far the clip is read.

    Returns
    -------
    The prediction; a clip that cannot be read gets its status.

    Raises
    ------
    OutputError
        If a drawing cannot be written.
    """
    began = time.perf_counter()
    reading = Reading()
    follower = Follower()
    read: dict[int, list[Step]] = defaultdict(list)
    try:
        for seen in follower.follow(read_frames(Path(path), path, reading)):
            if seen.looked and seen.tubes:
                for tube, step in _read_faces(seen.frame, seen.tubes, bundle):
                    read[tube].append(step)
            advance(seen.frame.time)
    except ClipError as error:
        return ClipPrediction(path, error.status, note=str(error))
    tubes = tuple(
        TubePrediction(tube.number, tuple(tube.frames), tube.smoothed(), steps)
        for tube in follower.certain()
        # What was read after the face was last found may be something else.
        if (steps := tuple(step for step in read[tube.number] if step.time <= tube.times[-1]))
    )
    steps = tuple(step for tube in tubes for step in tube.steps)
    prediction = ClipPrediction(
        path,
        "ok" if steps else "no_face",
        mean_posterior(steps),
        tubes,
        reading.seconds,
        reading.frames,
        time.perf_counter() - began,
        reading.note,
    )
    if draw is not None and tubes:
        from emotiw_cli.clips.draw import draw_clip, write_plot

        draw_clip(prediction, draw)
        write_plot(prediction, draw.with_suffix(".png"))
    return prediction


def predict_clips(
    paths: Iterable[str | FacePrediction],
    bundle: str | Path = DEFAULT,
    *,
    work: Path = Path("work"),
    draw: Path | None = None,
    advance: Advance = lambda seconds: None,
) -> Iterator[ClipPrediction]:
    """Predict the emotions in clips, one after the other.

    Parameters
    ----------
    paths : as for :func:`emotiw_cli.bundle.predict.predict_paths`.
    bundle, work : as for :func:`emotiw_cli.bundle.load.load_bundle`.
    draw : folder for annotated copies and plots of the clips with faces.
    advance : as for :func:`predict_clip`.

    Raises
    ------
    ArtefactError, TamperedError
        If the bundle cannot be used.
    OutputError
        If a drawing cannot be written.
    """
    entries = list(paths)
    loaded = load_bundle(bundle, work=work)
    plan: dict[str, Path] = {}
    if draw is not None:
        from emotiw_cli.bundle.draw import plan_drawings

        plan = plan_drawings([entry for entry in entries if isinstance(entry, str)], draw, [".mp4"])
    for entry in entries:
        if isinstance(entry, str):
            yield predict_clip(entry, loaded, draw=plan.get(entry), advance=advance)
        else:
            yield ClipPrediction(entry.path, entry.status, note=entry.note)


def _read_faces(
    frame: Frame, tubes: tuple[Tube, ...], bundle: Bundle
) -> Iterator[tuple[int, Step]]:
    image = frame.image()
    boxes = [_detection(tube.boxes[-1], image) for tube in tubes]
    faces = align_faces(image, boxes, bundle)
    for tube, box, posterior in zip(tubes, boxes, bundle.posteriors(faces), strict=True):
        place = (box.x, box.y, box.width, box.height)
        yield tube.number, Step(frame.time, *place, tuple(posterior.tolist()))


def _detection(box: np.ndarray, image: np.ndarray) -> Detection:
    height, width = image.shape[:2]
    whole = tuple(int(v) for v in np.rint(box))
    x, y = min(max(0, whole[0]), width - 1), min(max(0, whole[1]), height - 1)
    right, bottom = min(width, whole[0] + whole[2]), min(height, whole[1] + whole[3])
    return Detection(
        *(x, y, max(1, right - x), max(1, bottom - y)),
        score=0.0,
        method="tube",
        outline=whole,  # type: ignore[arg-type]
    )
