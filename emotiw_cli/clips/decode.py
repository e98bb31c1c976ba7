"""The one reader of clips: any container and codec of FFmpeg, by PyAV, streamed.

A frame is handed on as soon as it is decoded and no frame is kept, so memory does not grow with
the length of a clip. Frames carry the time they are shown at, which alone is right where the
frame rate varies, and turn upright by the container's display matrix.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.video.reformatter import Interpolation

from emotiw_cli.errors import InputError

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

    Attributes
    ----------
    number : its place in the clip, from 0.
    time : when it is shown, in seconds from the first frame.
    """

    def __init__(self, number: int, time: float, decoded: av.VideoFrame) -> None:
        self.number, self.time, self._decoded = number, time, decoded
        self._images: dict[int | None, np.ndarray] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture, in pixels."""
        width, height = self._decoded.width, self._decoded.height
        return (height, width) if _quarter_turns(self._decoded) % 2 else (width, height)

    def image(self, longest: int | None = None) -> np.ndarray:
        """The upright picture, (H, W, 3) uint8 RGB, C-contiguous.

        Parameters
        ----------
        longest : reduce it to this longest side, in pixels, if it is larger; None: as it is.
        """
        width, height = self._decoded.width, self._decoded.height
        if longest is not None and longest >= max(width, height):
            longest = None
        if longest not in self._images:
            size = (width, height)
            if longest is not None:
                scale = longest / max(size)
                size = (max(2, round(scale * width)), max(2, round(scale * height)))
            picture = self._decoded.reformat(
                *size, format="rgb24", interpolation=Interpolation.AREA
            ).to_ndarray()
            upright = np.rot90(picture, _quarter_turns(self._decoded))
            self._images[longest] = np.ascontiguousarray(upright)
        return self._images[longest]


def probe(path: Path, name: str = "") -> ClipInfo:
    """Read a clip's header and its first frame.

    Raises
    ------
    ClipError
        As :func:`read_frames`, except that a clip without pictures has ``width`` 0.
    """
    name = name or str(path)
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
        width, height = video.width, video.height
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


def read_frames(path: Path, name: str = "", reading: Reading | None = None) -> Iterator[Frame]:
    """Yield the frames of a clip one by one.

    A clip that ends early or has damaged parts gives the frames it has; `reading` then holds a
    sentence on it.

    Parameters
    ----------
    path : the file. name : what messages call it.
    reading : is kept up to date.

    Raises
    ------
    ClipError
        With status ``missing``; ``unreadable`` (empty, no video container, not one frame);
        ``no_video`` (sound alone); ``too_large`` (:data:`MAX_PIXELS`).
    """
    name = name or str(path)
    reading = Reading() if reading is None else reading
    with _opened(path, name) as container:
        video = _video(container)
        if video is None:
            raise ClipError(f"{name} has sound but no pictures: give a video.", "no_video")
        _check_size(video, name)
        video.thread_type = "AUTO"
        expected = _seconds(container, video)
        step = 1 / float(video.average_rate or _FALLBACK_RATE)
        first, last = None, -step
        damaged = ""
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
            yield Frame(reading.frames, last, decoded)
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
        elif damaged:
            reading.note = f"{name} is damaged ({damaged}): frames may be missing."


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
    (n,) or (2, n) float32, full scale is 1. Nothing for a clip without that stream.

    Raises
    ------
    ClipError
        If the file cannot be opened. Sound that is cut short ends where it is cut.
    """
    name = name or str(path)
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


def _seconds(container: Any, stream: Any = None) -> float:
    if stream is not None and stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / av.time_base


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that make a frame upright; other angles are left alone."""
    return round(frame.rotation / 90) % 4 if frame.rotation % 90 == 0 else 0


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).strip().splitlines()[0]
