"""From clips to predictions: follow the faces, read each a few times a second, listen, fuse.

The faces' posterior is the mean over all that were read, every tube included, as the 2013
challenge's winner took it before its SVM (Kahou et al., doi:10.1007/s12193-015-0195-2); the voice's
is the mean over the spans of sound in which somebody speaks. A clip without the one has the other.
A bundle of a system sees what `emotiw clips tubes` stores, and hears it, and answers as it was
fused.
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from emotiw_cli.bundle.load import DEFAULT
from emotiw_cli.bundle.predict import align_faces
from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.clips.bundle import ClipBundle, load_clip_bundle
from emotiw_cli.clips.decode import ClipError, Frame, Reading, read_frames, read_sound
from emotiw_cli.clips.look_twice import look_twice
from emotiw_cli.clips.made_clip import as_stored
from emotiw_cli.clips.result import (
    ClipPrediction,
    Heard,
    Step,
    TubePrediction,
)
from emotiw_cli.clips.sequence import is_sequence
from emotiw_cli.clips.system import Reader, Sight
from emotiw_cli.clips.tubes import Follower, Tube, crop, detection
from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.clips.voice.run import STEP, VoiceModel
from emotiw_cli.errors import OutputError
from emotiw_cli.faces.detection import Detection

Advance = Callable[[float], None]
"""Told how many seconds of a clip are read."""


def predict_clip(
    path: str,
    bundle: ClipBundle,
    *,
    fps: float | None = None,
    draw: Path | None = None,
    advance: Advance = lambda seconds: None,
) -> ClipPrediction:
    """Predict the emotions in a clip.

    Parameters
    ----------
    path : the file, or with `fps` an image sequence, see :mod:`emotiw_cli.clips.sequence`.
    bundle : reads the faces and, if it can, the voice.
    fps : frames a second of an image sequence.
    draw : an annotated copy with the sound, and beside it a plot, ``.png``, go here.
    advance : is told how far the clip is read.

    Returns
    -------
    The prediction; a clip that cannot be read gets its status. Sound without pictures is answered
    by the voice, if there is one.

    Raises
    ------
    OutputError
        If a drawing cannot be written.
    """
    began = time.perf_counter()
    reading, refusal = Reading(), None
    tubes: tuple[TubePrediction, ...] = ()
    system = bundle.system.begin() if bundle.system is not None else None
    try:
        if system is not None:
            tubes = _show(path, reading, bundle, system, advance, fps)
        else:
            tubes = _see(path, reading, bundle.faces, advance, fps)
    except ClipError as error:
        refusal = error
        if error.status != "no_video" or not bundle.voices:
            return ClipPrediction(path, error.status, note=str(error))
    heard: tuple[Heard, ...] = ()
    for voice in bundle.voices:
        spans, seconds = _listen(path, voice, system)
        heard = heard or spans
        reading.seconds = max(reading.seconds, seconds)
    if refusal is not None:
        if not heard:
            return ClipPrediction(path, refusal.status, note=str(refusal))
        reading.note = f"{path} has no pictures: the voice alone answers."
    prediction = ClipPrediction(path, "no_face", (), tubes, heard)
    if tubes or heard:
        posterior = bundle.fuse(prediction.faces_posterior, prediction.voice_posterior)
        if system is not None:
            posterior = tuple(system.posterior().tolist()) if system.said else ()
            if not posterior:
                nothing = f"{path} has nothing that the bundle's modules read, so it has no answer."
                reading.note = f"{reading.note} {nothing}".strip()
        prediction = replace(
            prediction, status="ok" if tubes else "voice_only", posterior=posterior
        )
    prediction = replace(
        prediction,
        seconds=reading.seconds,
        frames=reading.frames,
        took=time.perf_counter() - began,
        note=reading.note,
    )
    if draw is not None and tubes:
        from emotiw_cli.clips.draw import draw_clip, write_plot

        draw_clip(prediction, draw, fps=fps)
        write_plot(prediction, draw.with_suffix(".png"))
    return prediction


def predict_clips(
    paths: Iterable[str | FacePrediction],
    bundle: str | Path = DEFAULT,
    *,
    work: Path = Path("work"),
    voice: bool = True,
    fps: float | None = None,
    draw: Path | None = None,
    advance: Advance = lambda seconds: None,
) -> Iterator[ClipPrediction]:
    """Predict the emotions in clips, one after the other.

    Parameters
    ----------
    paths : as for :func:`emotiw_cli.bundle.predict.predict_paths`.
    bundle, work, voice : as for :func:`emotiw_cli.clips.bundle.load_clip_bundle`.
    fps : as for :func:`predict_clip`, of every image sequence among the paths.
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
    loaded = load_clip_bundle(bundle, work=work, voice=voice)
    plan: dict[str, Path] = {}
    if draw is not None:
        plan = _plan([entry for entry in entries if isinstance(entry, str)], draw)
    for entry in entries:
        if isinstance(entry, str):
            yield predict_clip(entry, loaded, fps=fps, draw=plan.get(entry), advance=advance)
        else:
            yield ClipPrediction(entry.path, entry.status, note=entry.note)


