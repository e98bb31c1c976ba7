"""Time each step from a picture file to an aligned face.

    python benchmarks/faces_speed.py [--json] [PHOTO ...]

Without photos: scikit-image's astronaut, centred in frames of several sizes, as JPEG. Each figure
is the median of `--repeat` runs on one core, in milliseconds; the two loading times come first,
each measured once. `sum` is what `predict` spends before its nets: load, detect, 5 points, align.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from emotiw_cli.faces.align import align_face
from emotiw_cli.faces.detect import detect_faces
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.images import load_image
from emotiw_cli.faces.landmarks import Landmarks5, Landmarks68

SIZES = ((320, 240), (640, 480), (1280, 960), (4000, 3000))
STEPS = ("load", "detect", "points68", "points5", "align143x181", "align144x144_detail48")
Result = TypeVar("Result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    cv2.setNumThreads(1)

    detect_faces(np.zeros((8, 8, 3), np.uint8))
    five, model5 = _timed(Landmarks5, 1)
    sixty_eight, model68 = _timed(Landmarks68, 1)
    report: dict[str, object] = {"load_points5_ms": five, "load_points68_ms": sixty_eight}

    rows = {}
    photos = {path.name: path.read_bytes() for path in options.photos} or _generated()
    for name, data in photos.items():
        row: dict[str, float] = {}
        row["load"], image = _timed(lambda data=data: load_image(data), options.repeat)
        row["detect"], faces = _timed(lambda image=image: detect_faces(image), options.repeat)
        row["faces"] = len(faces)
        if faces:
            for step, call in _face_steps(image, faces[0], model68, model5).items():
                row[step], _ = _timed(call, options.repeat)
            parts = ("load", "detect", "points5", "align144x144_detail48")
            row["sum"] = sum(row[part] for part in parts)
        rows[name] = row
    report["photos"] = rows

    if options.json:
        print(json.dumps(report, indent=1))
        return
    print(f"model loads: 5 points {five:.0f} ms, 68 points {sixty_eight:.0f} ms")
    print(f"{'':24}{'faces':>7}" + "".join(f"{step:>{len(step) + 2}}" for step in (*STEPS, "sum")))
    for name, row in rows.items():
        cells = (f"{row[s]:{len(s) + 2}.1f}" if s in row else " " * (len(s) + 2) for s in STEPS)
        print(f"{name:24.24}{row['faces']:7}" + "".join(cells) + f"{row.get('sum', 0):5.0f}")


def _face_steps(
    image: np.ndarray, face: Detection, model68: Landmarks68, model5: Landmarks5
) -> dict[str, Callable[[], object]]:
    points = model5.points(image, face)
    return {
        "points68": lambda: model68.points(image, face),
        "points5": lambda: model5.points(image, face),
        "align143x181": lambda: align_face(image, points, (143, 181)),
        "align144x144_detail48": lambda: align_face(image, points, (144, 144), detail=48),
    }


def _timed(call: Callable[[], Result], repeat: int) -> tuple[float, Result]:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = call()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), result


def _generated() -> dict[str, bytes]:
    from skimage import data

    astronaut = data.astronaut()
    photos = {}
    for width, height in SIZES:
        zoom = height / len(astronaut)
        inner = cv2.resize(
            astronaut,
            (round(astronaut.shape[1] * zoom), height),
            interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC,
        )
        margin = width - inner.shape[1]
        sides = (margin // 2, margin - margin // 2)
        photo = cv2.copyMakeBorder(inner, 0, 0, *sides, cv2.BORDER_REPLICATE)
        stream = io.BytesIO()
        Image.fromarray(photo).save(stream, "JPEG", quality=90)
        photos[f"astronaut {width}x{height}"] = stream.getvalue()
    return photos


if __name__ == "__main__":
    main()
