"""The process pool: order, faults, and workers that go when they should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from emotiw_cli.data.pool import map_ordered
from emotiw_cli.errors import EmotiwError

NAP = """
import os, sys, time
from emotiw_cli.data.pool import map_ordered

def nap(task):
    print(os.getpid(), flush=True)
    time.sleep(0.2)

if __name__ == "__main__":
    for _ in map_ordered(nap, [[task] for task in range(1000)], 2):
        pass
"""


def slow_when_even(number: int) -> int:
    if number % 2 == 0:
        time.sleep(0.02)
    return number * 10


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    batches = [[0, 1], [2], [3, 4, 5], [6]]
    results = list(map_ordered(slow_when_even, batches, workers))
    assert results == [[0, 10], [20], [30, 40, 50], [60]]


def test_a_worker_that_dies_is_one_sentence() -> None:
    with (
        closing(map_ordered(die_at_three, [[n] for n in range(8)], 2)) as results,
        pytest.raises(EmotiwError, match="a worker process died"),
    ):
        list(results)


def test_closing_early_ends_the_workers() -> None:
    began = time.monotonic()
    with closing(map_ordered(slow_when_even, ([n] for n in range(100_000)), 2)) as results:
        assert next(results) == [0]
    assert time.monotonic() - began < 20


def _is_gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_go_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "nap.py"
    script.write_text(NAP)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    workers: set[int] = set()
    while len(workers) < 2:
        workers.add(int(process.stdout.readline()))
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does: workers get it too
    else:
        process.send_signal(how)
    process.wait(20)
    deadline = time.monotonic() + 20
    while not all(map(_is_gone, workers)):
        assert time.monotonic() < deadline, "the workers outlive their parent"
        time.sleep(0.05)
    # The script itself shows its KeyboardInterrupt; no worker adds another.
    assert process.stderr.read().count("Traceback") == (how == signal.SIGINT)
    process.stdout.close()
    process.stderr.close()
