"""How well faces are followed through clips, by what looks for them.

    python benchmarks/clip_faces.py [--clips FOLDER] [--photos FOLDER] [--detectors yunet,hog]

Clips are composed here, 640 × 360 at 30 frames a second, four seconds each: the heads of
examples/photos at several sizes, turned in the plane, three at a time, dark, in 4K, and none.
Of PHOTOS, which has .xml files in dlib's format with a box for each face, each photo with boxes is
panned over and zoomed into; photos with no face by its faces.csv are, too. Every clip in CLIPS
shows one face from beginning to end. Printed are, for each kind of clip and detector:

- found: the share of faces and looks at which a tube has a box whose centre lies in the face and
  that holds the face's centre, in percent; in CLIPS, at which there is a tube;
- tubes of faces, how many there are a face, best 1; and false ones, which most of the time are on
  no face that is drawn, be it cut by the edge;
- unrest: how far a smoothed box is from the mean of the two around it, in thousandths of its side,
  the mean over frames: what a box trembles;
- processor time of a look, in ms, the median.

Then where the mouth lies in the 96 × 96 crops of CLIPS: its centre by dlib's points of its outline,
and the share of these that lies within the rows and columns that are read as the mouth.
"""

from __future__ import annotations

import argparse
import csv
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from group_faces import read_boxes

from emotiw_cli.clips.decode import Frame, read_frames
from emotiw_cli.clips.mouths import COLUMNS, ROWS
from emotiw_cli.clips.names import is_clip
from emotiw_cli.clips.tubes import SIZE, Follower, detection
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.detectors import find_detector
from emotiw_cli.faces.images import load_image
from emotiw_cli.faces.landmarks import Landmarks68

PHOTOS = Path(__file__).parents[1] / "examples" / "photos"
HEADS = {
    "grace_hopper.jpg": ((100, 20, 320, 380), (180, 140, 180, 185)),
    "astronaut.png": ((130, 0, 200, 200), (180, 75, 95, 110)),
}
"""Photo → the part that is pasted, and its face by eye: x, y, width, height."""

SMALL, LARGE = (640, 360), (3840, 2160)
RATE, SECONDS = 30, 4
FACES = (160, 80, 48, 32, 24, 16, 12)
"""Widths of faces, in pixels."""
TURNS = (15, 30, 45, 60)
MOUTH = slice(48, 60)
"""The outline of the mouth among the 68 points."""

Truth = tuple[np.ndarray, np.ndarray]
"""(n, 4): x, y, width, height of each face in a frame; and of all, those cut by its edge too."""
Clip = Iterator[tuple[np.ndarray, Truth]]


@dataclass
class Tally:
    """What was counted over clips of a kind."""

    faces: int = 0
    looks: int = 0
    found: int = 0
    people: int = 0
    tubes: int = 0
    false: int = 0

    def __post_init__(self) -> None:
        self.unrest: list[float] = []
        self.ms: list[float] = []
        self.mouths: list[np.ndarray] = []


def frames_of(clip: Clip, truths: list[Truth]) -> Iterator[Frame]:
    """Pictures as frames; where the faces are is appended to `truths`."""
    for number, (picture, boxes) in enumerate(clip):
        truths.append(boxes)
        decoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        yield Frame(number, number / RATE, decoded)


def ground(seed: int, size: tuple[int, int]) -> np.ndarray:
    """A soft pattern, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 200, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


@functools.cache
def photo(name: str) -> np.ndarray:
    return load_image(PHOTOS / name)


def paste(canvas: np.ndarray, name: str, width: float, at: np.ndarray, turn: float) -> np.ndarray:
    """Paste a head so that its face is so wide, with its centre `at`; return the face's box."""
    (left, top, w, h), face = HEADS[name]
    part = photo(name)[top : top + h, left : left + w]
    zoom = width / face[2]
    if zoom < 1:  # a warp alone would skip pixels
        small = (max(1, round(w * zoom)), max(1, round(h * zoom)))
        part = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
    scale = zoom * w / part.shape[1]
    middle = np.array([face[0] + face[2] / 2 - left, face[1] + face[3] / 2 - top]) * zoom / scale
    matrix = cv2.getRotationMatrix2D(tuple(middle), turn, scale)
    matrix[:, 2] += at - middle
    size = canvas.shape[1::-1]
    mask = cv2.warpAffine(np.ones(part.shape[:2], np.uint8), matrix, size)
    cv2.copyTo(cv2.warpAffine(part, matrix, size, flags=cv2.INTER_LINEAR), mask, canvas)
    height = zoom * face[3]
    return np.array([at[0] - width / 2, at[1] - height / 2, width, height])


