"""Run the steps of a recipe, several at a time where they do not need each other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotiw_cli import processors
from emotiw_cli.artefact import make_folder, output_error
from emotiw_cli.recipes.plan import DONE, Planned

_LOOK_EVERY = 0.1
"""Seconds between looks at the steps that run."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a step: ``starts``, ``done`` or ``failed``."""

    what: str
    name: str
    log: Path
    seconds: float = 0.0
    code: int = 0


@dataclass(frozen=True)
class Failure:
    """What is said of steps that failed, and the exit code of the first of them."""

    sentence: str
    code: int


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    log: Path
    began: float
    place: int


def run_steps(
    planned: Sequence[Planned],
    work: Path,
    logs: Path,
    *,
    jobs: int = 0,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Failure | None:
    """Run every step that is not done, each as a process of its own.

    A step begins when all it waits for is done. One that fails stops what depends on it; the
    others are finished. Interrupted, running steps are interrupted too and waited for: the verbs
    go on from there when the recipe is run again.

    Parameters
    ----------
    logs : folder for what each step prints, ``VERB-NAME.log``; a later run adds to it.
    jobs : steps at a time, each with its share of the processors and, where there are GPUs, one of
        them; 0: as many as there are GPUs, or one.

    Returns
    -------
    None when every step is done.
    """
    gpus = available_gpus()
    jobs = jobs or max(1, len(gpus))
    waiting = {one.step.name: one for one in planned if one.state != DONE}
    done = {one.step.name for one in planned if one.state == DONE}
    running: dict[str, _Running] = {}
    failed: dict[str, Event] = {}
    make_folder(logs)
    try:
        while waiting or running:
            for name, one in list(waiting.items()):
                if len(running) < jobs and set(one.waits_for) <= done:
                    del waiting[name]
                    place = min(set(range(jobs)) - {other.place for other in running.values()})
                    running[name] = _start(one, work, logs, place, jobs, gpus)
                    on_event(Event("starts", name, running[name].log))
            if not running:
                break  # what is left waits for something that failed
            time.sleep(_LOOK_EVERY)
            for name, one_running in list(running.items()):
                code = one_running.process.poll()
                if code is None:
                    continue
                del running[name]
                seconds = time.monotonic() - one_running.began
                what = "failed" if code else "done"
                event = Event(what, name, one_running.log, seconds, code)
                on_event(event)
                if code:
                    failed[name] = event
                else:
                    done.add(name)
    except KeyboardInterrupt:
        for one_running in running.values():
            one_running.process.send_signal(signal.SIGINT)
        for one_running in running.values():
            one_running.process.wait()
        raise
    return _failure(list(failed.values()), len(waiting)) if failed else None


def _failure(failed: Sequence[Event], left: int) -> Failure:
    first = failed[0]
    others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    needing = f"; {left} steps that need it were not begun" if left else ""
    return Failure(
        f"{first.name}{others} failed{needing}: {_last_line(first.log)} ({first.log} has all it "
        "printed).",
        # Killed by a signal: the shell's convention.
        first.code if first.code > 0 else 128 - first.code,
    )


def _start(
    one: Planned, work: Path, logs: Path, place: int, jobs: int, gpus: Sequence[str]
) -> _Running:
    log = logs / f"{one.step.name.replace(' ', '-')}.log"
    share = str(max(1, processors.available() // jobs))
    environment = {**os.environ, "OMP_NUM_THREADS": share}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = gpus[place % len(gpus)]
    command = [sys.executable, "-m", "emotiw_cli", one.step.verb, *one.step.words]
    try:
        with open(log, "ab") as file:
            # Ctrl-C reaches the steps through this program alone, once each.
            process = subprocess.Popen(
                [*command, "--work", str(work)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise output_error(log, error) from error
    return _Running(process, log, time.monotonic(), place)


def available_gpus() -> list[str]:
    """Numbers of the GPUs this program may use, as ``CUDA_VISIBLE_DEVICES`` has them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [text.strip() for text in chosen.split(",") if text.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))] if listed.returncode == 0 else []


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[-1].removeprefix("emotiw: ").rstrip(".") if said else "it printed nothing"
