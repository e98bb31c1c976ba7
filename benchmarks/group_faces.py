"""What each face detector finds in photos of groups, at full size and made smaller.

    python benchmarks/group_faces.py FOLDER [--singles SOURCE …]

FOLDER holds faces.csv with the columns `file` (relative to FOLDER) and `faces`, a count by eye, and
perhaps .xml files in dlib's format with a box for each face of some of the photos. Printed are, by
detector:

- faces found and those beyond a photo's count, with the median processor time of a photo;
- recall by the width of a face, and precision, on the photos with boxes. A face is found if a box
  overlaps its own by half (intersection over union), each box counting once;
- for YuNet, the same at other thresholds, and how its boxes compare with HOG's;
- for each SOURCE (as `emotiw align` reads it), whose pictures show one face each: the share of some
  500 of them in which a face is found, and in which more than one is.
"""

from __future__ import annotations

import argparse
import csv
import functools
import itertools
import math
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from emotiw_cli.data.sources import open_source
from emotiw_cli.faces import yunet
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.detectors import DETECTORS, find_detector
from emotiw_cli.faces.images import load_image

Box = tuple[float, float, float, float]
Detect = Callable[[np.ndarray], list[Detection]]

SHRINKS = (1, 2, 3, 4)
WIDTHS = (0, 12, 18, 27, 40, 1000)
OVERLAP = 0.5
SINGLES = 500
THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def read_counts(folder: Path) -> dict[str, int]:
    """Photo → its number of faces."""
    with (folder / "faces.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"]: int(row["faces"]) for row in csv.DictReader(file)}


def read_boxes(folder: Path) -> dict[str, list[Box]]:
    """Photo → boxes (x, y, width, height) of its faces, from the xml files below `folder`."""
    found: dict[str, list[Box]] = {}
    for path in sorted(folder.rglob("*.xml")):
        for image in ET.parse(path).iter("image"):
            name = (path.parent / image.attrib["file"]).relative_to(folder).as_posix()
            found[name] = [
                tuple(float(box.attrib[side]) for side in ("left", "top", "width", "height"))  # type: ignore[misc]
                for box in image.iter("box")
            ]
    return found


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def matched(faces: Sequence[Box], boxes: Sequence[Box], least: float = OVERLAP) -> list[int]:
    """For each face the number of its box, or -1: the pairs that overlap most come first."""
    pairs = sorted(
        (-overlap(face, box), i, j) for i, face in enumerate(faces) for j, box in enumerate(boxes)
    )
    found, taken = [-1] * len(faces), set()
    for shared, i, j in pairs:
        if -shared >= least and found[i] < 0 and j not in taken:
            found[i] = j
            taken.add(j)
    return found


def shrunk(photo: np.ndarray, times: int) -> np.ndarray:
    """`photo` at one part in `times` of its width."""
    size = (round(photo.shape[1] / times), round(photo.shape[0] / times))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)


class Seen:
    """What a detector sees in all photos at all sizes.

    Attributes
    ----------
    boxes : (photo, shrink) → boxes. times : shrink → processor time of each photo in ms.
    """

    def __init__(self, detect: Detect, photos: Mapping[str, np.ndarray]) -> None:
        self.boxes: dict[tuple[str, int], list[Box]] = {}
        self.times: dict[int, list[float]] = {}
        detect(next(iter(photos.values())))  # what is loaded once is not a photo's time
        for times in SHRINKS:
            for name, photo in photos.items():
                smaller = shrunk(photo, times)
                start = time.process_time()
                faces = detect(smaller)
                self.times.setdefault(times, []).append(1000 * (time.process_time() - start))
                self.boxes[name, times] = [(f.x, f.y, f.width, f.height) for f in faces]

    def counted(self, counts: Mapping[str, int], times: int) -> tuple[int, int]:
        """Faces found, up to each photo's count, and those beyond it."""
        found = beyond = 0
        for name, count in counts.items():
            here = len(self.boxes[name, times])
            found += min(here, count)
            beyond += max(0, here - count)
        return found, beyond

    def by_width(self, drawn: Mapping[str, Sequence[Box]]) -> tuple[list[list[bool]], float]:
        """Whether each face was found, by its width, and the share of boxes that are faces."""
        hits: list[list[bool]] = [[] for _ in WIDTHS[1:]]
        right = boxes = 0
        for name, faces in drawn.items():
            for times in SHRINKS:
                small = [tuple(side / times for side in face) for face in faces]
                pairs = matched(small, self.boxes[name, times])  # type: ignore[arg-type]
                boxes += len(self.boxes[name, times])
                right += sum(pair >= 0 for pair in pairs)
                for face, pair in zip(small, pairs, strict=True):
                    place = int(np.searchsorted(WIDTHS, face[2], side="right")) - 1
                    hits[place].append(pair >= 0)
        return hits, right / boxes if boxes else math.nan


