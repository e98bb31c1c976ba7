"""The one reader of clips: any container and codec of FFmpeg, by PyAV, and image sequences.

A frame is handed on as soon as it is decoded and no frame is kept, so memory does not grow with
the length of a clip. Frames carry the time they are shown at, which alone is right where the
frame rate varies, turn upright by the container's display matrix, and are as wide as they are
shown where pixels are not square.
"""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation

from emotiw_cli.clips.sequence import is_sequence, list_sequence
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import ImageError, load_image

MAX_PIXELS = 8192 * 4608
"""Largest frame decoded, in pixels."""

Status = Literal["missing", "unreadable", "no_video", "too_large"]

_FALLBACK_RATE = 25.0
_STILLS = ("image2", "gif", "tty")
_SHORT_SECONDS = 0.5


class ClipError(InputError):
    """A clip that cannot be used; `status` is the word its row gets."""

    def __init__(self, message: str, status: Status) -> None:
        super().__init__(message)
        self.status: Status = status


@dataclass(frozen=True)
class ClipInfo:
    """What a clip's header says.

    Attributes
    ----------
    width, height : of the upright frame, in pixels.
    rate : frames a second on average, 0 if unknown.
    seconds : length, 0 if unknown.
    sounds : sampling rate of each audio stream, in Hz.
    """

    width: int
    height: int
    rate: float
    seconds: float
    sounds: tuple[int, ...]


