"""A camera's faces as they come: the newest picture, followed and read a few times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import av
import cv2
import numpy as np

from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.clips.decode import Frame
from emotiw_cli.clips.predict import read_faces
from emotiw_cli.clips.result import Posterior, Step
from emotiw_cli.clips.tubes import Follower
from emotiw_cli.errors import InputError

_PATIENCE_S = 5.0
"""A camera that gives no picture for so long has stopped."""


@dataclass(frozen=True)
class Look:
    """What was seen at one time: the faces that are certain, by the numbers of their tubes."""

    frame: Frame
    faces: tuple[tuple[int, Step], ...]


def watch(frames: Iterable[Frame], bundle: Bundle) -> Iterator[Look]:
    """Follow faces through frames; yield what each look for them found."""
    follower = Follower()
    for seen in follower.follow(iter(frames)):
        if seen.looked:
            certain = tuple(tube for tube in seen.tubes if tube.certain)
            yield Look(seen.frame, tuple(read_faces(seen.frame, certain, bundle)))


class Means:
    """Running means of the posteriors of each face, however long it goes on."""

    def __init__(self) -> None:
        self._sums: dict[int, np.ndarray] = {}
        self._counts: dict[int, int] = {}

    def add(self, look: Look) -> None:
        """Count the faces of a look."""
        for number, step in look.faces:
            self._sums[number] = self._sums.get(number, 0) + np.array(step.posterior)
            self._counts[number] = self._counts.get(number, 0) + 1

    def of_faces(self) -> dict[int, Posterior]:
        """The mean of each face, by its number."""
        return {
            number: tuple((total / self._counts[number]).tolist())
            for number, total in self._sums.items()
        }


def camera_frames(number: int) -> Iterator[Frame]:
    """The pictures of a camera from now on; those that come while one is in work are left out.

    Parameters
    ----------
    number : of the camera, from 0.

    Raises
    ------
    InputError
        If there is no such camera, or it stops.
    """
    # OpenCV's own words on a camera that is not there help nobody.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        raise InputError(
            f"camera {number} cannot be opened: connect one, let this program use it and close "
            "others that do, or give another number."
        )
    newest = _Newest(lambda: camera.read()[1])
    try:
        yield from frames_of(newest)
    finally:
        newest.stop()
        camera.release()
    raise InputError(f"camera {number} stopped giving pictures: connect it again.")


def frames_of(pictures: Iterable[np.ndarray]) -> Iterator[Frame]:
    """Pictures, (H, W, 3) uint8 BGR, as frames with the time at which each came."""
    began = None
    for number, picture in enumerate(pictures):
        began = time.monotonic() if began is None else began
        decoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
        yield Frame(number, time.monotonic() - began, decoded)


class _Newest:
    """The newest of what `read` gives in a thread of its own; ends with its first None.

    A camera hands out pictures it took a while ago if nobody takes them at its pace.
    """

    def __init__(self, read: Callable[[], np.ndarray | None]) -> None:
        self._read = read
        self._picture: np.ndarray | None = None
        self._ended = self._stopped = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            with self._news:
                self._news.wait_for(
                    lambda: self._picture is not None or self._ended, timeout=_PATIENCE_S
                )
                picture, self._picture = self._picture, None
            if picture is None:
                return
            yield picture

    def stop(self) -> None:
        """Read no more; wait for what is being read."""
        self._stopped = True
        self._thread.join(timeout=_PATIENCE_S)

    def _run(self) -> None:
        picture: np.ndarray | None = None
        while not self._stopped:
            picture = self._read()
            with self._news:
                self._picture, self._ended = picture, picture is None
                self._news.notify()
            if picture is None:
                return
