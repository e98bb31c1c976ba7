"""Faces of a clip by their smoothed boxes: the clip is read twice.

Boxes are smoothed over what comes later, so the faces are cut out in a second reading. No frame is
kept; what is kept is a box a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from emotiw_cli.clips.decode import Frame
from emotiw_cli.clips.tubes import Follower, Tube

Advance = Callable[[float], None]


@dataclass(frozen=True)
class Shown:
    """The faces in a frame.

    Attributes
    ----------
    looked : whether faces were looked for in it, rather than tracked.
    tubes, boxes : of each face: its tube, and its smoothed box (4,) float64.
    last : (n,) bool: whether no frame after this one will show the tube.
    """

    frame: Frame
    looked: bool
    tubes: tuple[Tube, ...]
    boxes: tuple[np.ndarray, ...]
    last: np.ndarray


def look_twice(
    read: Callable[[], Iterator[Frame]],
    read_again: Callable[[], Iterator[Frame]],
    *,
    every_frame: bool = False,
    advance: Advance = lambda seconds: None,
) -> Iterator[Shown]:
    """Follow the faces of a clip, then show those that are certain, frame by frame.

    Parameters
    ----------
    read, read_again : give the frames of the clip, the same ones.
    every_frame : show every frame that has faces; else those in which faces were looked for.
    advance : is told how many seconds are done; each reading counts for half of the clip.
    """
    follower = Follower()
    looked, seconds = set(), 0.0
    for seen in follower.follow(read()):
        if seen.looked:
            looked.add(seen.frame.number)
        seconds = seen.frame.time
        advance(seconds / 2)
    wanted: dict[int, list[tuple[Tube, np.ndarray, bool]]] = {}
    for tube in follower.certain():
        shown = [
            (number, box)
            for number, box in zip(tube.frames, tube.smoothed(), strict=True)
            if every_frame or number in looked
        ]
        for place, (number, box) in enumerate(shown, start=1):
            wanted.setdefault(number, []).append((tube, box, place == len(shown)))
    for frame in read_again() if wanted else ():
        if frame.number in wanted:
            tubes, boxes, last = zip(*wanted[frame.number], strict=True)
            yield Shown(frame, frame.number in looked, tubes, boxes, np.array(last))
        advance((seconds + frame.time) / 2)
