"""How long ``emotiw --help`` takes, against a Python that does nothing.

Whole processes, in turn, so that a machine whose speed drifts leaves the ratio meaningful;
medians. What `predict` takes from a cold start is measured in predict_speed.py.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    """Wall time of one run of `command`."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def compare(command: list[str], yardstick: list[str], runs: int = 15) -> tuple[float, float]:
    """Median wall times in seconds of two commands, run in turn after one warm-up each."""
    seconds(command), seconds(yardstick)
    pairs = [(seconds(command), seconds(yardstick)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    own, least = compare(
        [sys.executable, "-m", "emotiw_cli", "--help"], [sys.executable, "-c", "pass"], runs
    )
    print(f"emotiw --help: {own:.3f} s, {own / least:.2f} times `python -c pass` ({least:.3f} s)")


if __name__ == "__main__":
    main()
