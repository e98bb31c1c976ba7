"""Count the faces found in a folder of photos whose faces have been counted by eye.

    python benchmarks/faces_recall.py FOLDER

FOLDER holds faces.csv with the columns `file` (relative to FOLDER) and `faces`. For several longest
sides and ways of looking (as is; enlarged twofold only where it promises something; always
enlarged) it prints the faces found, those beyond a photo's count, and the time of a photo.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import cv2

from emotiw_cli.faces import detect
from emotiw_cli.faces.images import load_image

LOOKS = {"as it is": (0,), "default": (0, 1), "enlarged": (1,)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)

    with (options.folder / "faces.csv").open(newline="", encoding="utf-8") as file:
        counts = {row["file"]: int(row["faces"]) for row in csv.DictReader(file)}
    photos = {name: load_image(options.folder / name) for name in counts}
    total = sum(counts.values())
    print(f"{len(photos)} photos, {total} faces; in use: {detect.LONGEST_SIDE} pixels, default\n")
    print(f"{'longest side':>12}  {'look':10}{'found':>6}{'beyond':>8}{'ms/photo':>10}{'worst':>7}")
    for side in (640, 800, 1024, 1280, 1600):
        detect.LONGEST_SIDE = side
        for look, upsample in LOOKS.items():
            found = beyond = 0
            times = []
            for name, photo in photos.items():
                start = time.perf_counter()
                faces = len(detect.detect_faces(photo, upsample=upsample))
                times.append(1000 * (time.perf_counter() - start))
                found += min(faces, counts[name])
                beyond += max(0, faces - counts[name])
            mean = sum(times) / len(times)
            print(f"{side:12}  {look:10}{found:6}{beyond:8}{mean:10.0f}{max(times):7.0f}")


if __name__ == "__main__":
    main()
