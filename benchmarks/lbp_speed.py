"""How fast LBP codes are made on one core: against scikit-image, and against copying memory.

Megapixels of input per second of one thread's CPU time, in which other programs' turns do not
count; the best of several runs taken in turn, so that a machine whose speed drifts leaves the
ratio meaningful. ``faces`` are 64 crops of 143×181, ``photo`` is one large picture; ``flat`` and
``ramp`` are 64 pictures in which every pixel ties, which is the most work there is: a single grey,
and an even slope.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from emotiw_cli.faces.images import load_image
from emotiw_cli.lbp.codes import lbp_codes, to_grey

PHOTO = Path(__file__).parents[1] / "examples" / "photos" / "astronaut.png"
WIDTH, HEIGHT, FACES = 143, 181, 64
RADII = (1, 5, 10)
RUNS = 7

Codes = Callable[[np.ndarray, int], Any]


def pictures() -> dict[str, np.ndarray]:
    """The stacks measured, each (N, H, W) uint8."""
    grey = to_grey(load_image(PHOTO))
    random = np.random.default_rng(0)
    corners = random.integers(0, np.subtract(grey.shape, (HEIGHT, WIDTH)), (FACES, 2))
    down, right = np.mgrid[:HEIGHT, :WIDTH]
    shape = (FACES, HEIGHT, WIDTH)
    return {
        "faces": np.stack([grey[y : y + HEIGHT, x : x + WIDTH] for y, x in corners]),
        "photo": cv2.resize(grey, (4000, 3000), interpolation=cv2.INTER_CUBIC)[None],
        "flat": np.full(shape, 100, np.uint8),
        "ramp": np.broadcast_to((down - right).astype(np.uint8), shape),
    }


def seconds(work: Callable[[], Any]) -> float:
    """CPU time of one run in this thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def skimage_codes() -> Codes | None:
    """scikit-image's codes of one picture, or None where it is not installed."""
    try:
        from skimage.feature import local_binary_pattern
    except ImportError:
        return None
    return lambda picture, radius: local_binary_pattern(picture, P=8, R=radius)


def measure(stack: np.ndarray, radius: int, theirs: Codes | None) -> dict[str, float]:
    """Megapixels per second of both; scikit-image has a part of the stack to do."""
    sample = stack[0, :1000]
    lbp_codes(stack, radius)
    ours, skimage = [], []
    for _ in range(RUNS):
        ours += [seconds(lambda: lbp_codes(stack, radius)) for _ in range(3)]
        if theirs is not None:
            skimage.append(seconds(lambda: theirs(sample, radius)))
    speeds = {"mpx_per_s": stack.size / min(ours) / 1e6}
    if skimage:
        speeds["skimage_mpx_per_s"] = sample.size / min(skimage) / 1e6
        speeds["ratio"] = speeds["mpx_per_s"] / speeds["skimage_mpx_per_s"]
    return speeds


def copy_limit() -> float:
    """Megapixels per second that a plain copy between large uint8 arrays moves."""
    source = np.ones(1 << 28, np.uint8)
    target = np.zeros_like(source)
    return source.size / min(seconds(lambda: np.copyto(target, source)) for _ in range(RUNS)) / 1e6


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    as_json = parser.parse_args().json
    cv2.setNumThreads(1)
    theirs = skimage_codes()
    results: list[dict[str, Any]] = [
        {"pictures": name, "radius": radius, **measure(stack, radius, theirs)}
        for name, stack in pictures().items()
        for radius in RADII
    ]
    limit = copy_limit()
    if as_json:
        print(json.dumps({"copy_mpx_per_s": limit, "results": results}, indent=2))
        return
    print("pictures  radius   Mpx/s   skimage   ratio   copies' worth")
    for row in results:
        line = f"{row['pictures']:<8}  {row['radius']:>6}  {row['mpx_per_s']:>6.0f}"
        if theirs is not None:
            line += f"  {row['skimage_mpx_per_s']:>8.1f}  {row['ratio']:>6.1f}"
        else:
            line += "         -       -"
        print(f"{line}  {limit / row['mpx_per_s']:>14.0f}")
    print(f"\nmemory limit: copying moves {limit:,.0f} Mpx/s on one core")
    if theirs is None:
        print("scikit-image is not installed; emotiw[dev] brings it for the comparison")


if __name__ == "__main__":
    main()
