"""How `predict` answers live: a window where there is a display, rows anywhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotiw_cli.clips.live import Look, Means
    from emotiw_cli.clips.window import Window

LINE_EVERY_S = 1.0
"""On a terminal there is a line a face so often."""


def predict_camera_verb(
    camera: int,
    *,
    csv: str | None,
    bundle: str,
    work: Path,
    terminal: bool,
) -> None:
    """Predict until interrupted, until the window is closed, or until there are no more frames."""
    from emotiw_cli.clips import live
    from emotiw_cli.clips.bundle import load_clip_bundle
    from emotiw_cli.clips.window import open_window
    from emotiw_cli.commands._console import opened, say

    loaded = load_clip_bundle(bundle, work=work, voice=False).faces
    means, looks, began = live.Means(), 0, time.monotonic()
    window = None
    told = -LINE_EVERY_S
    try:
        # Ctrl-C is how a camera ends: what was seen by then is the whole output.
        with opened((_rows_file, csv)) as writers, contextlib.suppress(KeyboardInterrupt):
            for look in live.watch(live.camera_frames(camera), loaded):
                if not looks:
                    window = open_window(f"emotiw: camera {camera}")
                    say(f"emotiw: reading camera {camera}; Ctrl-C ends.")
                looks += 1
                means.add(look)
                for write in writers:
                    write((camera, look))
                if terminal and look.frame.time >= told + LINE_EVERY_S:
                    told = look.frame.time
                    _print_lines(look)
                if window is not None:
                    _show(window, look)
                    if window.closed:
                        break
    finally:
        if window is not None:
            window.end()
        if looks:
            say(_summary(means, looks, time.monotonic() - began))


def _rows_file(target: str) -> Any:
    from emotiw_cli.bundle.result import csv_rows
    from emotiw_cli.clips.result import COLUMNS

    return csv_rows(target, COLUMNS, _rows)


def _rows(seen: tuple[int, Look]) -> Iterator[list[str]]:
    from emotiw_cli.clips.result import ClipPrediction

    camera, look = seen
    clip = ClipPrediction(f"camera {camera}", "ok" if look.faces else "no_face")
    if not look.faces:
        yield clip.step_row("", look.frame.time, None)
    for number, step in look.faces:
        yield clip.step_row(number, look.frame.time, step)


def _print_lines(look: Look) -> None:
    from emotiw_cli.clips.result import emotion_of

    if not look.faces:
        print(f"{look.frame.time:7.1f} s  no face", flush=True)
    for number, step in look.faces:
        answer = f"{emotion_of(step.posterior)} {100 * max(step.posterior):.0f} %"
        print(f"{look.frame.time:7.1f} s  face {number}  {answer}", flush=True)


def _show(window: Window, look: Look) -> None:
    from emotiw_cli.bundle.draw import annotate
    from emotiw_cli.bundle.result import FacePrediction
    from emotiw_cli.clips.draw import LONGEST

    picture = look.frame.image(LONGEST)
    scale = picture.shape[1] / look.frame.size[0]
    faces = []
    for number, step in look.faces:
        x, y, width, height = (
            round(scale * side) for side in (step.x, step.y, step.width, step.height)
        )
        faces.append(FacePrediction("", "ok", number, x, y, width, height, step.posterior))
    window.show(annotate(picture, faces))


def _summary(means: Means, looks: int, seconds: float) -> str:
    from emotiw_cli.clips.result import emotion_of

    faces = means.of_faces()
    told = [
        f"face {number} {emotion_of(mean)} {100 * max(mean):.0f} %"
        for number, mean in list(faces.items())[:10]
    ]
    more = f", … and {len(faces) - 10} more faces" if len(faces) > 10 else ""
    return f"emotiw: {seconds:.1f} s, {looks} looks, {', '.join(told) or 'no face'}{more}"
