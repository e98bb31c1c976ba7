"""``clips apply``: other tubes read with what was trained on some."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mouth_tubes import write_tubes
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.clips.modules import open_module
from emotiw_cli.errors import InputError

pytest.importorskip("sklearn")


def run(work: Path, *words: object) -> Result:
    return CliRunner().invoke(app, ["clips", *map(str, words), "--work", str(work)])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("apply")
    write_tubes(work, crops=(12,))
    write_tubes(work, "other", clips=9, crops=(12, 12, 0), seed=1)
    for module in ("mouths", "activity"):
        made = run(work, "train", module, "set", "--name", module, "--words", 12)
        assert made.exit_code == 0, made.stderr
        assert "clips by label, and what was answered" in made.stdout
    return work


@pytest.mark.parametrize("module", ["mouths", "activity"])
def test_other_tubes_are_read(work: Path, module: str) -> None:
    result = run(work, "apply", module, "other", "--name", f"{module}-other", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["clips"], told["without_answer"]) == (9, 3)
    artefact, outputs = open_module(work, f"{module}-other")
    there = np.isfinite(outputs.posteriors).all(axis=1)
    assert there.tolist() == [True, True, False] * 3
    assert (outputs.posteriors[there].argmax(axis=1) == outputs.labels[there]).mean() > 0.8
    kinds = [one["kind"] for one in artefact.manifest["inputs"]]
    assert kinds == ["tubes", "modules"]
    again = run(work, "apply", module, "other", "--name", f"{module}-other", "--json")
    assert json.loads(again.stdout) == told


def test_what_was_applied_is_fused(work: Path) -> None:
    for module in ("mouths", "activity"):
        assert run(work, "apply", module, "other", "--name", f"{module}-f").exit_code == 0
    fused = run(work, "fuse", "--modules", "mouths-f,activity-f", "--name", "both", "--json")
    assert fused.exit_code == 0, fused.stderr
    _, outputs = open_module(work, "both")
    # Where both failed, the mean of two uniform posteriors.
    assert outputs.posteriors[2] == pytest.approx(np.full(7, 1 / 7))


def test_what_cannot_be_applied_is_one_sentence(work: Path) -> None:
    same = run(work, "apply", "mouths", "set", "--name", "no")
    assert same.exit_code == InputError.exit_code
    assert "other tubes" in same.stderr
    assert run(work, "apply", "none", "other", "--name", "no").exit_code == 4
