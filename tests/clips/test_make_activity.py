"""``clips train activity`` on drawn mouths that move, killed on the way, and where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mouth_tubes import write_tubes
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.clips import make_activity
from emotiw_cli.clips.activity import Activity
from emotiw_cli.clips.module_maker import MODEL
from emotiw_cli.clips.modules import open_module
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.errors import InputError

pytest.importorskip("sklearn")

TRAIN = ("train", "activity", "set", "--words", 24)


def run(work: Path, *words: object) -> Result:
    return CliRunner().invoke(app, ["clips", *map(str, words), "--work", str(work)])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of twelve crops, every twelfth without."""
    work = tmp_path_factory.mktemp("activity")
    write_tubes(work, crops=(*[12] * 11, 0))
    result = run(work, *TRAIN, "--name", "moves", "--json")
    assert result.exit_code == 0, result.stderr
    (work / "told.json").write_text(result.stdout)
    return work


def test_mouths_that_go_up_are_told_from_those_that_go_down(work: Path) -> None:
    told = json.loads((work / "told.json").read_text())
    assert (told["clips"], told["training"], told["without_answer"]) == (24, 16, 2)
    assert told["validation"]["accuracy"]["value"] == pytest.approx(7 / 8)
    artefact, outputs = open_module(work, "moves")
    there = np.isfinite(outputs.posteriors).all(axis=1)
    right = outputs.posteriors[there].argmax(axis=1) == outputs.labels[there]
    assert right.mean() > 0.9
    assert artefact.manifest["parameters"] == {
        "module": "activity",
        "words": 24,
        "units": 300,
        "c": 100.0,
        "gamma": None,
    }
    assert not list(artefact.folder.glob("kept-*"))


def test_what_is_stored_says_the_same_without_scikit_learn(work: Path) -> None:
    artefact, outputs = open_module(work, "moves")
    module = Activity.from_arrays(read_arrays(artefact.folder / MODEL), "it")
    tubes = TubeStore.open(work, "set")
    clip = tubes.clip(tubes.rows[20])
    said = module.posterior(clip.crops, clip.tube)
    assert said == pytest.approx(outputs.posteriors[20], abs=1e-9)


def test_a_run_that_was_killed_goes_on_with_its_parts(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    original = make_activity.fit_words
    monkeypatch.setattr(make_activity, "fit_words", killed)
    assert run(work, *TRAIN, "--name", "killed").exit_code != 0
    folder = work / "modules" / "killed"
    kept = sorted(path.name for path in folder.glob("*.npz"))
    assert kept == ["kept-filters.npz", "kept-whitening.npz"]
    half = folder / ".kept-words.npz.1.part"
    half.write_bytes(b"of a run that was killed as it wrote")
    monkeypatch.setattr(make_activity, "fit_words", original)
    monkeypatch.setattr(make_activity, "fit_filters", killed)
    assert run(work, *TRAIN, "--name", "killed").exit_code == 0
    digests = [open_module(work, name)[0].digest for name in ("moves", "killed")]
    assert digests[0] == digests[1]
    assert not half.exists()
    # From the start means the filters too.
    assert run(work, *TRAIN, "--name", "killed", "--overwrite").exit_code != 0


def test_what_cannot_be_made_is_one_sentence(work: Path, tmp_path: Path) -> None:
    many = run(work, "train", "activity", "set", "--name", "no", "--words", 10_000)
    assert many.exit_code == InputError.exit_code
    assert "have 540 blocks of ten crops" in many.stderr
    assert "--every-frame" in many.stderr
    write_tubes(tmp_path, "unlabelled", labels=("",))
    write_tubes(tmp_path, "faceless", crops=(0,))
    write_tubes(tmp_path, "flat", crops=(3,), flat=True)
    for name, told in (
        ("unlabelled", "0 labelled clips"),
        ("faceless", "0 labelled clips"),
        ("flat", "nothing in them moves"),
    ):
        refused = run(tmp_path, "train", "activity", name, "--name", "no", "--words", 4)
        assert refused.exit_code == InputError.exit_code
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1
