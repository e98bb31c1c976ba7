"""Measure where the eyes and the nose lie in FER2013's pictures: the template faces are aligned to.

    python benchmarks/measure_template.py ferplus.zip

The zip holds the 48×48 pictures of FER2013 (FER+ layout). Every `--step`-th in the order of their
names is enlarged fourfold and its landmarks are placed where the HOG detector finds exactly one
face. Positions are in widths of the picture from its centre; each face is counted mirrored too, so
that the template is symmetric. Printed are medians and, in brackets, median absolute deviations:
for the 68-point model (the template), for the 68-point model started from the whole picture
instead of the detector's box, and for the 5-point model.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from emotiw_cli.faces.detect import detect_faces
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.images import load_image
from emotiw_cli.faces.landmarks import Landmarks5, Landmarks68
from emotiw_cli.faces.template import TEMPLATE, anchors

SIDE = 192
WHOLE = Detection(0, 0, SIDE, SIDE, 0.0, "whole")
PAIRS = {"outer eye corner": (0, 3), "inner eye corner": (1, 2), "nose base": (4, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zip", type=Path)
    parser.add_argument("--step", type=int, default=4)
    options = parser.parse_args()

    found: dict[str, list[np.ndarray]] = {"68 points": [], "68, whole picture": [], "5 points": []}
    with zipfile.ZipFile(options.zip) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        sample = names[:: options.step]
        models = Landmarks68(), Landmarks5()
        for name in track(sample, disable=not sys.stderr.isatty()):
            picture = load_image(archive.read(name), name=name)
            picture = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
            faces = detect_faces(picture, upsample=(0,))
            if len(faces) != 1:
                continue
            for kind, model, box in zip(
                found, (models[0], *models), (faces[0], WHOLE, faces[0]), strict=True
            ):
                points = anchors(model.points(picture, box))
                found[kind].append((points - (SIDE - 1) / 2) / SIDE)

    count = len(found["68 points"])
    print(f"{count} of {len(sample)} pictures show exactly one face (every {options.step}th)\n")
    print(f"{'':20}{'anchor':20}{'±x':>18}{'y':>18}")
    for kind, positions in found.items():
        for anchor, sides in PAIRS.items():
            x, y = _pooled(np.array(positions), *sides)
            print(f"{kind:20}{anchor:20}{x:>18}{y:>18}")
    print("\nin use:", TEMPLATE.tolist())


def _pooled(positions: np.ndarray, left: int, right: int) -> tuple[str, str]:
    """Median (and median absolute deviation) of x, y of one anchor, left and right together."""
    both = np.concatenate([positions[:, left] * (-1, 1), positions[:, right]])
    if left == right:
        both = np.concatenate([both, both * (-1, 1)])
    middle = np.median(both, axis=0)
    spread = np.median(np.abs(both - middle), axis=0)
    x, y = (f"{m:+.4f} ({s:.4f})" for m, s in zip(middle, spread, strict=True))
    return x, y


if __name__ == "__main__":
    main()
