"""How fast `emotiw predict` is: from a cold start, on one face, on many photos.

    python benchmarks/predict_speed.py [--bundle NAME|DIR] [--photos 200] [--json]

Cold start: the whole command on one photo of 640 × 480, against importing the three libraries that
it needs, in turn, so that a machine whose speed drifts leaves the ratio meaningful; medians.
One face: all members on one aligned face, in one thread, after detection; the median.
Many photos: the whole command with two workers, start and all, on photos of 640 × 480, each another
part of scikit-image's astronaut at another size, with a face of 80 to 280 pixels. Last comes the
bundle's size.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from startup import compare

from emotiw_cli.bundle.load import find_bundle, load_bundle

SIZE = (640, 480)
FACE = (224, 128)
"""Centre of the astronaut's face."""

EMOTIW = [sys.executable, "-m", "emotiw_cli", "predict"]
YARDSTICK = [sys.executable, "-c", "import cv2, dlib, onnxruntime"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        photos = write_photos(Path(folder), options.photos)
        command = [*EMOTIW, "--bundle", options.bundle]
        start, least = compare([*command, str(photos[0])], YARDSTICK)
        began = time.perf_counter()
        subprocess.run(
            [*command, folder, "--workers", str(options.workers), "--csv", f"{folder}/faces.csv"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        rate = options.photos / (time.perf_counter() - began)
    report = {
        "cold_start_s": round(start, 3),
        "imports_s": round(least, 3),
        "cold_start_ratio": round(start / least, 2),
        "one_face_ms": round(face_milliseconds(options.bundle), 2),
        "photos": options.photos,
        "workers": options.workers,
        "images_per_second": round(rate, 1),
        "bundle_mb": round(bundle_megabytes(options.bundle), 1),
    }
    if options.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:20} {value}")


def write_photos(folder: Path, count: int) -> list[Path]:
    """Write `count` different JPEG photos of 640 × 480 with a face."""
    from skimage.data import astronaut

    original = Image.fromarray(astronaut())
    random = np.random.default_rng(0)
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for path in paths:
        zoom = random.uniform(0.9, 3.2)
        left, top = (
            random.uniform(max(0, centre - 0.7 * side / zoom), max(0, centre - 0.3 * side / zoom))
            for centre, side in zip(FACE, SIZE, strict=True)
        )
        part = (left, top, left + SIZE[0] / zoom, top + SIZE[1] / zoom)
        original.transform(SIZE, Image.Transform.EXTENT, part, Image.Resampling.BICUBIC).save(
            path, quality=90
        )
    return paths


def bundle_megabytes(name: str) -> float:
    """Size of a bundle's files, in millions of bytes."""
    return sum(path.stat().st_size for path in find_bundle(name).iterdir()) / 1e6


def face_milliseconds(bundle_name: str, runs: int = 50) -> float:
    """Median time of all members on one aligned face, one thread."""
    bundle = load_bundle(bundle_name)
    width, height = bundle.spec.face_size
    face = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    bundle.posteriors([face])
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        bundle.posteriors([face])
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


if __name__ == "__main__":
    main()
