"""Run the steps of a recipe, each as a program of its own; what does not hang together, at once."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from emotiw_cli import processors
from emotiw_cli.artefact import make_folder, output_error
from emotiw_cli.errors import BusyError, InputError
from emotiw_cli.recipe.experiment import Experiment, Step
from emotiw_cli.recipe.plan import DONE, judge, plan, remade, waits
from emotiw_cli.status.chain import read_chain

EMOTIW = (sys.executable, "-m", "emotiw_cli")
FAILED = "failed"
HELD_BACK = "held back"
_POLL_SECONDS = 0.1
_WAIT_SECONDS = 2.0
"""How long to leave a step that somebody else is at before looking again."""
_MOST_JOBS = 4


@dataclass(frozen=True)
class Outcome:
    """What became of a step.

    Attributes
    ----------
    state : done; failed; held back, as a step it waits for failed.
    ran : False if it was done before. exit_code : of the program, None if it did not run.
    """

    step: Step
    state: str
    ran: bool = False
    exit_code: int | None = None
    seconds: float = 0.0
    log: Path | None = None


@dataclass
class Running:
    """A step that is running, its program, its log, its share of the machine (a slot)."""

    step: Step
    program: subprocess.Popen[bytes]
    log: Path
    file: IO[bytes]
    slot: int
    began: float

    def last_line(self) -> str:
        """The newest line of its log."""
        with open(self.log, "rb") as file:
            file.seek(max(0, self.log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def gpus() -> list[str]:
    """The GPUs there are for this process, as CUDA_VISIBLE_DEVICES names them."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [one for one in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if one.strip()]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    found = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(found))]


def default_jobs() -> int:
    """One a GPU; without, one a processor, up to four."""
    return len(gpus()) or min(processors.available(), _MOST_JOBS)


def run(
    experiment: Experiment,
    work: Path,
    *,
    jobs: int,
    overwrite: bool = False,
    emotiw: Sequence[str] = EMOTIW,
    on_start: Callable[[Running], None] = lambda running: None,
    on_end: Callable[[Outcome], None] = lambda outcome: None,
    on_look: Callable[[Sequence[Running]], None] = lambda running: None,
) -> list[Outcome]:
    """Run what is not done, `jobs` steps at a time; return what became of each.

    A step that fails holds back those that wait for it; the others go on. A step whose artefact
    another run is writing is waited for. Interrupted, the steps are interrupted too, and with
    that have saved what they can.

    Parameters
    ----------
    overwrite : have stale steps, and those made with other options, made again.
    emotiw : the words of the program that runs a verb.

    Raises
    ------
    InputError
        If an input of a step that is to run is not there; nothing has run then.
    """
    todo = [one.step for one in plan(experiment, work) if one.state != DONE]
    lacking = experiment.lacking(todo)
    if lacking:
        raise InputError(
            f"{'; '.join(lacking)}: give it with --set inputs.NAME=PATH or EMOTIW_NAME."
        )
    logs = make_folder(work / "recipes" / experiment.path.stem)
    outcomes: dict[str, Outcome] = {}

    def end(outcome: Outcome) -> None:
        outcomes[outcome.step.key] = outcome
        on_end(outcome)

    for step in experiment.steps:
        if step not in todo:
            end(Outcome(step, DONE))
    running: list[Running] = []
    later: dict[str, float] = {}
    devices = gpus()
    with _interrupted_as_one(running):
        while todo or running:
            for one in list(running):
                if one.program.poll() is None:
                    continue
                running.remove(one)
                one.file.close()
                code = one.program.returncode
                if code == BusyError.exit_code:
                    todo.insert(0, one.step)
                    later[one.step.key] = time.monotonic() + _WAIT_SECONDS
                    continue
                code = 128 - code if code < 0 else code
                seconds = time.monotonic() - one.began
                end(Outcome(one.step, FAILED if code else DONE, True, code, seconds, one.log))
            for step in list(todo):
                before = [outcomes[key].state if key in outcomes else "" for key in step.after]
                if any(state in (FAILED, HELD_BACK) for state in before):
                    todo.remove(step)
                    end(Outcome(step, HELD_BACK))
                elif (
                    len(running) < jobs
                    and all(before)
                    and later.get(step.key, 0) <= time.monotonic()
                ):
                    state = judge(step, read_chain(work)).state
                    if waits(state):
                        later[step.key] = time.monotonic() + _WAIT_SECONDS
                        continue
                    slot = min(set(range(jobs)) - {one.slot for one in running})
                    words = [*step.words, *(["--overwrite"] if overwrite and remade(state) else [])]
                    words += ["--work", str(work)]
                    todo.remove(step)
                    running.append(_start(step, [*emotiw, *words], logs, slot, jobs, devices))
                    on_start(running[-1])
            on_look(running)
            time.sleep(_POLL_SECONDS)
    return [outcomes[step.key] for step in experiment.steps]


def _start(
    step: Step, command: Sequence[str], logs: Path, slot: int, jobs: int, devices: Sequence[str]
) -> Running:
    log = logs / f"{step.key.replace(' ', '-')}.log"
    environment = dict(os.environ)
    if devices:
        environment["CUDA_VISIBLE_DEVICES"] = devices[slot % len(devices)]
    share = max(1, processors.available() // jobs)
    environment.setdefault("OMP_NUM_THREADS", str(share))
    try:
        file = open(log, "ab", buffering=0)  # noqa: SIM115 (the program's to write)
        file.write(f"$ {shlex.join(['emotiw', *command[len(EMOTIW) :]])}\n".encode())
    except OSError as error:
        raise output_error(log, error) from error
    program = subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=file,
        stderr=file,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches it once, through _interrupted_as_one
    )
    return Running(step, program, log, file, slot, time.monotonic())


@contextmanager
def _interrupted_as_one(running: Sequence[Running]) -> Iterator[None]:
    """Pass an interrupt, or the end of the terminal or of the job, on to the running steps."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    except BaseException:
        for one in running:
            if one.program.poll() is None:
                one.program.send_signal(signal.SIGINT)
        for one in running:
            one.program.wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
