"""Measuring a bundle, and what it must not be measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from toy import SIDE, toy_faces

from emotiw_cli.artefact import write_manifest
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.data.faces import DATASET, INDEX, Faces
from emotiw_cli.data.index import FaceRow, read_index, write_index
from emotiw_cli.data.shards import shard_name, write_shard
from emotiw_cli.errors import ArtefactError, InputError, LeakError
from emotiw_cli.evaluation.evaluate import evaluate
from emotiw_cli.evaluation.exposure import find_exposure


def _fresh(work: Path, **options) -> Faces:
    """Faces the members have not seen: all of them in the split ``validation``."""
    return Faces(toy_faces(work, "fresh", train=0, seed=5, **options))


def test_figures(work: Path, bundle: Bundle) -> None:
    faces = _fresh(work, validation=70, misses=7)
    done: list[tuple[int, int]] = []
    evaluation = evaluate(bundle, faces, advance=lambda *part: done.append(part))
    assert done == [(70, 70)]
    figures = evaluation.figures
    assert figures["counts"] == {
        "rows": 77,
        "labelled": 77,
        "labelled_found": 70,
        "groups": 77,
        "status": {"no_face": 7, "ok": 70},
        "trained_on": 0,
        "chosen_on": 0,
    }
    assert figures["coverage"] == pytest.approx(70 / 77)
    right = (evaluation.posteriors[:70].argmax(axis=1) == np.arange(70) % 7).sum()
    assert right > 60
    assert figures["found"]["accuracy"]["value"] == pytest.approx(right / 70)
    assert figures["all"]["accuracy"]["value"] == pytest.approx(right / 77)
    confusion = np.array(figures["confusion"]["counts"])
    assert confusion[:, 7].tolist() == [1] * 7
    assert confusion.sum() == 77
    assert figures["per_class"]["fear"]["missed"] == 1
    assert figures["per_class"]["fear"]["recall"]["value"] == pytest.approx(
        confusion[2, 2] / confusion[2, :7].sum()
    )
    assert sum(part["count"] for part in figures["reliability"]) == 70


def test_posteriors_are_the_bundles(work: Path, bundle: Bundle) -> None:
    faces = _fresh(work, misses=2)
    evaluation = evaluate(bundle, faces)
    expected = bundle.posteriors([faces.face(row) for row in faces.select()])
    np.testing.assert_array_equal(evaluation.posteriors[:70], expected)
    assert np.isnan(evaluation.posteriors[70:]).all()


def test_a_member_that_fails_on_a_face_counts_as_uniform(
    work: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    give = bundle.member_posteriors

    def failing(faces: list[np.ndarray]) -> np.ndarray:
        members = give(faces)
        members[0, 0] = np.nan
        return members

    monkeypatch.setattr(bundle, "member_posteriors", failing)
    evaluation = evaluate(bundle, _fresh(work, misses=2))
    assert evaluation.figures["counts"]["labelled_found"] == 70
    expected = bundle.spec.fuse(evaluation.members[:, :1])
    np.testing.assert_array_equal(evaluation.posteriors[:1], expected)


def test_members_alone_and_the_gain(work: Path, bundle: Bundle) -> None:
    figures = evaluate(bundle, _fresh(work)).figures
    accuracy = {name: line["accuracy"]["value"] for name, line in figures["members"].items()}
    assert set(accuracy) == {"good", "fair", "poor"}
    assert accuracy[figures["best_member"]] == max(accuracy.values())
    gain = figures["found"]["accuracy"]["value"] - max(accuracy.values())
    assert figures["gain"]["accuracy"]["value"] == pytest.approx(gain)


def test_loss_against_votes(work: Path, bundle: Bundle) -> None:
    with_votes = evaluate(bundle, _fresh(work)).figures["found"]
    faces = Faces(toy_faces(work, "plain", train=0, seed=5, votes=False))
    without = evaluate(bundle, faces).figures["found"]
    assert with_votes["log_loss"] == without["log_loss"]
    assert with_votes["log_loss_votes"]["value"] > with_votes["log_loss"]["value"]
    assert without["log_loss_votes"]["value"] is None


def test_pictures_trained_on_are_refused(work: Path, bundle: Bundle) -> None:
    faces = Faces.open(work, "toy")
    with pytest.raises(LeakError, match="trained on 35 of these 105 pictures") as caught:
        evaluate(bundle, faces)
    assert "0000.png, 0001.png" in str(caught.value)
    assert "--split validation" in str(caught.value)
    allowed = evaluate(bundle, faces, allow_seen=True)
    assert allowed.figures["counts"]["trained_on"] == 35


def test_pictures_chosen_on_are_measured_and_marked(work: Path, bundle: Bundle) -> None:
    counts = evaluate(bundle, Faces.open(work, "toy"), split="validation").figures["counts"]
    assert (counts["rows"], counts["trained_on"], counts["chosen_on"]) == (70, 0, 70)


def test_exposure_by_picture_and_by_subject() -> None:
    seen = Seen(np.array([16], np.uint64), frozenset({"ann"}), np.array([32], np.uint64))
    rows = [
        FaceRow(0, "a", pixels=f"{16:016x}"),
        FaceRow(1, "b", pixels=f"{17:016x}", group="ann"),
        FaceRow(2, "c", pixels=f"{32:016x}", group="bob"),
        FaceRow(3, "d", status="unreadable"),
    ]
    exposure = find_exposure(rows, seen)
    assert (exposure.trained, exposure.chosen) == ([0, 1], [2])


def test_a_subject_of_another_set_is_somebody_else() -> None:
    pixels = np.zeros(0, np.uint64)
    rows = [FaceRow(0, "a", group="5"), FaceRow(1, "b")]
    seen = Seen(pixels, frozenset({"ck:5"}), pixels)
    assert find_exposure(rows, seen, "ck").trained == [0]
    assert find_exposure([], seen).trained == []
    assert find_exposure(rows, seen, "lfw").trained == []
    before_sets_were_told = Seen(pixels, frozenset({"5"}), pixels)
    assert find_exposure(rows, before_sets_were_told, "lfw").trained == [0]


def test_a_digest_of_noughts_is_not_a_missing_one() -> None:
    seen = Seen(np.array([0], np.uint64), frozenset(), np.zeros(0, np.uint64))
    rows = [FaceRow(0, "a", pixels="0" * 16), FaceRow(1, "b")]
    assert find_exposure(rows, seen).trained == [0]


def test_nothing_of_that_split(work: Path, bundle: Bundle) -> None:
    with pytest.raises(InputError, match=r"split 'test'; there are: train \(35\), validation"):
        evaluate(bundle, Faces.open(work, "toy"), split="test")


def test_nothing_labelled(work: Path, bundle: Bundle) -> None:
    faces = _fresh(work)
    path = faces.artefact.folder / INDEX
    write_index(path, [replace(row, label="", votes=()) for row in read_index(path)])
    with pytest.raises(InputError, match="emotiw predict"):
        evaluate(bundle, Faces(faces.artefact))


def _resized(work: Path, size: tuple[int, int]) -> Faces:
    """The faces ``fresh`` at another size."""
    faces = _fresh(work)
    folder = work / "faces" / "resized"
    folder.mkdir()
    pictures = [
        cv2.resize(faces.face(row), size, interpolation=cv2.INTER_CUBIC) for row in faces.select()
    ]
    write_index(folder / INDEX, faces.rows)
    write_shard(folder / shard_name(0), DATASET, np.stack(pictures))
    return Faces(
        write_manifest(
            folder,
            "faces",
            parameters={"size": list(size), "detail": None},
            inputs=[],
            outputs=[INDEX, shard_name(0)],
        )
    )


def test_faces_of_the_same_shape_are_resized(work: Path, bundle: Bundle) -> None:
    faces = _resized(work, (2 * SIDE, 2 * SIDE))
    figures = evaluate(bundle, faces).figures
    assert figures["found"]["accuracy"]["value"] > 0.85


def test_faces_of_another_shape_are_refused(work: Path, bundle: Bundle) -> None:
    with pytest.raises(ArtefactError, match="--size 16x16"):
        evaluate(bundle, _resized(work, (16, 20)))


def test_not_one_face_found(work: Path, bundle: Bundle) -> None:
    faces = _fresh(work, validation=7, misses=0)
    path = faces.artefact.folder / INDEX
    write_index(path, [replace(row, status="no_face", shard=-1) for row in read_index(path)])
    figures = evaluate(bundle, Faces(faces.artefact)).figures
    assert figures["coverage"] == 0
    assert figures["found"]["accuracy"]["value"] is None
    assert figures["all"]["accuracy"]["value"] == 0
