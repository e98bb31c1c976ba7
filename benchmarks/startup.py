"""How long the program takes to start, against what it cannot do without.

``emotiw --help`` against ``python -c pass``, and ``emotiw predict`` of one small photo from a
cold start against importing the three libraries that it needs. Whole processes, in turn, so that
a machine whose speed drifts leaves the ratio meaningful.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTO = Path(__file__).parents[1] / "examples" / "photos" / "astronaut.png"
RUNS = 11


def seconds(command: list[str]) -> float:
    """Wall time of one run of `command`."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def compare(command: list[str], yardstick: list[str], runs: int = RUNS) -> tuple[float, float]:
    """Median seconds of both commands, run in turn after one run of each to warm up."""
    seconds(command), seconds(yardstick)
    pairs = [(seconds(command), seconds(yardstick)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def main() -> None:
    """Print both comparisons."""
    emotiw = [sys.executable, "-m", "emotiw_cli"]
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            (
                "emotiw --help",
                [*emotiw, "--help"],
                [sys.executable, "-c", "pass"],
                8,
            ),
            (
                "emotiw predict one.jpg",
                [*emotiw, "predict", str(PHOTO), "--csv", f"{folder}/faces.csv"],
                [sys.executable, "-c", "import cv2, dlib, onnxruntime"],
                3,
            ),
        ]
        for title, command, yardstick, goal in rows:
            own, least = compare(command, yardstick)
            print(
                f"{title}: {own:.3f} s, {own / least:.2f} times `python {' '.join(yardstick[1:])}` "
                f"({least:.3f} s); goal: at most {goal}"
            )


if __name__ == "__main__":
    main()