def composed(
    faces: list[tuple[str, float]],
    *,
    turn: float = 0,
    size: tuple[int, int] = SMALL,
    light: float = 1,
    noise: float = 0,
) -> Clip:
    """Heads (photo, width of the face) side by side, each swaying by half its width."""
    rng = np.random.default_rng(len(faces))
    back = ground(len(faces), size)
    for number in range(RATE * SECONDS):
        canvas, boxes = back.copy(), []
        phase = 2 * np.pi * number / (RATE * SECONDS)
        for place, (name, width) in enumerate(faces):
            room = size[0] / len(faces)
            sway = 0.5 * width * np.array([np.sin(phase + place), 0.5 * np.cos(2 * phase + place)])
            at = np.array([room * (place + 0.5), size[1] / 2]) + sway
            boxes.append(paste(canvas, name, width, at, turn))
        shown = canvas * light + (rng.normal(0, noise, canvas.shape) if noise else 0)
        known = np.array(boxes).reshape(-1, 4)
        yield shown.clip(0, 255).astype(np.uint8), (known, known)


def panned(picture: np.ndarray, faces: list[tuple[float, ...]]) -> Clip:
    """A window over a photo that wanders and zooms; faces that lie in it by nine tenths count."""
    height, width = picture.shape[:2]
    known = np.array(faces).reshape(-1, 4)
    for number in range(RATE * SECONDS):
        share = number / (RATE * SECONDS - 1)
        w = min(width, height * SMALL[0] / SMALL[1]) * (1 - 0.4 * share)
        h = w * SMALL[1] / SMALL[0]
        left = (width - w) * (0.5 - 0.5 * np.cos(np.pi * share))
        top = (height - h) * (0.5 + 0.4 * np.sin(2 * np.pi * share))
        zoom = SMALL[0] / w
        matrix = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
        view = cv2.warpAffine(picture, matrix, SMALL, flags=cv2.INTER_LINEAR)
        boxes = (known - [left, top, 0, 0]) * zoom
        start, stop = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        inside = (np.minimum(stop, SMALL) - np.maximum(start, 0)).clip(min=0).prod(axis=1)
        yield view, (boxes[inside >= 0.9 * boxes[:, 2:].prod(axis=1)], boxes[inside > 0])


def on(box: np.ndarray, face: np.ndarray) -> bool:
    """Whether each holds the other's centre."""
    middles = box[:2] + box[2:] / 2, face[:2] + face[2:] / 2
    return all(
        bool((middle >= other[:2]).all() and (middle <= other[:2] + other[2:]).all())
        for middle, other in zip(middles, (face, box), strict=True)
    )


def follow(
    frames: Iterator[Frame],
    detect: Callable[[np.ndarray], list[Detection]],
    tally: Tally,
    truths: list[Truth] | None,
) -> None:
    """Follow faces through a clip and count; without `truths` there is one face throughout."""

    def timed(image: np.ndarray) -> list[Detection]:
        start = time.process_time()
        faces = detect(image)
        tally.ms.append(1000 * (time.process_time() - start))
        return faces

    follower = Follower(detect=timed)
    looked, pictures = [], {}
    for seen in follower.follow(frames):
        if seen.looked:
            looked.append(seen.frame.number)
            pictures[seen.frame.number] = seen.frame.image()
    tubes = [dict(zip(tube.frames, tube.smoothed(), strict=True)) for tube in follower.certain()]
    tally.looks += len(looked)
    if truths is None:
        tally.people += 1
        tally.faces += len(looked)
        tally.found += sum(any(number in tube for tube in tubes) for number in looked)
        tally.tubes += len(tubes)
    else:
        tally.people += max(len(whole) for whole, _ in truths)
        for number in looked:
            here = [tube[number] for tube in tubes if number in tube]
            whole = truths[number][0]
            tally.faces += len(whole)
            tally.found += sum(any(on(box, face) for box in here) for face in whole)
        for tube in tubes:
            tally.tubes += any(on(tube[n], face) for n in tube for face in truths[n][0])
            right = sum(any(on(tube[n], face) for face in truths[n][1]) for n in tube)
            tally.false += right < len(tube) / 2
    for tube in tubes:
        boxes = np.array(list(tube.values()))
        if len(boxes) > 2:
            middle = boxes[:, :2] + boxes[:, 2:] / 2
            apart = middle[1:-1] - (middle[:-2] + middle[2:]) / 2
            side = np.sqrt(boxes[1:-1, 2:].prod(axis=1))
            tally.unrest.append(float((1000 * np.hypot(*apart.T) / side).mean()))
        for number in tube.keys() & pictures.keys():
            box, image = tube[number], pictures[number]
            if box[2] >= SIZE:
                points = landmarks().points(image, detection(box, image))[MOUTH]
                tally.mouths.append((points - box[:2]) * SIZE / box[2:])


