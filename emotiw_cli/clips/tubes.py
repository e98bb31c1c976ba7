"""Face tubes: the boxes of one face through a clip, found, linked, bridged, smoothed and cut.

After Kahou et al. 2016 (doi:10.1007/s12193-015-0195-2) and its published code. Faces are looked
for a few times a second; a look's detections join the tubes there are, nearest first; between
looks, and where a look misses a face, a tube keeps its box, shifted, as long as the colours under
it stay those of the face. What the published bound on the distance is relative to is not known:
here it bounds the squared distance over the squared diagonal of the picture, 9 % of the diagonal,
as the detector's boxes jump by a tenth of their width on a face that is still. The published code
takes a box's width for its height in one place; here boxes are linked by their centres.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from emotiw_cli.clips.decode import Frame
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.detectors import Detect
from emotiw_cli.faces.yunet import detect_yunet

DISTANCE = 0.008
"""Greatest squared distance of linked centres, over the squared diagonal of the picture."""
AREA_RATIO = 10.0
OVERLAP = 0.08
"""Least shared area of linked boxes, over the mean of their areas."""
CORRELATION = 0.97
"""Least correlation of a tracked box's colour histogram with that of the detected face."""
LOOKS = 6.0
"""Looks for faces a second."""
MISSES = 3
"""A tube that so many looks in a row did not confirm has ended."""
WINDOW = 11
"""Boxes averaged for smoothing."""
SIZE = 96
"""Side of a tube's crops, in pixels."""
CLEAR, TIMES = 0.8, 3
"""A face detected once counts from this score on; one detected so often, whatever it scores."""
LOOKED_AT = 1280
"""Frames are reduced to this longest side, in pixels, to look for faces."""
TRACKED_IN = 640
"""Frames are reduced to this longest side, in pixels, to track faces."""

_BINS = 16  # of each of three colours
_SAMPLES = 32
_TELLING = 24  # a box less wide, in pixels, has too few of them for its colours to tell of a loss
_STEP = 1 / 16  # of the box's width: how far a tracked box may shift in a frame


