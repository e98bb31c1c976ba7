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
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    own = [sys.executable, "-m", "emotiw_cli", "--help"]
    least = [sys.executable, "-c", "pass"]
    seconds(own), seconds(least)  # to warm up
    pairs = [(seconds(own), seconds(least)) for _ in range(runs)]
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"emotiw --help: {statistics.median(a for a, _ in pairs):.3f} s, {ratio:.2f} times "
        f"`python -c pass` ({statistics.median(b for _, b in pairs):.3f} s)"
    )


if __name__ == "__main__":
    main()