def print_counts(title: str, seen: Mapping[str, Seen], counts: Mapping[str, int]) -> None:
    """The table of faces found by count."""
    total = sum(counts.values())
    print(f"\n{title}, of {total} in {len(counts)} photos: found +beyond, ms a photo\n")
    sizes = "".join(f"{f'1/{times}' if times > 1 else 'as it is':>18}" for times in SHRINKS)
    print(f"{'':12}{sizes}")
    for name, one in seen.items():
        cells = []
        for times in SHRINKS:
            found, beyond = one.counted(counts, times)
            cells.append(f"{found:6} +{beyond:<3}{np.median(one.times[times]):5.0f} ms")
        print(f"{name:12}{''.join(cells)}")


def print_widths(seen: Mapping[str, Seen], drawn: Mapping[str, Sequence[Box]]) -> None:
    """The table of recall by width."""
    ranges = [f"{low}–{high - 1}" for low, high in itertools.pairwise(WIDTHS)]
    ranges[-1] = f"{WIDTHS[-2]}+"
    faces = sum(map(len, drawn.values()))
    print(f"\nRecall by width of the face, px; {faces} faces with boxes at {len(SHRINKS)} sizes\n")
    print(f"{'':12}{''.join(f'{name:>9}' for name in ranges)}{'all':>9}{'precision':>11}")
    for number, (name, one) in enumerate(seen.items()):
        hits, precision = one.by_width(drawn)
        if number == 0:
            print(f"{'faces':12}{''.join(f'{len(hit):9}' for hit in hits)}{sum(map(len, hits)):9}")
        every = [found for hit in hits for found in hit]
        cells = "".join(f"{share(hit):>9}" for hit in (*hits, every))
        print(f"{name:12}{cells}{100 * precision:10.1f}%")


def share(hits: Iterable[bool]) -> str:
    hits = list(hits)
    return f"{100 * sum(hits) / len(hits):.1f}%" if hits else "–"


def print_sides(photos: Mapping[str, np.ndarray], seen: Mapping[str, Seen]) -> None:
    """How large YuNet's own boxes are beside HOG's, where both see a face."""
    ratios, shifts = [], []
    for name in photos:
        ours, hog = seen["yunet"].boxes[name, 1], seen["hog-haar"].boxes[name, 1]
        for face, pair in zip(ours, matched(ours, hog, 0.3), strict=True):
            if pair >= 0:
                x, y, w, h = hog[pair]
                ratios.append(math.sqrt(face[2] * face[3] / (w * h)) * yunet.SIDE)
                shifts.append(
                    (
                        (face[0] + face[2] / 2 - x - w / 2) / w,
                        (face[1] + face[3] / 2 - y - h / 2) / h,
                    )
                )
    right, down = np.median(shifts, axis=0)
    print(
        f"\n√(width · height) of YuNet's box over HOG's side: {np.median(ratios):.2f}; its square "
        f"lies {right:+.2f} to the right and {down:+.2f} down of HOG's, in sides (medians of "
        f"{len(ratios)} faces)"
    )


def print_singles(path: Path) -> None:
    """The share of pictures of one face in which it is found."""
    source = open_source(path)
    rows = source.rows[:: math.ceil(len(source.rows) / SINGLES)]
    pictures = [
        content if isinstance(content, np.ndarray) else load_image(content)
        for content in map(source.read, rows)
    ]
    print(f"\n{path.name}: {len(rows)} pictures of one face; found, more than one found\n")
    for name in DETECTORS:
        counts = [len(find_detector(name)(picture)) for picture in pictures]
        found, more = (sum(count > least for count in counts) / len(counts) for least in (0, 1))
        print(f"{name:12}{100 * found:8.1f}%{100 * more:8.1f}%")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--singles", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    folder = options.folder
    cv2.setNumThreads(1)

    counts, drawn = read_counts(folder), read_boxes(folder)
    photos = {name: load_image(folder / name) for name in counts}
    seen = {name: Seen(find_detector(name), photos) for name in DETECTORS}
    print_counts("Faces", seen, counts)
    if drawn:
        print_widths(seen, drawn)
    print_sides(photos, seen)
    detectors = {
        f"at {least}": functools.partial(yunet.detect_yunet, threshold=least)
        for least in THRESHOLDS
    }
    thresholds = {name: Seen(detect, photos) for name, detect in detectors.items()}
    print_counts(f"YuNet by threshold (in use: {yunet.THRESHOLD})", thresholds, counts)
    if drawn:
        print_widths(thresholds, drawn)
    for path in options.singles:
        print_singles(path)


if __name__ == "__main__":
    main()
