"""From members to a bundle that gives what its members gave in training."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from toy import (
    change_validation,
    finish_model,
    toy_faces,
    write_linear_net,
    write_validation,
)

from emotiw_cli.artefact import (
    MANIFEST,
    exclusive,
    open_artefact,
    read_json,
    reference,
    write_json,
)
from emotiw_cli.bundle.load import load_bundle, verify_bundle
from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.data.faces import Faces
from emotiw_cli.ensemble.fit import Plan, fit_ensemble
from emotiw_cli.ensemble.make import STEPS, make_bundle, sets_of
from emotiw_cli.ensemble.members import read_members
from emotiw_cli.errors import ArtefactError, BusyError, TamperedError

MEMBERS = ["good", "fair", "poor"]


def test_the_bundle_gives_the_posteriors_of_training(work: Path) -> None:
    steps: list[str] = []
    made = make_bundle(work, "trio", MEMBERS, Plan(), version="2", on_step=steps.append)
    assert tuple(steps) == STEPS
    bundle = load_bundle("trio", work=work)
    assert (bundle.spec.name, bundle.spec.version) == ("trio", "2")
    faces = Faces.open(work, "toy")
    rows = faces.select("validation")
    got = bundle.member_posteriors([faces.face(row) for row in rows])
    for number, name in enumerate(MEMBERS):
        with np.load(work / "models" / name / "validation.npz") as file:
            np.testing.assert_allclose(got[number], file["posteriors"], atol=1e-3)
    assert 0 < made.manifest["metrics"]["half_precision_change"] < 1e-3
    assert made.manifest["metrics"]["training_difference"] < 1e-5
    assert made.manifest["metrics"]["checked_faces"] == 70


def test_the_bundle_names_what_was_seen(work: Path) -> None:
    folder = make_bundle(work, "trio", MEMBERS, Plan()).folder
    faces, seen = Faces.open(work, "toy"), Seen.read(folder / "seen.npz")
    for split, digests in (("train", seen.pixels), ("validation", seen.chosen)):
        rows = [faces.rows[row].pixels for row in faces.select(split)]
        np.testing.assert_array_equal(digests, np.unique(digest_numbers(rows)))


def test_the_card(work: Path) -> None:
    card = (make_bundle(work, "trio", MEMBERS, Plan()).folder / "MODEL_CARD.md").read_text()
    for part in ("# trio, version 1", "toy data, free", "| good alone |", "| surprise | 10 |"):
        assert part in card
    assert str(work) not in card
    assert "validation faces of angry, disgust, fear" in card  # fewer than 100 each
    assert "- **toy**: 105 faces. toy data, free" in card


def test_figures_of_each_set(work: Path, tmp_path: Path) -> None:
    other = toy_faces(tmp_path / "other", "acted", train=7, validation=14, seed=5)
    shutil.move(other.folder, work / "faces" / "acted")
    toy, acted = Faces.open(work, "toy"), Faces.open(work, "acted")
    rows = [source.rows[row] for source in (toy, acted) for row in source.select("validation")]
    sure = np.array([0.94 * row.target() + 0.06 / 7 for row in rows])
    sure[:70] = np.roll(sure[:70], 1, axis=1)  # wrong on toy, right on acted
    for name in MEMBERS:
        folder = work / "models" / name
        write_validation(folder / "validation.npz", rows, sure)
        finish_model(folder, [reference(toy.artefact), reference(acted.artefact)])
    models = read_members([open_artefact(work, "models", name) for name in MEMBERS], work)
    sets = sets_of(work, models[0])
    assert sets.tolist() == ["toy"] * 70 + ["acted"] * 14
    figures = fit_ensemble(models, Plan(method="equal"), sets).figures["sets"]
    assert {name: one["accuracy"]["value"] for name, one in figures.items()} == {
        "acted": 1.0,
        "toy": 0.0,
    }
    assert figures["acted"]["labelled"] == 14
    assert figures["acted"]["recall"]["fear"] == 1.0
    assert fit_ensemble(models, Plan(method="equal")).figures["sets"] == {}


def test_the_card_of_a_set_without_some_emotions(work: Path) -> None:
    for name in MEMBERS:
        model = open_artefact(work, "models", name)
        with np.load(model.folder / "validation.npz") as file:
            labels = np.where(file["labels"] == 4, -1, file["labels"])
        change_validation(model, labels=labels)
    card = (make_bundle(work, "trio", MEMBERS, Plan()).folder / "MODEL_CARD.md").read_text()
    assert "There are no validation faces of neutral" in card
    assert "| neutral | 0 | – |" in card


def test_the_same_again_is_left_as_it_is(work: Path) -> None:
    first = make_bundle(work, "trio", MEMBERS, Plan())
    before = (first.folder / "bundle.json").stat().st_mtime_ns
    steps: list[str] = []
    again = make_bundle(work, "trio", MEMBERS, Plan(), on_step=steps.append)
    assert again.digest == first.digest
    assert not steps
    assert (first.folder / "bundle.json").stat().st_mtime_ns == before


def test_other_options_are_refused_unless_told(work: Path) -> None:
    make_bundle(work, "trio", MEMBERS, Plan())
    with pytest.raises(ArtefactError, match="--overwrite"):
        make_bundle(work, "trio", MEMBERS[:2], Plan())
    with pytest.raises(ArtefactError, match="--overwrite"):
        make_bundle(work, "trio", MEMBERS, Plan(folds=3))
    made = make_bundle(work, "trio", MEMBERS[:2], Plan(), overwrite=True)
    assert {path.name for path in made.folder.glob("*.onnx")} == {"good.onnx", "fair.onnx"}
    assert len(verify_bundle(made.folder).members) == 2


def test_bundles_are_equal_bytes(work: Path) -> None:
    first = make_bundle(work, "trio", MEMBERS, Plan())
    again = make_bundle(work, "trio", MEMBERS, Plan(), overwrite=True)
    assert again.manifest["outputs"] == first.manifest["outputs"]


def test_what_a_killed_run_left_is_made_again(work: Path) -> None:
    first = make_bundle(work, "trio", MEMBERS, Plan())
    (first.folder / "manifest.json").unlink()
    (first.folder / "good.onnx").write_bytes(b"half")
    with pytest.raises(ArtefactError, match="half-written"):
        open_artefact(work, "bundles", "trio")
    again = make_bundle(work, "trio", MEMBERS, Plan())
    assert again.digest == first.digest
    verify_bundle(again.folder)


def test_two_runs_at_once(work: Path) -> None:
    with exclusive(work / "bundles" / "trio"), pytest.raises(BusyError):
        make_bundle(work, "trio", MEMBERS, Plan())


def test_a_net_that_is_not_the_one_validated(work: Path) -> None:
    model = open_artefact(work, "models", "good")
    write_linear_net(
        model.folder / "model.onnx", np.random.default_rng(5).normal(size=(7, 192)).astype("f4")
    )
    finish_model(model.folder, model.manifest["inputs"])
    with pytest.raises(ArtefactError, match="does not give the posteriors"):
        make_bundle(work, "trio", MEMBERS, Plan())
    with pytest.raises(ArtefactError, match="half-written"):
        open_artefact(work, "bundles", "trio")


def test_tampered_validation(work: Path) -> None:
    path = work / "models" / "fair" / "validation.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(TamperedError):
        make_bundle(work, "trio", MEMBERS, Plan())


def test_posteriors_that_are_not_numbers(work: Path) -> None:
    """A member that fails on some faces joins; the check skips the faces it failed on."""
    model = open_artefact(work, "models", "fair")
    with np.load(model.folder / "validation.npz") as file:
        posteriors = file["posteriors"].copy()
    posteriors[:5] = np.nan
    change_validation(model, posteriors=posteriors)
    made = make_bundle(work, "trio", MEMBERS, Plan())
    assert made.manifest["metrics"]["members"]["fair"]["failures"] == 5


def test_faces_that_are_gone_leave_the_nets_unchecked(work: Path) -> None:
    for path in (work / "faces" / "toy").iterdir():
        path.unlink()
    metrics = make_bundle(work, "trio", MEMBERS, Plan()).manifest["metrics"]
    assert metrics["checked_faces"] == 0
    assert metrics["half_precision_change"] is None


def test_missing_member(work: Path) -> None:
    with pytest.raises(ArtefactError, match=r"does not exist \(there are: fair, good, poor\)"):
        make_bundle(work, "trio", ["best"], Plan())


def test_stale_members_are_refused_also_by_a_bundle_that_is_made(work: Path) -> None:
    make_bundle(work, "trio", MEMBERS, Plan())
    manifest = work / "faces" / "toy" / MANIFEST
    write_json(manifest, {**read_json(manifest), "digest": "of other faces"})
    for name in ("trio", "new"):
        with pytest.raises(ArtefactError, match="good is stale: faces/toy has changed since"):
            make_bundle(work, name, MEMBERS, Plan())
    assert not (work / "bundles" / "new").exists()


def test_subjects_are_named_and_kept_in_one_fold(tmp_path: Path) -> None:
    from toy import toy_model

    work = tmp_path / "work"
    trained, held = ["kim"] * 35, ["ann", "bob", "eve", "max", "zoe"] * 14
    faces = toy_faces(work, groups=[*trained, *held])
    toy_model(work, "good", faces, skill=0.5)
    made = make_bundle(work, "solo", ["good"], Plan(folds=3))
    assert made.manifest["metrics"]["groups"] == 5
    seen = Seen.read(made.folder / "seen.npz")
    assert seen.groups == {"kim"}
    assert read_json(made.folder / "bundle.json")["weights"]["values"] == [1.0]