class Frame:
    """One decoded frame.

    Parameters
    ----------
    number, time : see below. decoded : as it is stored.
    aspect : width of a stored pixel over its height.

    Attributes
    ----------
    number : its place in the clip, from 0.
    time : when it is shown, in seconds from the first frame.
    """

    def __init__(
        self, number: int, time: float, decoded: av.VideoFrame, *, aspect: float = 1.0
    ) -> None:
        self.number, self.time, self._decoded = number, time, decoded
        self._shown = (max(1, round(decoded.width * aspect)), decoded.height)
        self._images: dict[int | None, np.ndarray] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture, in pixels."""
        width, height = self._shown
        return (height, width) if _quarter_turns(self._decoded) % 2 else (width, height)

    def image(self, longest: int | None = None) -> np.ndarray:
        """The upright picture, (H, W, 3) uint8 RGB, C-contiguous.

        Parameters
        ----------
        longest : reduce it to this longest side, in pixels, if it is larger; None: as it is.
        """
        size = self._shown
        if longest is not None and longest >= max(size):
            longest = None
        if longest not in self._images:
            if longest is not None:
                scale = longest / max(size)
                size = (max(2, round(scale * size[0])), max(2, round(scale * size[1])))
            picture = self._decoded.reformat(
                *size, format="rgb24", interpolation=Interpolation.AREA
            ).to_ndarray()
            upright = np.rot90(picture, _quarter_turns(self._decoded))
            self._images[longest] = np.ascontiguousarray(upright)
        return self._images[longest]


def probe(path: Path, name: str = "", *, fps: float | None = None) -> ClipInfo:
    """Read a clip's header and its first frame.

    Parameters
    ----------
    path, name, fps : as for :func:`read_frames`.

    Raises
    ------
    ClipError
        As :func:`read_frames`, except that a clip without pictures has ``width`` 0.
    """
    name = name or str(path)
    if fps is not None and is_sequence(path):
        first = next(_read_pictures(path, name, fps, Reading()))
        return ClipInfo(*first.size, fps, 0.0, ())
    with _opened(path, name) as container:
        sounds = tuple(stream.rate for stream in container.streams.audio)
        seconds = _seconds(container)
        video = _video(container)
        if video is None:
            return ClipInfo(0, 0, 0.0, seconds, sounds)
        _check_size(video, name)
        rate = float(video.average_rate or 0)
        turned = False
        with contextlib.suppress(av.FFmpegError):
            for frame in container.decode(video):
                turned = _quarter_turns(frame) % 2 == 1
                break
        width, height = round(video.width * _aspect(video)), video.height
        if turned:
            width, height = height, width
        return ClipInfo(width, height, rate, seconds, sounds)


@dataclass
class Reading:
    """How the reading of a clip went; filled in by :func:`read_frames`.

    Attributes
    ----------
    frames : frames decoded. seconds : when the last of them ended.
    note : a sentence if the clip is cut short or damaged, else empty.
    """

    frames: int = 0
    seconds: float = 0.0
    note: str = ""


def read_frames(
    path: Path, name: str = "", reading: Reading | None = None, *, fps: float | None = None
) -> Iterator[Frame]:
    """Yield the frames of a clip one by one.

    A clip that ends early or has damaged parts gives the frames it has; `reading` then holds a
    sentence on it. Frames of another size than the first are fitted into it, on black.

    Parameters
    ----------
    path : the file, or an image sequence: a folder or a pattern such as ``frames/%04d.png``.
    name : what messages call it.
    reading : is kept up to date.
    fps : frames a second of an image sequence; without, such is not read.

    Raises
    ------
    ClipError
        With status ``missing`` (no file, or not one picture in a sequence); ``unreadable`` (empty,
        no video container, not one frame); ``no_video`` (sound alone); ``too_large``
        (:data:`MAX_PIXELS`).
    """
    name = name or str(path)
    reading = Reading() if reading is None else reading
    if fps is not None and is_sequence(path):
        yield from _read_pictures(path, name, fps, reading)
        return
    with _opened(path, name) as container:
        video = _video(container)
        if video is None:
            raise ClipError(f"{name} has sound but no pictures: give a video.", "no_video")
        _check_size(video, name)
        video.thread_type = "AUTO"
        expected = _seconds_of_pictures(container, video)
        step = 1 / float(video.average_rate or _FALLBACK_RATE)
        first, last = None, -step
        size: tuple[int, int] | None = None
        damaged, spoiled = "", 0
        for decoded in _forgiving(container, video):
            if isinstance(decoded, str):
                damaged = decoded
                continue
            # A frame without a time, or that claims to lie before the one it follows, comes next.
            at = None if decoded.time is None else float(decoded.time)
            if first is None:
                first = at or 0.0
            time = last + step if at is None or at - first < last else at - first
            last = max(time, 0.0)
            spoiled += decoded.is_corrupt
            size = size or (decoded.width, decoded.height)
            if (decoded.width, decoded.height) != size:
                decoded = _of_picture(decoded.to_ndarray(format="rgb24"), size)
            yield Frame(reading.frames, last, decoded, aspect=_aspect(video))
            reading.frames += 1
            reading.seconds = last + step
        if reading.frames == 0:
            raise ClipError(
                f"{name} has no frame that can be decoded, it may be cut short or empty: copy it "
                "again.",
                "unreadable",
            )
        if expected - reading.seconds > max(_SHORT_SECONDS, 0.05 * expected):
            reading.note = (
                f"{name} is cut short: {reading.seconds:.1f} of {expected:.1f} s can be decoded; "
                "copy it again for the rest."
            )
        elif video.frames - reading.frames > max(1, 0.05 * video.frames):
            reading.note = (
                f"{name} is cut short: {reading.frames} of {video.frames} frames can be decoded; "
                "copy it again for the rest."
            )
        elif damaged or spoiled:
            what = damaged or f"{spoiled} of {reading.frames} frames are spoiled"
            reading.note = f"{name} is damaged ({what}): more may be missing."


def _read_pictures(path: Path, name: str, fps: float, reading: Reading) -> Iterator[Frame]:
    try:
        listed = list_sequence(path)
    except OSError as error:
        raise ClipError(
            f"{name} cannot be listed ({error.strerror}): check its permissions.", "unreadable"
        ) from error
    if not listed.files:
        raise ClipError(f"{name} holds no pictures: check the path.", "missing")
    size: tuple[int, int] | None = None
    fitted, bad = 0, 0
    trouble: ImageError | None = None
    for file, place in zip(listed.files, listed.places, strict=True):
        try:
            picture = load_image(file, name=file.name, max_pixels=MAX_PIXELS)
        except ImageError as error:
            trouble, bad = trouble or error, bad + 1
            continue
        size = size or (picture.shape[1], picture.shape[0])
        fitted += (picture.shape[1], picture.shape[0]) != size
        yield Frame(reading.frames, place / fps, _of_picture(picture, size))
        reading.frames += 1
        reading.seconds = (place + 1) / fps
    if trouble is not None and not reading.frames:
        status: Status = "too_large" if trouble.status == "too_large" else "unreadable"
        raise ClipError(f"{name} has no picture that can be read: {trouble}", status)
    reason = str(trouble).rstrip(".")
    faults = [
        *(["its pictures, not numbered as one, follow by name"] if listed.unnumbered else []),
        *([f"pictures are missing for {listed.holes} of its numbers"] if listed.holes else []),
        *([f"{bad} of {len(listed.files)} pictures cannot be read ({reason})"] if bad else []),
        *([f"{fitted} are of another size than the first and fitted into it"] if fitted else []),
    ]
    reading.note = f"{name}: {', '.join(faults)}." if faults else ""


def _of_picture(picture: np.ndarray, size: tuple[int, int]) -> av.VideoFrame:
    """A decoded frame of `size` (width, height); a picture of another is fitted into it."""
    height, width = picture.shape[:2]
    if (width, height) != size:
        zoom = min(size[0] / width, size[1] / height)
        inner = max(1, round(width * zoom)), max(1, round(height * zoom))
        way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        canvas = np.zeros((size[1], size[0], 3), np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
            picture, inner, interpolation=way
        )
        picture = canvas
    return av.VideoFrame.from_ndarray(picture, format="rgb24")


def read_sound(
    path: Path,
    rate: int,
    *,
    block: int | None = None,
    stream: int = 0,
    stereo: bool = False,
    name: str = "",
) -> Iterator[np.ndarray]:
    """Yield a clip's sound, resampled and, unless `stereo`, mixed to one channel.

    Parameters
    ----------
    rate : wanted samples a second.
    block : samples a piece; the last one may be shorter. None: all in one piece.
    stream : which of the audio streams.
    stereo : keep two channels, or make two of one.

    Yields
    ------
    (n,) or (2, n) float32, full scale is 1. Nothing for a clip without that stream, nor for an
    image sequence.

    Raises
    ------
    ClipError
        If the file cannot be opened. Sound that is cut short ends where it is cut.
    """
    name = name or str(path)
    if is_sequence(path):
        return
    with _opened(path, name) as container:
        if stream >= len(container.streams.audio):
            return
        source = container.streams.audio[stream]
        pieces: list[np.ndarray] = []
        held = 0
        for piece in _resampled(container, source, rate, stereo):
            pieces.append(piece)
            held += piece.shape[-1]
            while block is not None and held >= block:
                joined = np.concatenate(pieces, axis=-1)
                yield joined[..., :block]
                pieces = [joined[..., block:]]
                held -= block
        if held:
            yield np.concatenate(pieces, axis=-1)


def _resampled(container: Any, source: Any, rate: int, stereo: bool) -> Iterator[np.ndarray]:
    """Pieces of sound; one channel is the mean of all: FFmpeg's mix of two is 3 dB louder."""
    resampler, shape = None, None
    for frame in _forgiving(container, source):
        if isinstance(frame, str):
            continue
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != shape:  # a stream may change its form midway
            yield from _pieces(resampler, None, stereo)
            layout = "stereo" if stereo else frame.layout
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        shape = now
        frame.pts = None
        yield from _pieces(resampler, frame, stereo)
    yield from _pieces(resampler, None, stereo)


