"""Clips on disk to fused modules, by the commands a user types; killed on the way and run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_maker import write_clip
from mouth_tubes import face
from PIL import Image
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.artefact import open_artefact

pytest.importorskip("sklearn")

MOUTHS = ["clips", "train", "mouths", "set", "--name", "mouths", "--words", "16"]
ACTIVITY = ["clips", "train", "activity", "set", "--name", "activity", "--words", "12"]


def summary(*words: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert result.exit_code == 0, f"{words}: {result.stderr} {result.exception!r}"
    told: dict[str, Any] = json.loads(result.stdout)
    return told


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AFEW's folders: smiles on waves that run, their contrary on waves that stand; in a clip of
    Val nobody is seen.
    """
    root = tmp_path_factory.mktemp("AFEW")
    rng = np.random.default_rng(0)
    for split, count in (("Train", 8), ("Val", 4)):
        for emotion, way, speed in (("Happy", 7, 0.15), ("Sad", -7, 0.0)):
            (root / split / emotion).mkdir(parents=True)
            for number in range(count):
                phases = rng.uniform() + speed * np.arange(12)
                pictures = [face(way + rng.normal(0, 0.5), phase) for phase in phases]
                name = f"{emotion}-{number}"
                unseen = (split, number) == ("Val", 0)
                frames = [np.full_like(one, 90) for one in pictures] if unseen else pictures
                write_clip(root / split / emotion / f"{name}.avi", frames)
                folder = root / f"{split}_Aligned_Faces" / name
                folder.mkdir(parents=True)
                for frame, picture in enumerate(() if unseen else pictures):
                    Image.fromarray(picture).save(folder / f"{frame:03d}.png")
    return root


@pytest.fixture(scope="module")
def work(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    told = summary(
        *("clips", "tubes", clips, "--name", "set", "--size", "16x16", "--every-frame"),
        *("--workers", 1, "--work", work),
    )
    assert told["status"] == {"no_face": 2, "ok": 22}
    return work


def killed(command: list[str], when: Path) -> None:
    """Start a command and kill it as soon as the file `when` appears."""
    with subprocess.Popen(
        [sys.executable, "-m", "emotiw_cli", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not when.exists() and time.monotonic() < deadline:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("command", "part"), [(MOUTHS, "kept-region-02.npz"), (ACTIVITY, "kept-whitening.npz")]
)
def test_a_module_that_was_killed_is_finished_by_the_same_command(
    work: Path, command: list[str], part: str
) -> None:
    here = ["--work", str(work)]
    name = command[command.index("--name") + 1]
    folder = work / "modules" / name
    killed([*command, *here], folder / part)
    states = {one["name"]: one["state"] for one in summary("status", *here)["artefacts"]}
    assert states[name] == "half-written"
    refused = CliRunner().invoke(
        app, ["clips", "fuse", "--modules", f"{name},{name}", "--name", "no", *here]
    )
    assert (refused.exit_code, "half-written" in refused.stderr) == (4, True)
    told = summary(*command, *here)
    assert (told["clips"], told["training"], told["without_answer"]) == (24, 16, 2)
    # Of eight, two are not seen; even odds are right for neither.
    assert told["validation"]["accuracy"]["value"] == pytest.approx(6 / 8)
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        "manifest.json",
        "model.npz",
        "posteriors.npz",
        "seen.npz",
    ]


def test_mouths_and_activity_are_fused_like_other_modules(work: Path) -> None:
    here = ("--work", work)
    for command in (MOUTHS, ACTIVITY):
        summary(*command, *here)
    for method in ("mean", "svm"):
        plan = ("--c", 2, "--gamma", 2) if method == "svm" else ()
        told = summary(
            *("clips", "fuse", "--modules", "mouths,activity", "--method", method),
            *("--name", f"by-{method}", *plan, *here),
        )
        assert told["without_answer"] == 0
        assert told["validation"]["accuracy"]["value"] >= 6 / 8
    fused = open_artefact(work, "modules", "by-mean")
    assert {one["name"] for one in fused.manifest["inputs"]} == {"mouths", "activity", "set"}
    states = {one["state"] for one in summary("status", "--verify", *here)["artefacts"]}
    assert states == {"ok"}
