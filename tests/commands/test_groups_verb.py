"""``emotiw groups faces`` and ``emotiw groups features`` as they are typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from group_photos import single
from PIL import Image
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.load import DEFAULT_NAME
from emotiw_cli.groups.features import Features

EMOTIW = [sys.executable, "-m", "emotiw_cli", "groups"]


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["groups", *map(str, words)])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty small pictures, more than two shards, some with a face."""
    root = tmp_path_factory.mktemp("source")
    generator = np.random.default_rng(0)
    for number in range(40):
        label = ("Negative", "neutral", "POSITIVE")[number % 3]
        (root / label).mkdir(exist_ok=True)
        picture = generator.integers(90, 160, (80, 80, 3), np.uint8)
        if number % 8 == 0:
            picture[:70, 5:75] = single("grace_hopper.jpg", 70)
        Image.fromarray(picture).save(root / label / f"{number:02d}.png")
    return root


def test_from_photos_to_features(source: Path, tmp_path: Path) -> None:
    result = run(
        *("faces", source, "--name", "set", "--detector", "yunet", "--workers", "1"),
        *("--work", tmp_path, "--json"),
    )
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["inputs"], found["with_faces"], found["worked_on"]) == (40, 5, 40)
    assert found["status"] == {"no_face": 35, "ok": 5}
    assert found["label"] == {"negative": 14, "neutral": 13, "positive": 13}
    assert found["images_per_second"] > 0

    result = run("features", "set", "--workers", "1", "--work", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    described = json.loads(result.stdout)
    assert (described["images"], described["faces"], described["backbone"]) == (40, 5, DEFAULT_NAME)
    features = Features.open(tmp_path, "set")
    assert features.artefact.manifest["inputs"][0]["kind"] == "groups"
    assert np.bincount(features.labels).tolist() == [14, 13, 13]

    shown = run("features", "set", "--work", tmp_path)
    assert "Described faces" in shown.stdout
    assert "worked on" in shown.stdout


def test_what_is_wrong_has_a_sentence_and_an_exit_code(source: Path, tmp_path: Path) -> None:
    (tmp_path / "set" / "Positive").mkdir(parents=True)
    (tmp_path / "set" / "Negatve").mkdir()
    for folder in ("Positive", "Negatve"):
        Image.new("RGB", (8, 8)).save(tmp_path / "set" / folder / "a.png")
    cases = {
        ("faces", source, "--name", "a/b"): (3, "is not a usable name"),
        ("faces", tmp_path / "gone", "--name", "a"): (3, "does not exist; check the path."),
        ("faces", tmp_path / "set", "--name", "a"): (3, "did you mean 'negative'?"),
        ("faces", source, "--name", "a", "--detector", "mtcnn"): (2, "'yunet'"),
        ("faces", source, "--name", "a", "--size", "144"): (2, "write it as"),
        ("features", "nothing"): (4, "make it first with `emotiw groups faces SOURCE"),
    }
    for words, (code, sentence) in cases.items():
        result = run(*words, "--work", tmp_path / "work")
        assert (result.exit_code, sentence in " ".join(result.stderr.split())) == (code, True)


def test_a_killed_run_goes_on(source: Path, tmp_path: Path) -> None:
    command = [*EMOTIW, "faces", str(source), "--name", "set", "--work", str(tmp_path)]
    command += ["--workers", "1"]
    folder = tmp_path / "groups" / "set"
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        until = time.monotonic() + 60
        while not list(folder.glob("shard-*.csv")) and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    there = len(list(folder.glob("shard-*.csv")))
    assert there in (1, 2)
    assert not (folder / "manifest.json").exists()
    result = run("faces", source, "--name", "set", "--work", tmp_path, "--workers", "1", "--json")
    assert json.loads(result.stdout)["worked_on"] == 40 - 16 * there
    assert (folder / "manifest.json").is_file()


def test_without_torch_vggface_is_one_sentence(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = run("features", "set", "--vggface", "model", "--work", tmp_path)
    assert result.exit_code == 9
    assert "pip install 'emotiw[train]'" in result.stderr
