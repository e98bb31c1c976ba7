"""Running steps: side by side, resumed, held back; with a stand-in for the program of the verbs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.errors import InputError
from emotiw_cli.recipe.experiment import Experiment, read_recipe
from emotiw_cli.recipe.plan import plan
from emotiw_cli.recipe.run import run

STAND_IN = """
import json, sys, time
from pathlib import Path
verb, *words = sys.argv[1:]
name, work = words[words.index("--name") + 1], Path(words[words.index("--work") + 1])
with open(work / "called", "a") as file:
    file.write(f"{verb} {name} begins\\n")
print("working on", name)
if name == "bad":
    sys.exit("emotiw: it cannot be." if not (work / "repaired").exists() else 0)
time.sleep(0.4)
folder = work / ("faces" if verb == "align" else "models") / name
folder.mkdir(parents=True, exist_ok=True)
manifest = {"schema": 1, "kind": folder.parent.name, "inputs": [], "outputs": {}, "digest": "0"}
manifest["command"] = " ".join(["emotiw", *sys.argv[1:]])
(folder / "manifest.json").write_text(json.dumps(manifest))
with open(work / "called", "a") as file:
    file.write(f"{verb} {name} ends\\n")
"""
TEXT = """
[align.set]
source = "pictures"
[align.bad]
source = "pictures"
[finetune.one]
sets = "set"
[finetune.two]
sets = "set"
[finetune.three]
sets = ["set", "bad"]
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    (tmp_path / "r.toml").write_text(TEXT)
    return read_recipe(tmp_path / "r.toml")


@pytest.fixture
def stand_in(tmp_path: Path) -> list[str]:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    return [sys.executable, str(tmp_path / "stand_in.py")]


def test_a_failing_step_holds_back_what_waits_for_it_and_nothing_else(
    experiment: Experiment, stand_in: list[str], tmp_path: Path
) -> None:
    outcomes = {one.step.key: one for one in run(experiment, tmp_path, jobs=2, emotiw=stand_in)}
    states = {key: one.state for key, one in outcomes.items()}
    assert states == {
        "align set": "done",
        "align bad": "failed",
        "finetune one": "done",
        "finetune two": "done",
        "finetune three": "held back",
    }
    assert outcomes["align bad"].exit_code == 1
    log = outcomes["align bad"].log
    assert log is not None
    assert "emotiw: it cannot be." in log.read_text()


def test_independent_steps_run_at_once_and_done_ones_not_again(
    experiment: Experiment, stand_in: list[str], tmp_path: Path
) -> None:
    run(experiment, tmp_path, jobs=2, emotiw=stand_in)
    called = (tmp_path / "called").read_text().splitlines()
    begins = [called.index(f"finetune {name} begins") for name in ("one", "two")]
    ends = [called.index(f"finetune {name} ends") for name in ("one", "two")]
    assert max(begins) < min(ends)
    assert called.index("align set ends") < min(begins)
    again = run(experiment, tmp_path, jobs=2, emotiw=stand_in)
    assert {one.step.key for one in again if one.ran} == {"align bad"}


def test_one_job_runs_them_in_turn(
    experiment: Experiment, stand_in: list[str], tmp_path: Path
) -> None:
    run(experiment, tmp_path, jobs=1, emotiw=stand_in)
    called = (tmp_path / "called").read_text().splitlines()
    assert called.index("finetune one ends") < called.index("finetune two begins")


def test_other_options_are_seen(
    experiment: Experiment, stand_in: list[str], tmp_path: Path
) -> None:
    run(experiment, tmp_path, jobs=2, emotiw=stand_in)
    changed = read_recipe(tmp_path / "r.toml", ["finetune.one.epochs=3"])
    states = {one.step.key: (one.state, one.note) for one in plan(changed, tmp_path)}
    assert states["finetune one"] == ("other options", "epochs 12, not 3")
    assert states["finetune two"][0] == "done"
    assert states["finetune three"][0] == "missing"


def test_a_missing_input_stops_it_before_anything_runs(stand_in: list[str], tmp_path: Path) -> None:
    text = '[inputs]\nset = { path = "none.zip", what = "a set" }\n[align.a]\nsource = "{set}"\n'
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(InputError, match=r"set \(a set\) is not at none.zip"):
        run(read_recipe(tmp_path / "r.toml"), tmp_path, jobs=1, emotiw=stand_in)
    assert not (tmp_path / "called").exists()


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """A recipe of the real verbs on pictures of plain colour."""
    for emotion in ("happy", "sad"):
        for number in range(3):
            path = tmp_path / f"set/{emotion}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (48, 48), (40 * number, 90, 20)).save(path)
    (tmp_path / "crops.toml").write_text(
        '[inputs]\nset = { path = "set", what = "crops" }\n'
        '[align]\nno-detect = true\nsize = "48x48"\nworkers = 1\n[align.a]\nsource = "{set}"\n'
        "[map.a]\nradius = 1\n"
    )
    return tmp_path


def cli(folder: Path, *words: str) -> Any:
    where = ["--work", str(folder / "work"), "--set", f"inputs.set={folder / 'set'}"]
    return CliRunner().invoke(
        app, ["recipe", words[0], str(folder / "crops.toml"), *where, *words[1:]]
    )


def test_the_verbs_themselves_run_and_then_are_done(crops: Path) -> None:
    done = cli(crops, "run", "--json", "--jobs", "1")
    assert done.exit_code == 0, done.output
    assert [one["state"] for one in json.loads(done.stdout)["steps"]] == ["done", "done"]
    planned = json.loads(cli(crops, "plan", "--json").stdout)
    assert [one["state"] for one in planned["steps"]] == ["done", "done"]
    assert "2 steps, 2 done." in cli(crops, "plan").stdout
    assert "0 run now" in cli(crops, "run").stdout


def test_a_failing_verb_gives_its_exit_code(crops: Path) -> None:
    failed = cli(crops, "run", "--set", "map.radius=40")
    assert failed.exit_code == 3
    assert "map a: failed with exit code 3" in failed.stderr


def test_show_gives_commands(crops: Path) -> None:
    lines = cli(crops, "show").stdout.splitlines()
    assert lines[1] == f"emotiw map a --radius 1 --work {crops / 'work'}"


def test_ended_by_a_signal_its_steps_are_interrupted_too(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[align.a]\nsource = "set"\n')
    (tmp_path / "slow.py").write_text(
        "import sys, time\n"
        "try: time.sleep(60)\n"
        f"except KeyboardInterrupt: open({str(tmp_path / 'saved')!r}, 'w'); sys.exit(130)\n"
    )
    code = (
        "import sys; from pathlib import Path\n"
        "from emotiw_cli.recipe.experiment import read_recipe\n"
        "from emotiw_cli.recipe.run import run\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "run(read_recipe(folder / 'r.toml'), folder, jobs=1,\n"
        "    emotiw=[sys.executable, str(folder / 'slow.py')],\n"
        "    on_start=lambda one: (folder / 'begun').touch())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as engine:
        deadline = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        engine.send_signal(signal.SIGTERM)
        engine.wait(20)
    assert (tmp_path / "saved").exists()