@dataclass
class Tube:
    """One face through a clip.

    Attributes
    ----------
    number : from 1, in the order of appearance.
    frames, times : of each box: frame numbers, and seconds.
    boxes : x, y, width, height of each, float, in pixels of the upright frame.
    found : whether each was detected, or tracked.
    score : the best detection's.
    """

    number: int
    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    score: float = -np.inf

    @property
    def certain(self) -> bool:
        """Whether it is a face: detected clearly once, or often."""
        return self.score >= CLEAR or sum(self.found) >= TIMES

    def smoothed(self) -> np.ndarray:
        """Its boxes after :func:`smooth`, (n, 4) float64."""
        return smooth(np.array(self.boxes))

    def end_with_detection(self) -> None:
        """Forget the boxes tracked since the last detection: there the face was lost."""
        last = len(self.found) - self.found[::-1].index(True)
        for values in (self.frames, self.times, self.boxes, self.found):
            del values[last:]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Area that two boxes (x, y, width, height) share, over the mean of their areas."""
    start, stop = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = np.prod(np.maximum(stop - start, 0))
    return float(2 * shared / (a[2] * a[3] + b[2] * b[3]))


def link(boxes: np.ndarray, found: np.ndarray, diagonal: float) -> list[tuple[int, int]]:
    """Pair boxes of tubes with detections, the nearest centres first.

    Parameters
    ----------
    boxes : (n, 4) float: x, y, width, height where each tube is thought to be.
    found : (m, 4) float: the detections.
    diagonal : of the picture, in the same pixels.

    Returns
    -------
    Pairs (tube, detection) within :data:`DISTANCE`, :data:`AREA_RATIO` and :data:`OVERLAP`; every
    tube and every detection at most once.
    """
    candidates = []
    for tube, box in enumerate(boxes):
        for detection, other in enumerate(found):
            shift = box[:2] + box[2:] / 2 - other[:2] - other[2:] / 2
            distance = float(shift @ shift) / diagonal**2
            ratio = (box[2] * box[3]) / (other[2] * other[3])
            if (
                distance <= DISTANCE
                and 1 / AREA_RATIO < ratio < AREA_RATIO
                and overlap(box, other) >= OVERLAP
            ):
                candidates.append((distance, tube, detection))
    pairs: list[tuple[int, int]] = []
    for _, tube, detection in sorted(candidates):
        if all(tube != a and detection != b for a, b in pairs):
            pairs.append((tube, detection))
    return pairs


def colour_histogram(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Shares of 16 levels of each of three colours under a box: (48,) float64.

    At most 32 × 32 pixels are counted; what lies outside the picture is left out.
    """
    height, width = image.shape[:2]
    left, top = (max(0, round(float(v))) for v in box[:2])
    right, bottom = (
        min(width, round(float(box[0] + box[2]))),
        min(height, round(float(box[1] + box[3]))),
    )
    part = image[top:bottom, left:right]
    part = part[:: max(1, part.shape[0] // _SAMPLES), :: max(1, part.shape[1] // _SAMPLES)]
    if part.size == 0:
        return np.zeros(3 * _BINS)
    levels = (part.reshape(-1, 3) // (256 // _BINS)).astype(np.int64) + np.arange(3) * _BINS
    return np.bincount(levels.ravel(), minlength=3 * _BINS) / len(levels)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of two histograms; 0 if one of them is flat."""
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else 0.0


def track(image: np.ndarray, box: np.ndarray, histogram: np.ndarray) -> np.ndarray | None:
    """Where a face is in the next picture, judged by its colours; None if it is lost.

    The box stays, or shifts by a sixteenth of its size each way, whichever correlates best with
    `histogram`; no more than :data:`CORRELATION` is a loss.
    """
    best, place = -1.0, box
    for dx, dy in sorted(np.ndindex(3, 3), key=lambda at: abs(at[0] - 1) + abs(at[1] - 1)):
        shifted = box.copy()
        shifted[:2] += (np.array([dx, dy]) - 1) * _STEP * box[2:]
        score = correlation(colour_histogram(image, shifted), histogram)
        if score > best + 1e-9:
            best, place = score, shifted
    return place if best > CORRELATION else None


def smooth(boxes: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Moving averages of boxes: of their corners, then of their centres once more.

    At the ends, as many boxes as there are on the shorter side are averaged, so a steady motion
    stays as it is.

    Parameters
    ----------
    boxes : (n, 4) float: x, y, width, height.

    Returns
    -------
    (n, 4) float64.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    corners = _averaged(np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]), window)
    sizes = corners[:, 2:] - corners[:, :2]
    centres = _averaged((corners[:, 2:] + corners[:, :2]) / 2, window)
    return np.hstack([centres - sizes / 2, sizes])


def _averaged(values: np.ndarray, window: int) -> np.ndarray:
    count = len(values)
    sums = np.vstack([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    places = np.arange(count)
    reach = np.minimum(np.minimum(places, count - 1 - places), window // 2)
    return (sums[places + reach + 1] - sums[places - reach]) / (2 * reach + 1)[:, None]


def crop(image: np.ndarray, box: np.ndarray, size: int = SIZE) -> np.ndarray:
    """What a box shows, at `size`²; beyond the picture its border is repeated.

    Parameters
    ----------
    image : (H, W, 3) uint8. box : (4,) float: x, y, width, height.

    Returns
    -------
    (size, size, 3) uint8.
    """
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.maximum(np.ceil(box[:2] + box[2:]).astype(int), (left + 1, top + 1))
    height, width = image.shape[:2]
    columns = np.clip(np.arange(left, right), 0, width - 1)
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    part = np.ascontiguousarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    if part.shape[:2] != (len(rows), len(columns)):
        part = np.ascontiguousarray(image[rows[:, None], columns])
    smaller = part.shape[0] >= size
    return cv2.resize(
        part, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )


def detection(box: np.ndarray, image: np.ndarray) -> Detection:
    """A tube's box, (4,) float, as a detection within `image`."""
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


@dataclass
class _Lead:
    """A tube that goes on, and what following it needs; boxes in pixels of the searched picture."""

    tube: Tube
    box: np.ndarray
    histogram: np.ndarray
    misses: int = 0


@dataclass(frozen=True)
class Seen:
    """A frame and the tubes in it.

    Attributes
    ----------
    looked : whether faces were looked for in this frame, rather than tracked.
    tubes : those that have a box in it, their last one.
    """

    frame: Frame
    looked: bool
    tubes: tuple[Tube, ...]


class Follower:
    """Follows faces from frame to frame.

    Parameters
    ----------
    looks : for faces, a second. Infinite: in every frame.
    detect : finds faces in a picture.

    Attributes
    ----------
    tubes : those so far. Only :attr:`Tube.certain` ones count, and tubes may still grow.
    """

    def __init__(self, looks: float = LOOKS, detect: Detect = detect_yunet) -> None:
        self.tubes: list[Tube] = []
        self._interval = 1 / looks
        self._detect = detect
        self._next_look = 0.0
        self._leads: list[_Lead] = []

    def follow(self, frames: Iterator[Frame]) -> Iterator[Seen]:
        """Yield each frame with its tubes."""
        for frame in frames:
            looked = frame.time >= self._next_look - 1e-6
            if looked:
                if self._interval:
                    late = (frame.time + 1e-6 - self._next_look) // self._interval
                    self._next_look += (late + 1) * self._interval
                self._look(frame)
            else:
                self._track(frame)
            yield Seen(frame, looked, tuple(lead.tube for lead in self._leads))
        self._leads = []

    def certain(self) -> list[Tube]:
        """The tubes that are faces."""
        return [tube for tube in self.tubes if tube.certain]

    def _look(self, frame: Frame) -> None:
        picture, searched = frame.image(TRACKED_IN), frame.image(LOOKED_AT)
        self._shift(picture)
        faces = self._detect(searched)
        scale = frame.size[0] / picture.shape[1]
        zoom = picture.shape[1] / searched.shape[1]
        found = np.array([_outline(face) for face in faces]).reshape(-1, 4) * zoom
        boxes = np.array([lead.box for lead in self._leads]).reshape(-1, 4)
        pairs = dict(link(boxes, found, float(np.hypot(*picture.shape[:2]))))
        going = []
        for number, lead in enumerate(self._leads):
            if number in pairs:
                lead.misses = 0
                lead.box = found[pairs[number]]
                lead.histogram = colour_histogram(picture, lead.box)
                lead.tube.score = max(lead.tube.score, faces[pairs[number]].score)
            else:
                lead.misses += 1
                if lead.misses >= MISSES:
                    lead.tube.end_with_detection()
                    continue
            going.append(lead)
            _append(lead, frame, scale, found=number in pairs)
        for place in sorted(set(range(len(faces))) - set(pairs.values())):
            lead = _Lead(
                Tube(len(self.tubes) + 1, score=faces[place].score),
                found[place],
                colour_histogram(picture, found[place]),
            )
            self.tubes.append(lead.tube)
            going.append(lead)
            _append(lead, frame, scale, found=True)
        self._leads = going

    def _track(self, frame: Frame) -> None:
        if not self._leads:
            return
        picture = frame.image(TRACKED_IN)
        self._shift(picture)
        for lead in self._leads:
            _append(lead, frame, frame.size[0] / picture.shape[1], found=False)

    def _shift(self, picture: np.ndarray) -> None:
        going = []
        for lead in self._leads:
            box = track(picture, lead.box, lead.histogram)
            if box is None and lead.box[2] >= _TELLING:
                lead.tube.end_with_detection()
                continue
            lead.box = lead.box if box is None else box
            going.append(lead)
        self._leads = going


def _outline(face: Detection) -> np.ndarray:
    return np.array(face.outline or (face.x, face.y, face.width, face.height), dtype=np.float64)


def _append(lead: _Lead, frame: Frame, scale: float, *, found: bool) -> None:
    tube = lead.tube
    tube.frames.append(frame.number)
    tube.times.append(frame.time)
    tube.boxes.append(lead.box * scale)
    tube.found.append(found)
