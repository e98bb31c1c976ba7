"""A process pool for long runs: ordered, bounded, quiet when interrupted, gone with its parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

from emotiw_cli.errors import EmotiwError

Task = TypeVar("Task")
Result = TypeVar("Result")

_AHEAD = 4  # tasks under way per worker: none waits, and memory stays bounded

_function: Callable[[Any], Any]
_stop: Any = None


def map_ordered(
    function: Callable[[Task], Result], batches: Iterable[list[Task]], workers: int
) -> Generator[list[Result], None, None]:
    """Apply `function` to every task; yield the results batch by batch, in order.

    Close the generator (:func:`contextlib.closing`) to end the workers early; they stop after the
    task in hand. They are spawned, not forked: a forked one would keep the artefact's lock.

    Parameters
    ----------
    function : can be pickled; sent to each worker once.
    workers : processes; 1 works in this one.
    """
    if workers == 1:
        for batch in batches:
            yield [function(task) for task in batch]
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(function, stop))
    pending: deque[Future[list[Result]]] = deque()
    try:
        for batch in batches:
            with _interrupts_held():
                pending.append(pool.submit(_run, batch))
            if len(pending) > _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise EmotiwError(
            "a worker process died, perhaps for want of memory; run the same command again, "
            "with fewer --workers, to go on from there."
        ) from error
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back: a worker started meanwhile never hears of it, this process afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(function: Callable[[Any], Any], stop: Any) -> None:
    import cv2

    global _function, _stop
    _function, _stop = function, stop
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A killed parent cannot tell its workers, who would wait for tasks for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _run(batch: list[Any]) -> list[Any]:
    results = []
    for task in batch:
        if _stop.is_set():
            break
        results.append(_function(task))
    return results
