"""Small clips for tests, written by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray] = (),
    *,
    rate: int = 10,
    times: Sequence[int] | None = None,
    sounds: Sequence[tuple[np.ndarray, int]] = (),
    rotation: int = 0,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures and sounds to a container that the suffix of `path` names.

    Parameters
    ----------
    frames : (H, W, 3) uint8 RGB, even sides.
    times : of each frame, in units of 1 / `rate` seconds; by default 0, 1, 2, …
    sounds : audio streams: samples (n,) or (2, n) float in ±1, and their rate.
    rotation : counter-clockwise turn in degrees that players shall apply.
    aspect : width of a pixel over its height.
    options : of the container.
    """
    frames = list(frames)
    with av.open(str(path), "w", options=options or {}) as container:
        video = None
        if frames:
            video = container.add_stream("mpeg4", rate=rate)
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = "yuv420p"
            video.bit_rate = 4_000_000
            video.time_base = Fraction(1, rate)
            if aspect:
                video.codec_context.sample_aspect_ratio = aspect
            if rotation:
                video.set_display_rotation(rotation)
        streams = [(_sound_stream(container, path, hertz, samples)) for samples, hertz in sounds]
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, rate)
            container.mux(video.encode(frame))
        if video is not None:
            container.mux(video.encode(None))
        for stream, (samples, hertz) in zip(streams, sounds, strict=True):
            samples = np.atleast_2d(np.asarray(samples, np.float32))
            layout = "stereo" if len(samples) == 2 else "mono"
            sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
            sound.sample_rate = hertz
            sound.pts = 0
            resampler = av.AudioResampler(
                format=stream.codec_context.format,
                layout=layout,
                rate=hertz,
                frame_size=stream.codec_context.frame_size or None,
            )
            for part in (*resampler.resample(sound), *resampler.resample(None)):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    return path


def _sound_stream(container: object, path: Path, hertz: int, samples: np.ndarray) -> object:
    codec = {".avi": "pcm_s16le", ".mkv": "flac", ".wav": "pcm_s16le"}.get(path.suffix, "aac")
    stream = container.add_stream(codec, rate=hertz)  # type: ignore[attr-defined]
    stream.layout = "stereo" if np.ndim(samples) == 2 else "mono"
    if codec == "flac":
        stream.format = "s16"
    stream.codec_context.open()
    return stream


def grey(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Plain frames of `size` (width, height), each of another grey: 0, 10, 20, …"""
    return [np.full((size[1], size[0], 3), 10 * number % 256, np.uint8) for number in range(count)]


def tone(seconds: float, hertz: int, pitch: float = 440.0) -> np.ndarray:
    """A sine of amplitude ½."""
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * hertz)) / hertz)


class FaceOnGround:
    """A photo's face on a plain ground, at any place.

    Parameters
    ----------
    photo : with a face that fills it.
    side : of the pasted part, in pixels.
    """

    def __init__(self, photo: Path, side: int = 200) -> None:
        # The head of examples/photos/grace_hopper.jpg.
        self._face = Image.open(photo).convert("RGB").crop((100, 20, 420, 400)).resize((side, side))

    def at(
        self, *corners: tuple[int, int], size: tuple[int, int] = (320, 240), turn: float = 0
    ) -> np.ndarray:
        """A frame of `size` with the face at each of `corners` (left, top), turned by degrees."""
        ground = Image.new("RGB", size, (40, 90, 60))
        face = self._face.rotate(turn, Image.Resampling.BILINEAR, fillcolor=(40, 90, 60))
        for corner in corners:
            ground.paste(face, corner)
        return np.asarray(ground)