def _pieces(
    resampler: av.AudioResampler | None, frame: av.AudioFrame | None, stereo: bool
) -> Iterator[np.ndarray]:
    if resampler is not None:
        for part in resampler.resample(frame):
            samples = part.to_ndarray()
            yield samples if stereo else samples.mean(axis=0)


@contextlib.contextmanager
def _opened(path: Path, name: str) -> Iterator[Any]:
    if is_sequence(path):
        raise ClipError(
            f"{name} is a folder or a pattern: give a video, or the frames a second of its "
            "pictures (--sequence, in a csv the column fps).",
            "unreadable",
        )
    try:
        info = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ClipError(f"{name} does not exist: check the path.", "missing") from error
    except OSError as error:
        raise ClipError(
            f"{name} cannot be opened ({error.strerror}): check the path and its permissions.",
            "unreadable",
        ) from error
    if not stat.S_ISREG(info.st_mode):
        raise ClipError(f"{name} is not a regular file: give the path of a video.", "unreadable")
    if info.st_size == 0:
        raise ClipError(f"{name} is empty (0 bytes): copy it again.", "unreadable")
    try:
        # By its absolute path: a name such as `concat:a.mp4` is a file, not a protocol.
        container = av.open(f"file:{path.absolute()}", metadata_errors="replace")
    except PermissionError as error:
        raise ClipError(
            f"{name} cannot be opened (no permission): check its permissions.", "unreadable"
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ClipError(
            f"{name} is not a video, or is cut short before its index ({_reason(error)}): give a "
            "video, or copy it again.",
            "unreadable",
        ) from error
    with container:
        kind = container.format.name
        if kind.startswith(_STILLS) or kind.endswith("_pipe"):
            raise ClipError(
                f"{name} is a picture or a text, not a video, whatever its name says: give a "
                "video.",
                "unreadable",
            )
        if not container.streams.video and not container.streams.audio:
            raise ClipError(f"{name} has neither pictures nor sound: give a video.", "unreadable")
        yield container


def _video(container: Any) -> Any:
    """The first video stream that is no cover picture, or None."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def _aspect(video: Any) -> float:
    """Width of a pixel over its height; 1 if the clip does not say, or says what cannot be."""
    told = float(video.sample_aspect_ratio or 1)
    return told if 0.25 <= told <= 4 else 1.0


def _check_size(video: Any, name: str) -> None:
    if video.width * video.height > MAX_PIXELS:
        raise ClipError(
            f"{name} has frames of {video.width}×{video.height} pixels, more than the "
            f"{MAX_PIXELS / 1e6:.0f} million read here: make it smaller first.",
            "too_large",
        )


def _forgiving(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames; a packet that cannot be decoded yields the reason, a string, instead."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError) as error:
            yield _reason(error)
            return
        try:
            yield from packet.decode()
        except (av.FFmpegError, OSError, ValueError) as error:
            yield _reason(error)


def _seconds(container: Any) -> float:
    return float(container.duration or 0) / av.time_base


def _seconds_of_pictures(container: Any, video: Any) -> float:
    """How long the pictures are to last, 0 if unknown: the sound may be longer."""
    if video.duration and video.time_base:
        return float(video.duration * video.time_base)
    # Matroska has it as text alone, 00:01:02.500000000.
    written = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", video.metadata.get("DURATION", ""))
    if written:
        hours, minutes, seconds = map(float, written.groups())
        return 3600 * hours + 60 * minutes + seconds
    return 0.0 if container.streams.audio else _seconds(container)


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that make a frame upright; other angles are left alone."""
    return round(frame.rotation / 90) % 4 if frame.rotation % 90 == 0 else 0


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).strip().splitlines()[0]
