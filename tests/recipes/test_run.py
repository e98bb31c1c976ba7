"""Recipes that are run, with steps that take a second: align, map and what can go wrong."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotiw_cli.recipes.plan import plan
from emotiw_cli.recipes.recipe import read_recipe
from emotiw_cli.recipes.run import Event, available_gpus, run_steps

TWO_SETS = """
about = "Two sets that do not need each other."
[inputs]
one = "pictures"
two = "pictures"
[defaults.align]
detect = false
size = "16x16"
workers = 1
[[steps]]
verb = "align"
source = "{one}"
name = "one"
[[steps]]
verb = "map"
name = "one"
radius = [1]
[[steps]]
verb = "align"
source = "{two}"
name = "two"
[[steps]]
verb = "map"
name = "two"
radius = [1]
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        picture = np.random.default_rng(number).integers(0, 255, (20, 20, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.toml"
    path.write_text(TWO_SETS, encoding="utf-8")
    return path


def states(file: Path, work: Path, *overrides: str) -> list[str]:
    return [one.state for one in plan(read_recipe(file, overrides).steps, work)]


def run(file: Path, work: Path, *overrides: str, jobs: int = 1) -> list[Event]:
    events: list[Event] = []
    planned = plan(read_recipe(file, overrides).steps, work)
    logs = work / "recipes" / "two"
    assert run_steps(planned, work, logs, jobs=jobs, on_event=events.append) is None
    return events


def test_a_recipe_is_run_once_and_independent_steps_together(file: Path, photos: Path) -> None:
    work = photos.parent / "work"
    both = (f"one={photos}", f"two={photos}")
    assert states(file, work, *both) == ["missing"] * 4
    events = run(file, work, *both, jobs=2)
    assert {event.name for event in events[:2]} == {"align one", "align two"}
    assert [event.what for event in events[:2]] == ["starts", "starts"]
    assert states(file, work, *both) == ["done"] * 4
    assert (work / "recipes" / "two" / "align-one.log").stat().st_size > 0
    assert run(file, work, *both) == []
    assert states(file, work, *both, "map.radius=[2]") == ["done", "missing", "done", "missing"]
    assert states(file, work, *both, "two.size=18x18") == ["done", "done", "other options", "stale"]


def test_a_failure_stops_what_needs_it_and_nothing_else(file: Path, photos: Path) -> None:
    work = photos.parent / "work"
    overrides = (f"one={photos.parent / 'nowhere'}", f"two={photos}")
    planned = plan(read_recipe(file, overrides).steps, work)
    failure = run_steps(planned, work, work / "recipes" / "two")
    assert failure is not None
    assert failure.code == 3
    says = r"align one failed; 1 steps .*nowhere.*align-one\.log"
    assert re.search(says, failure.sentence)
    assert states(file, work, *overrides) == ["missing", "missing", "done", "done"]


def test_interrupted_it_goes_on_from_there(file: Path, photos: Path) -> None:
    work = photos.parent / "work"
    command = [
        *(sys.executable, "-m", "emotiw_cli", "recipe", "run", str(file), "--work", str(work)),
        *("--set", f"one={photos}", "--set", f"two={photos}"),
    ]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    for line in first.stderr:
        if "align one done" in line:
            first.send_signal(signal.SIGINT)
            break
    assert "run the same command again" in first.stderr.read()
    assert first.wait() == 130
    first.stderr.close()
    assert states(file, work, f"one={photos}", f"two={photos}")[0] == "done"
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "all 4 steps are done" in again.stderr
    assert "align one …" not in again.stderr


def test_gpus_are_those_this_program_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert available_gpus() == ["2", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert available_gpus() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", os.devnull)
    assert available_gpus() == []
