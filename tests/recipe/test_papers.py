"""The papers' recipes from beginning to end, with a tiny net on tiny sets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from emotiw_cli.artefact import read_json
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.nets.registry import find_net

ROOT = Path(__file__).parents[2]
NET = "mobilenet_v1.025"
SMALL = ("epochs=1", "resize=24", "crop=20", "batch=4", "crops=centre")


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A folder with ``people``, ``emotions``, ``fer.csv`` and weights of the tiny net."""
    made = [sys.executable, str(ROOT / "examples" / "make_tiny_set.py"), str(tmp_path)]
    subprocess.run(made, check=True, capture_output=True)
    random = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for usage, count in (("Training", 4), ("PublicTest", 1)):
        for number in range(7 * count):
            pixels = " ".join(map(str, random.integers(0, 256, 48 * 48)))
            lines.append(f"{number % 7},{pixels},{usage}")
    (tmp_path / "fer.csv").write_text("\n".join(lines))
    save_file(find_net(NET).build(len(EMOTIONS)).state_dict(), tmp_path / f"{NET}.safetensors")
    return tmp_path


def run(recipe: str, *values: str, verbs: Sequence[str], work: Path) -> dict[str, Any]:
    small = [f"{verb}.{value}" for verb in verbs for value in SMALL]
    words = [word for value in (*small, "ensemble.folds=2", *values) for word in ("--set", value)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "emotiw_cli", "recipe", "run", str(ROOT / "recipes" / recipe)),
            *(*words, "--jobs", "2", "--json", "--work", str(work)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_levi_and_hassner(sets: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    run(
        "levi-hassner-2015.toml",
        f"inputs.webface={sets / 'people'}",
        f"inputs.sfew={sets / 'emotions'}",
        f"inputs.imagenet={sets}",
        f"for.net={NET}",
        "for.rep=rgb,cyclic-5",
        "map.radius=5",
        "align.webface.no-detect=true",
        verbs=("pretrain", "finetune"),
        work=work,
    )
    bundle = read_json(work / "bundles" / "levi-hassner-2015" / "bundle.json")
    assert [member["name"] for member in bundle["members"]] == [f"{NET}-rgb", f"{NET}-cyclic-5"]
    assert bundle["members"][1]["preprocessing"]["representation"] == "cyclic-5"
    assert sum(bundle["weights"]["values"]) == pytest.approx(1)


def test_ng(sets: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    run(
        "ng-2015.toml",
        f"inputs.fer2013={sets / 'fer.csv'}",
        f"inputs.sfew={sets / 'emotions'}",
        f"inputs.imagenet={sets}",
        f"for.net={NET}",
        verbs=("finetune",),
        work=work,
    )
    for way in ("cascade", "combined"):
        manifest = read_json(work / "models" / f"{way}-{NET}" / "manifest.json")
        starts = [one["name"] for one in manifest["inputs"] if one["kind"] != "faces"]
        assert starts == [f"fer2013-{NET}" if way == "cascade" else f"{NET}.safetensors"]
        assert (work / "bundles" / f"{way}-{NET}" / "bundle.json").is_file()