@functools.cache
def landmarks() -> Landmarks68:
    return Landmarks68()


def kinds(options: argparse.Namespace) -> Iterator[tuple[str, list[Callable[[], Clip]]]]:
    """Kinds of composed clips, each with what makes its clips."""
    one = functools.partial
    for width in FACES:
        yield f"face of {width} px", [one(composed, [(name, width)]) for name in HEADS]
    for turn in TURNS:
        yield (
            f"turned by {turn}°",
            [one(composed, [(name, 100)], turn=sign * turn) for name in HEADS for sign in (1, -1)],
        )
    first, second = HEADS
    yield "three people", [one(composed, [(first, 70), (second, 60), (first, 40)])]
    yield "dark, noisy", [one(composed, [(name, 80)], light=0.15, noise=6) for name in HEADS]
    yield "4K, face of 600 px", [one(composed, [(first, 600)], size=LARGE)]
    yield "4K, face of 60 px", [one(composed, [(first, 60)], size=LARGE)]
    yield "no face", [one(composed, []), one(composed, [], noise=20)]
    if options.photos:
        drawn = read_boxes(options.photos)
        yield (
            f"{len(drawn)} photos, panned",
            [one(panned, load_image(options.photos / name), drawn[name]) for name in drawn],
        )
        with (options.photos / "faces.csv").open(newline="", encoding="utf-8") as file:
            empty = [row["file"] for row in csv.DictReader(file) if row["faces"] == "0"]
        yield (
            "no face, panned",
            [one(panned, load_image(options.photos / name), []) for name in empty],
        )


def show(kind: str, name: str, tally: Tally) -> None:
    found = f"{100 * tally.found / tally.faces:.1f}" if tally.faces else ""
    tubes = f"{tally.tubes / tally.people:.2f}" if tally.people else ""
    unrest = f"{np.mean(tally.unrest):.1f}" if tally.unrest else ""
    print(
        f"| {kind} | {name} | {found} | {tubes} | {tally.false} | {unrest} "
        f"| {np.median(tally.ms):.1f} |",
        flush=True,
    )


def show_mouths(name: str, mouths: list[np.ndarray]) -> None:
    if not mouths:
        return
    middles = np.array([points.mean(axis=0) for points in mouths])
    inside = np.mean(
        [
            ((points >= (COLUMNS.start, ROWS.start)) & (points < (COLUMNS.stop, ROWS.stop))).mean()
            for points in mouths
        ]
    )
    print(
        f"mouths, {name}, {len(mouths)} crops: centre at row {middles[:, 1].mean():.1f} "
        f"± {middles[:, 1].std():.1f}, column {middles[:, 0].mean():.1f} "
        f"± {middles[:, 0].std():.1f}; {100 * inside:.1f} % of its outline within"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder of clips of one face each")
    parser.add_argument("--photos", type=Path, help="folder of photos with boxes")
    parser.add_argument("--detectors", default="hog,yunet", help="names, with commas between")
    options = parser.parse_args()
    for folder in (options.clips, options.photos):
        if folder is not None and not folder.is_dir():
            parser.exit(0, f"skipped: {folder} is no folder here.\n")
    detectors = {name: find_detector(name) for name in options.detectors.split(",")}
    print("| clips | detector | found, % | tubes a face | false | unrest | look, ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    mouths: dict[str, list[np.ndarray]] = {name: [] for name in detectors}
    if options.clips:
        files = sorted(path for path in options.clips.iterdir() if is_clip(path.name))
        for name, detect in detectors.items():
            tally = Tally()
            for file in files:
                follow(read_frames(file), detect, tally, None)
            show(f"{len(files)} real clips", name, tally)
            mouths[name] += tally.mouths
    for kind, clips in kinds(options):
        for name, detect in detectors.items():
            tally = Tally()
            for make in clips:
                truths: list[Truth] = []
                follow(frames_of(make(), truths), detect, tally, truths)
            show(kind, name, tally)
    print()
    for name in detectors:
        show_mouths(name, mouths[name])


if __name__ == "__main__":
    main()
