"""``clips apply``: other tubes read with what was trained on some."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from mouth_tubes import write_tubes
from tiny_bundle import FACE, rewrite_spec
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.clips.fusion import METHODS, Method
from emotiw_cli.clips.modules import open_module
from emotiw_cli.errors import InputError, TamperedError

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


ROUNDING = 1e-13
"""A product of matrices rounds otherwise than those of their rows."""

MEMBERS = {
    "mean": ("train", "faces", "set", "--bundle", "tiny", "--aggregate", "mean"),
    "segments": ("train", "faces", "set", "--bundle", "tiny"),
    "lips": ("train", "mouths", "set", "--words", 12),
    "moves": ("train", "activity", "set", "--words", 12),
    "voice": ("listen", "set"),
    "pair": ("fuse", "--modules", "lips,voice"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, _tiny_bundle: Path) -> Path:
    """Modules of every kind of tubes ``set``, and the same tubes once more as ``again``; some clips
    have no face, some no sound, one has neither.
    """
    work = tmp_path_factory.mktemp("whole")
    shutil.copytree(_tiny_bundle, work / "bundles" / "tiny")
    for name, note in (("set", ""), ("again", "the same clips")):
        write_tubes(work, name, crops=(12, 20, 0, 4, 13), size=FACE, hums=True, note=note)
    for name, words in MEMBERS.items():
        made = run(work, *words, "--name", name)
        assert made.exit_code == 0, made.stderr
    return work


def applied(work: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What a module said of held-out clips when it was made, and what it says of the same tubes."""
    result = run(work, "apply", name, "again", "--name", f"{name}-again", "--json")
    assert result.exit_code == 0, result.stderr
    first, second = (open_module(work, one)[1] for one in (name, f"{name}-again"))
    held = first.splits != "train"
    return first.posteriors[held], second.posteriors[held]


@pytest.mark.parametrize("member", MEMBERS)
def test_of_the_same_clips_a_module_says_the_same(whole: Path, member: str) -> None:
    before, after = applied(whole, member)
    assert np.isfinite(before).all(axis=1).any()
    np.testing.assert_allclose(after, before, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("method", METHODS)
def test_of_the_same_clips_a_fused_system_says_the_same(whole: Path, method: Method) -> None:
    plan = {"svm": ("--c", 2, "--gamma", 1), "random-search": ("--draws", 500)}.get(method, ())
    made = run(
        *(whole, "fuse", "--modules", ",".join(MEMBERS), "--method", method),
        *("--name", f"by-{method}", *plan),
    )
    assert made.exit_code == 0, made.stderr
    before, after = applied(whole, f"by-{method}")
    assert np.isfinite(before).all()
    np.testing.assert_allclose(after, before, rtol=0, atol=ROUNDING)


def test_what_a_fused_system_is_made_of_must_be_what_it_was(whole: Path, tmp_path: Path) -> None:
    words = ("fuse", "--modules", "mean,voice", "--name", "both")
    work = tmp_path / "work"
    shutil.copytree(whole, work)
    assert run(work, *words).exit_code == 0
    apply = ("apply", "both", "again", "--name", "no")
    small = tmp_path / "small"
    shutil.copytree(work, small)
    write_tubes(small, "small", crops=(12,))
    refused = run(small, "apply", "both", "small", "--name", "no")
    assert (refused.exit_code, "--size 48x60" in refused.stderr) == (4, True)
    bundle = work / "bundles" / "tiny" / "bundle.json"
    rewrite_spec(bundle.parent, {**json.loads(bundle.read_text()), "version": "2"})
    refused = run(work, *apply)
    assert (refused.exit_code, "another bundle" in refused.stderr) == (4, True)
    shutil.rmtree(work / "modules" / "voice")
    refused = run(work, *apply)
    assert (refused.exit_code, "modules/voice does not exist" in refused.stderr) == (4, True)
    old = open_module(small, "both")[0]
    (old.folder / "model.npz").unlink()
    del old.manifest["outputs"]["model.npz"]
    (old.folder / "manifest.json").write_text(json.dumps(old.manifest))
    refused = run(small, *apply)
    assert refused.exit_code == InputError.exit_code
    assert "before modules kept what they fitted" in refused.stderr


def test_a_module_whose_arrays_were_changed_is_refused(work: Path, tmp_path: Path) -> None:
    copied = tmp_path / "work"
    shutil.copytree(work, copied)
    path = copied / "modules" / "mouths" / "model.npz"
    path.write_bytes((copied / "modules" / "activity" / "model.npz").read_bytes())
    refused = run(copied, "apply", "mouths", "other", "--name", "no")
    assert refused.exit_code == TamperedError.exit_code
    assert "model.npz is not the file its manifest records; make mouths again" in refused.stderr
    refused = run(copied, "bundle", "--fused", "mouths", "--name", "no")
    assert refused.exit_code == TamperedError.exit_code
    path.unlink()
    refused = run(copied, "apply", "mouths", "other", "--name", "no")
    assert (refused.exit_code, "model.npz is missing" in refused.stderr) == (4, True)


@pytest.mark.parametrize(
    "words", [("apply", "mouths", "other"), ("fuse", "--modules", "mouths,activity")]
)
def test_a_module_is_not_written_over_by_what_is_made_from_it(
    work: Path, words: tuple[str, ...]
) -> None:
    before, _ = open_module(work, "mouths")
    refused = run(work, *words, "--name", "mouths", "--overwrite")
    assert refused.exit_code == InputError.exit_code
    assert "cannot be made from itself; choose another --name" in refused.stderr
    assert open_module(work, "mouths")[0].manifest == before.manifest


def test_what_cannot_be_applied_is_one_sentence(work: Path) -> None:
    same = run(work, "apply", "mouths", "set", "--name", "no")
    assert same.exit_code == InputError.exit_code
    assert "other tubes" in same.stderr
    assert run(work, "apply", "none", "other", "--name", "no").exit_code == 4
