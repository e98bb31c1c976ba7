"""Members are read only if they are whole, fresh, and judged on the same faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy import (
    PREPROCESSING,
    change_validation,
    finish_model,
    toy_faces,
    toy_model,
)

from emotiw_cli.artefact import Artefact, open_artefact, read_json, write_json
from emotiw_cli.bundle.seen import digest_numbers
from emotiw_cli.ensemble.members import read_member, read_members
from emotiw_cli.errors import ArtefactError, InputError, LeakError, TamperedError


def _model(work: Path, name: str) -> Artefact:
    return open_artefact(work, "models", name)


def _arrays(model: Artefact) -> dict[str, np.ndarray]:
    with np.load(model.folder / "validation.npz") as file:
        return {name: file[name] for name in file.files}


def test_reads_what_training_wrote(work: Path) -> None:
    member = read_member(_model(work, "good"), work)
    assert (member.name, member.net) == ("good", "linear")
    assert member.preprocessing == PREPROCESSING
    assert member.posteriors.shape == member.targets.shape == (70, 7)
    assert member.failures == 0


def test_members_in_another_order_are_brought_into_the_first_ones(work: Path) -> None:
    good, fair = _model(work, "good"), _model(work, "fair")
    arrays = _arrays(fair)
    turned = {name: array[::-1] for name, array in arrays.items()}
    members = read_members([good, change_validation(fair, **turned)], work)
    np.testing.assert_array_equal(members[1].pixels, members[0].pixels)
    np.testing.assert_array_equal(members[1].posteriors, arrays["posteriors"])


def test_a_face_without_target_has_none(work: Path) -> None:
    model = _model(work, "good")
    arrays = _arrays(model)
    arrays["targets"][3], arrays["labels"][3] = 0, -1
    member = read_member(change_validation(model, **arrays), work)
    assert np.isnan(member.targets[3]).all()
    assert np.isfinite(member.targets[4]).all()


def test_failures_are_counted(work: Path) -> None:
    model = _model(work, "good")
    posteriors = _arrays(model)["posteriors"]
    posteriors[:4] = np.nan
    assert read_member(change_validation(model, posteriors=posteriors), work).failures == 4


def test_half_written(work: Path) -> None:
    (work / "models" / "good" / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match="half-written"):
        _model(work, "good")


@pytest.mark.parametrize("name", ["validation.npz", "model.onnx", "seen.npz", "model.json"])
def test_tampered(work: Path, name: str) -> None:
    with open(work / "models" / "good" / name, "ab") as file:
        file.write(b" ")
    with pytest.raises(TamperedError, match=name):
        read_member(_model(work, "good"), work)


@pytest.mark.parametrize("known", ["pixels", "groups"])
def test_one_that_was_trained_on_its_validation_faces(work: Path, known: str) -> None:
    """As one is that starts from a model of other splits."""
    faces = toy_faces(work, "told", groups=["ann", "bob"])
    model = toy_model(work, "leaks", faces, skill=0.5)
    seen = {"pixels": np.zeros(0, np.uint64), "groups": np.zeros(0, np.str_)}
    if known == "pixels":
        seen["pixels"] = digest_numbers(_arrays(model)["pixels"][:3])
    else:
        seen["groups"] = np.array(["ann"])
    np.savez(model.folder / "seen.npz", **seen)
    model = finish_model(model.folder, model.manifest["inputs"])
    count = 3 if known == "pixels" else 35
    with pytest.raises(LeakError, match=f"leaks, or a model .* trained on {count} of its 70 "):
        read_member(model, work)


def test_missing_file(work: Path) -> None:
    (work / "models" / "good" / "validation.npz").unlink()
    with pytest.raises(ArtefactError, match=r"validation\.npz is missing"):
        read_member(_model(work, "good"), work)


def test_stale(work: Path) -> None:
    path = work / "faces" / "toy" / "manifest.json"
    write_json(path, {**read_json(path), "digest": "another"})
    with pytest.raises(ArtefactError, match="stale: faces/toy"):
        read_member(_model(work, "good"), work)


def test_a_model_of_identities(work: Path) -> None:
    model = _model(work, "good")
    path = model.folder / "model.json"
    write_json(path, {**read_json(path), "task": "identity"})
    finish_model(model.folder, model.manifest["inputs"])
    with pytest.raises(ArtefactError, match="not a model of the seven emotions"):
        read_member(_model(work, "good"), work)


def test_truncated_arrays(work: Path) -> None:
    model = _model(work, "good")
    path = model.folder / "validation.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ArtefactError, match=r"validation\.npz cannot be read"):
        read_member(finish_model(model.folder, model.manifest["inputs"]), work)


def test_pickled_arrays_are_not_loaded(work: Path) -> None:
    model = _model(work, "good")
    harmful = np.array([{"code": "runs"}], dtype=object)
    with pytest.raises(ArtefactError, match="cannot be read"):
        read_member(change_validation(model, posteriors=harmful), work)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("posteriors", lambda array: array[:, :6], "damaged .posteriors"),
        ("posteriors", lambda array: array * 2, "do not sum to one"),
        ("posteriors", lambda array: array * np.nan, "diverged"),
        ("labels", lambda array: array + 7, "damaged .labels"),
        ("targets", lambda array: array[:5], "damaged .targets"),
    ],
)
def test_damaged_arrays(work: Path, part: str, change, message: str) -> None:
    model = _model(work, "good")
    with pytest.raises(ArtefactError, match=message):
        read_member(change_validation(model, **{part: change(_arrays(model)[part])}), work)


def test_no_validation_faces(work: Path) -> None:
    model = _model(work, "good")
    none = {name: array[:0] for name, array in _arrays(model).items()}
    with pytest.raises(ArtefactError, match="holds no faces"):
        read_member(change_validation(model, **none), work)


def test_a_member_twice(work: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        read_members([_model(work, "good")] * 2, work)


def test_no_members(work: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        read_members([], work)


def test_other_faces(work: Path) -> None:
    other = toy_model(work, "other", toy_faces(work, "others", seed=9))
    with pytest.raises(ArtefactError, match="70 of its 70 are missing, 70 are new"):
        read_members([_model(work, "good"), other], work)


def test_other_labels(work: Path) -> None:
    fair = _model(work, "fair")
    relabelled = change_validation(fair, labels=(_arrays(fair)["labels"] + 1) % 7)
    with pytest.raises(ArtefactError, match="other labels"):
        read_members([_model(work, "good"), relabelled], work)


def test_other_frame(work: Path) -> None:
    faces = open_artefact(work, "faces", "toy")
    other = toy_model(work, "sharp", faces, preprocessing=replace(PREPROCESSING, detail=12))
    with pytest.raises(InputError, match=r"16×16 and sharp for 16×16 \(detail 12\)"):
        read_members([_model(work, "good"), other], work)