def _plan(paths: list[str], draw: Path) -> dict[str, Path]:
    """Where the annotated copy of each clip goes: never among the pictures of a sequence."""
    from emotiw_cli.bundle.draw import plan_drawings

    plan = plan_drawings(paths, draw, [".mp4"])
    sequences = {
        (path if path.is_dir() else path.parent).resolve()
        for path in map(Path, paths)
        if is_sequence(path)
    }
    for target in plan.values():
        if target.parent.resolve() in sequences:
            raise OutputError(
                f"{target} would lie among the pictures of a clip; draw into another folder."
            )
    return plan


def _see(
    path: str, reading: Reading, bundle: Bundle, advance: Advance, fps: float | None
) -> tuple[TubePrediction, ...]:
    follower = Follower()
    read: dict[int, list[Step]] = defaultdict(list)
    for seen in follower.follow(read_frames(Path(path), path, reading, fps=fps)):
        if seen.looked:
            for tube, step in read_faces(seen.frame, seen.tubes, bundle):
                read[tube].append(step)
        advance(seen.frame.time)
    return tuple(
        TubePrediction(tube.number, tuple(tube.frames), tube.smoothed(), steps)
        for tube in follower.certain()
        # What was read after the face was last found may be something else.
        if (steps := tuple(step for step in read[tube.number] if step.time <= tube.times[-1]))
    )


def _show(
    path: str,
    reading: Reading,
    bundle: ClipBundle,
    system: Reader,
    advance: Advance,
    fps: float | None,
) -> tuple[TubePrediction, ...]:
    """Show a system the faces as tubes hold them; what the bundle's still one says of those of the
    looks, too.
    """
    shown = look_twice(
        lambda: read_frames(Path(path), path, reading, fps=fps),
        lambda: read_frames(Path(path), path, fps=fps),
        every_frame=bundle.every_frame,
        advance=advance,
    )
    read: dict[int, list[Step]] = defaultdict(list)
    tubes: dict[int, Tube] = {}
    for faces in shown:
        image = faces.frame.image()
        places = [detection(box, image) for box in faces.boxes]
        numbers = [tube.number for tube in faces.tubes]
        sight = Sight(
            np.stack([crop(image, box) for box in faces.boxes]),
            functools.partial(align_faces, image, places, bundle.faces),
            np.array(numbers),
            faces.last,
        )
        system.see(sight)
        tubes.update(zip(numbers, faces.tubes, strict=True))
        if faces.looked:
            for number, place, posterior in zip(
                numbers, places, sight.posteriors(bundle.faces), strict=True
            ):
                read[number].append(_step(faces.frame, place, posterior))
    return tuple(
        TubePrediction(number, tuple(tube.frames), tube.smoothed(), tuple(read[number]))
        for number, tube in sorted(tubes.items())
    )


def _listen(
    path: str, voice: VoiceModel, system: Reader | None = None
) -> tuple[tuple[Heard, ...], float]:
    """The spans with a voice, and the length of the sound in seconds; a system hears them too, as
    tubes hold the sound.
    """
    samples = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal samples
        for block in read_sound(Path(path), RATE, block=round(STEP * RATE), name=path):
            samples += len(block)
            yield block if system is None else as_stored(block).astype(np.float32)

    heard = []
    for middle, posterior in voice.over_time(counted()):
        heard.append(Heard(middle, tuple(posterior.tolist())))
        if system is not None:
            system.hear(voice, posterior)
    return tuple(heard), samples / RATE


def read_faces(frame: Frame, tubes: tuple[Tube, ...], bundle: Bundle) -> Iterator[tuple[int, Step]]:
    """Each tube's number and what `bundle` says of its face in `frame`."""
    if not tubes:
        return
    image = frame.image()
    boxes = [detection(tube.boxes[-1], image) for tube in tubes]
    faces = align_faces(image, boxes, bundle)
    for tube, box, posterior in zip(tubes, boxes, bundle.posteriors(faces), strict=True):
        yield tube.number, _step(frame, box, posterior)


def _step(frame: Frame, box: Detection, posterior: np.ndarray) -> Step:
    return Step(frame.time, box.x, box.y, box.width, box.height, tuple(posterior.tolist()))
