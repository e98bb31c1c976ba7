"""``clips train mouths`` on drawn smiles, killed on the way, and where it cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mouth_tubes import write_tubes
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.clips import make_mouths
from emotiw_cli.clips.module_maker import MODEL
from emotiw_cli.clips.modules import open_module
from emotiw_cli.clips.mouths import REGIONS, Mouths
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.errors import InputError

pytest.importorskip("sklearn")


def run(work: Path, *words: object) -> Result:
    return CliRunner().invoke(app, ["clips", *map(str, words), "--work", str(work)])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of three crops, every twelfth without; trained on with eight words."""
    work = tmp_path_factory.mktemp("mouths")
    write_tubes(work, crops=(*[3] * 11, 0))
    result = run(work, "train", "mouths", "set", "--name", "mouths", "--words", 8, "--json")
    assert result.exit_code == 0, result.stderr
    (work / "told.json").write_text(result.stdout)
    return work


def test_smiles_are_told_from_their_contrary(work: Path) -> None:
    told = json.loads((work / "told.json").read_text())
    assert (told["clips"], told["training"], told["without_answer"]) == (24, 16, 2)
    # Seven of eight have a face; even odds are right for none that is sad.
    assert told["validation"]["accuracy"]["value"] == pytest.approx(7 / 8)
    confusion = np.array(told["validation"]["confusion"])
    assert confusion.shape == (7, 7)
    assert (confusion[3, 3], confusion[5, 5], confusion[5, 0], confusion.sum()) == (4, 3, 1, 8)
    artefact, outputs = open_module(work, "mouths")
    there = np.isfinite(outputs.posteriors).all(axis=1)
    assert (outputs.posteriors[there].argmax(axis=1) == outputs.labels[there]).all()
    assert artefact.manifest["parameters"]["words"] == 8
    assert artefact.manifest["licences"] == ["clips: for tests"]
    assert not list(artefact.folder.glob("kept-*"))


def test_what_is_stored_says_the_same_without_scikit_learn(work: Path) -> None:
    artefact, outputs = open_module(work, "mouths")
    module = Mouths.from_arrays(read_arrays(artefact.folder / MODEL), "it")
    assert module.words.shape[:2] == (REGIONS, 8)
    tubes = TubeStore.open(work, "set")
    said = module.posterior(tubes.clip(tubes.rows[20]).crops)
    assert said == pytest.approx(outputs.posteriors[20], abs=1e-12)


def test_more_words_draw_more_faces(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_mouths, "FACES_FOR_WORDS", 2)
    made = run(work, "train", "mouths", "set", "--name", "many", "--words", 40)
    assert made.exit_code == 0, made.stderr


def test_a_run_that_was_killed_goes_on_with_its_regions(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[int] = []
    original = make_mouths.fit_words

    def until_five(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
        if len(learned) == 5:
            raise KeyboardInterrupt
        learned.append(count)
        return original(rows, count, seed)

    command = ("train", "mouths", "set", "--name", "killed", "--words", 8)
    monkeypatch.setattr(make_mouths, "fit_words", until_five)
    assert run(work, *command).exit_code != 0
    folder = work / "modules" / "killed"
    kept = sorted(path.name for path in folder.glob("*.npz"))
    assert kept == [f"kept-region-{region:02d}.npz" for region in range(5)]
    assert not (folder / "manifest.json").exists()
    learned.clear()
    monkeypatch.setattr(make_mouths, "fit_words", lambda *a: learned.append(0) or original(*a))
    assert run(work, *command).exit_code == 0
    assert len(learned) == REGIONS - 5
    digests = [open_module(work, name)[0].digest for name in ("mouths", "killed")]
    assert digests[0] == digests[1]
    # Parts of other words are none of this run's.
    (folder / "manifest.json").unlink()
    assert run(work, *command[:-1], 6).exit_code == 0
    assert len(learned) == 2 * REGIONS - 5


def test_another_run_under_the_name_is_refused(work: Path) -> None:
    again = run(work, "train", "mouths", "set", "--name", "mouths", "--words", 8, "--json")
    assert json.loads(again.stdout) == json.loads((work / "told.json").read_text())
    other = run(work, "train", "mouths", "set", "--name", "mouths", "--words", 9)
    assert (other.exit_code, "--overwrite" in other.stderr) == (4, True)


def test_what_cannot_be_made_is_one_sentence(work: Path, tmp_path: Path) -> None:
    # Fifteen training clips have three faces each, of ten patches a region.
    many = run(work, "train", "mouths", "set", "--name", "no", "--words", 451)
    assert many.exit_code == InputError.exit_code
    assert "have 45 faces, enough for 450 words; 451 need 46 faces" in many.stderr
    assert "--words" in many.stderr
    write_tubes(tmp_path, "unlabelled", labels=("",))
    write_tubes(tmp_path, "faceless", crops=(0,))
    write_tubes(tmp_path, "flat", crops=(3,), flat=True)
    words = ("--name", "no", "--words", 8)
    for name, told in (
        ("unlabelled", "0 labelled clips"),
        ("faceless", "0 labelled clips"),
        ("flat", "shows no mouths"),
    ):
        refused = run(tmp_path, "train", "mouths", name, *words)
        assert refused.exit_code == InputError.exit_code
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert run(tmp_path, "train", "mouths", "none", *words).exit_code == 4
