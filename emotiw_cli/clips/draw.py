"""Annotated copies of clips, with their sound, and plots of emotions over time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emotiw_cli.artefact import landing, make_folder
from emotiw_cli.bundle.draw import COLOURS, annotate
from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.clips.decode import probe, read_frames, read_sound
from emotiw_cli.clips.result import ClipPrediction, Heard, Posterior, Step, emotion_of
from emotiw_cli.emotions import EMOTIONS

LONGEST = 1280
"""Larger frames are reduced to this longest side, in pixels, in an annotated copy."""

PANELS = 6
"""A plot shows so many tubes, those with the most steps."""

_CLOCK = 90_000
_SOUND_RATE = 48_000
_PLOT_WIDTH, _PANEL_HEIGHT = 1000, 220
_MARGIN, _GAP, _LEGEND = 60, 46, 120
_FINE = 2
_INK, _FAINT, _PAPER = (24, 28, 34), (120, 128, 138), (255, 255, 255)


def draw_clip(clip: ClipPrediction, target: Path, *, fps: float | None = None) -> None:
    """Write a copy of a clip, MP4, with a box and the emotions of every face, and its sound.

    Parameters
    ----------
    fps : frames a second, if the clip is an image sequence.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    make_folder(target.parent)
    source = Path(clip.path)
    info = probe(source, clip.path, fps=fps)
    marks = _Marks(clip)
    with landing(target) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        rate = Fraction(info.rate or 25).limit_denominator(1001)
        video = cast(av.VideoStream, container.add_stream(_codec(), rate=rate))
        video.pix_fmt = "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, _CLOCK)
        sound = _Sound(container, source) if info.sounds else None
        pts = -1
        for frame in read_frames(source, clip.path, fps=fps):
            picture = frame.image(LONGEST)
            scale = picture.shape[1] / frame.size[0]
            drawn = _even(annotate(picture, marks.at(frame.number, frame.time, scale)))
            if frame.number == 0:
                video.height, video.width = drawn.shape[:2]
            encoded = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            pts = max(pts + 1, round(frame.time * _CLOCK))
            encoded.pts, encoded.time_base = pts, Fraction(1, _CLOCK)
            container.mux(video.encode(encoded))
            if sound is not None:
                sound.write_until(frame.time)
        container.mux(video.encode(None))
        if sound is not None:
            sound.write_until(float("inf"))
            sound.end()


class _Sound:
    """Writes a clip's sound, AAC, as the pictures go on: a muxer without it would hold them."""

    def __init__(self, container: av.container.OutputContainer, source: Path) -> None:
        self._container = container
        self._stream = cast(av.AudioStream, container.add_stream("aac", rate=_SOUND_RATE))
        self._stream.layout = "stereo"
        self._blocks = read_sound(source, _SOUND_RATE, block=1024, stereo=True)
        self._written = 0

    def write_until(self, seconds: float) -> None:
        while self._written <= seconds * _SOUND_RATE:
            block = next(self._blocks, None)
            if block is None:
                return
            samples = np.ascontiguousarray(block)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
            frame.sample_rate, frame.pts = _SOUND_RATE, self._written
            frame.time_base = Fraction(1, _SOUND_RATE)
            self._container.mux(self._stream.encode(frame))
            self._written += block.shape[1]

    def end(self) -> None:
        self._container.mux(self._stream.encode(None))


def _codec() -> str:
    try:
        av.codec.Codec("libx264", "w")
    except av.codec.codec.UnknownCodecError:
        return "mpeg4"
    return "libx264"


def _even(picture: np.ndarray) -> np.ndarray:
    """`picture` with even sides, as encoders want them: the last row or column is repeated."""
    rows, columns = picture.shape[0] % 2, picture.shape[1] % 2
    return np.pad(picture, ((0, rows), (0, columns), (0, 0)), mode="edge")


class _Marks:
    """The faces of each frame, with posteriors that move evenly from step to step."""

    def __init__(self, clip: ClipPrediction) -> None:
        self._tubes = [
            (
                tube.number,
                dict(zip(tube.frames, tube.boxes, strict=True)),
                np.array([step.time for step in tube.steps]),
                np.array([step.posterior for step in tube.steps]),
            )
            for tube in clip.tubes
        ]

    def at(self, number: int, time: float, scale: float) -> list[FacePrediction]:
        faces = []
        for tube, boxes, times, posteriors in self._tubes:
            if number in boxes:
                box = np.rint(boxes[number] * scale).astype(int)
                now = [
                    np.interp(time, times, posteriors[:, place]) for place in range(len(EMOTIONS))
                ]
                x, y, width, height = (int(v) for v in box)
                posterior = tuple(float(share) for share in now)
                faces.append(FacePrediction("", "ok", tube, x, y, width, height, posterior))
        return faces


def write_plot(clip: ClipPrediction, target: Path) -> None:
    """Write :func:`plot` as PNG, whole or not at all; OutputError if it cannot be."""
    make_folder(target.parent)
    with landing(target) as temporary:
        Image.fromarray(plot(clip)).save(temporary, "PNG")


def plot(clip: ClipPrediction) -> np.ndarray:
    """Emotions over time: posteriors as stacked bands, of each tube and, last, of the voice.

    Returns
    -------
    (H, W, 3) uint8 RGB.
    """
    tubes = sorted(clip.tubes, key=lambda tube: (-len(tube.steps), tube.number))[:PANELS]
    tubes.sort(key=lambda tube: tube.number)
    shown: list[tuple[str, Sequence[Step | Heard], Posterior]] = [
        (f"face {tube.number}", tube.steps, tube.posterior) for tube in tubes
    ]
    if clip.heard:
        shown.append(("voice", clip.heard, clip.voice_posterior))
    height = _MARGIN + max(1, len(shown)) * (_PANEL_HEIGHT + _GAP)
    canvas = Image.new("RGB", (_PLOT_WIDTH * _FINE, height * _FINE), _PAPER)
    pen = ImageDraw.Draw(canvas)
    title = f"{Path(clip.path).name}: {emotion_of(clip.posterior) or 'no answer'}"
    if clip.posterior:
        title += f" {100 * max(clip.posterior):.0f} %"
    _text(pen, (_MARGIN, 26), title.encode("ascii", "replace").decode(), _INK, 18, "lm")
    for row, (name, steps, mean) in enumerate(shown):
        top = _MARGIN + row * (_PANEL_HEIGHT + _GAP)
        _panel(pen, name, steps, mean, max(clip.seconds, 0.1), top)
    return np.asarray(canvas.reduce(_FINE))


def _panel(
    pen: ImageDraw.ImageDraw,
    name: str,
    steps: Sequence[Step | Heard],
    mean: Posterior,
    seconds: float,
    top: int,
) -> None:
    left, right = _MARGIN, _PLOT_WIDTH - _LEGEND
    bottom = top + _PANEL_HEIGHT

    def x(time: float) -> float:
        return left + (right - left) * time / seconds

    # A step stands for the time until the next; a lone one for a moment that can be seen.
    times = [step.time for step in steps]
    if len(times) == 1:
        times = [times[0], min(seconds, times[0] + seconds / 50)]
    shares = np.array([step.posterior for step in steps])
    shares = np.vstack([shares, shares]) if len(steps) == 1 else shares
    edges = bottom - _PANEL_HEIGHT * np.hstack(
        [np.zeros((len(times), 1)), np.cumsum(shares, axis=1).clip(0, 1)]
    )
    for place, emotion in enumerate(EMOTIONS):
        upper = [(x(t), y) for t, y in zip(times, edges[:, place + 1], strict=True)]
        lower = [(x(t), y) for t, y in zip(times, edges[:, place], strict=True)]
        outline = [(a * _FINE, b * _FINE) for a, b in (*upper, *reversed(lower))]
        pen.polygon(outline, fill=COLOURS[emotion])
        pen.line(outline[: len(upper)], fill=_PAPER, width=_FINE)
    for share in (0, 50, 100):
        y = bottom - _PANEL_HEIGHT * share / 100
        pen.line([(left * _FINE, y * _FINE), (right * _FINE, y * _FINE)], fill=_FAINT, width=1)
        _text(pen, (left - 8, y), f"{share} %", _FAINT, 12, "rm")
    for time in _ticks(seconds):
        pen.line(
            [(x(time) * _FINE, bottom * _FINE), (x(time) * _FINE, (bottom + 5) * _FINE)],
            fill=_FAINT,
            width=_FINE,
        )
        _text(pen, (x(time), bottom + 14), f"{time:g} s", _FAINT, 12, "mm")
    _text(pen, (left, top - 10), name, _INK, 13, "lm")
    means = np.array(mean)
    for line, place in enumerate(np.argsort(-means)):
        y = top + 10 + 26 * line
        pen.rectangle(
            [((right + 16) * _FINE, (y - 6) * _FINE), ((right + 28) * _FINE, (y + 6) * _FINE)],
            fill=COLOURS[EMOTIONS[place]],
        )
        label = f"{EMOTIONS[place]} {100 * means[place]:.0f} %"
        _text(pen, (right + 34, y), label, _INK, 12, "lm")


def _ticks(seconds: float) -> list[float]:
    """Round times, at most a dozen."""
    steps = itertools.chain.from_iterable((10**k, 2 * 10**k, 5 * 10**k) for k in range(-2, 6))
    step = next(step for step in steps if seconds / step <= 11)
    return [float(f"{place * step:.6g}") for place in range(int(seconds / step + 1e-9) + 1)]


def _text(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    colour: tuple[int, int, int],
    size: int,
    anchor: str,
) -> None:
    font = ImageFont.load_default(size * _FINE)
    pen.text((at[0] * _FINE, at[1] * _FINE), text, fill=colour, font=font, anchor=anchor)
