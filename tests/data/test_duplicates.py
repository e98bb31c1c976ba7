"""Faces in two splits, by hand and in a small artefact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.artefact import write_manifest
from emotiw_cli.data import duplicates
from emotiw_cli.data.duplicates import find_duplicates, most_alike, thumbnail
from emotiw_cli.data.faces import DATASET, INDEX, Faces
from emotiw_cli.data.index import FaceRow, write_index
from emotiw_cli.data.shards import shard_name, write_shard


def write_faces(
    work: Path, name: str, entries: Sequence[tuple[str, str, np.ndarray, str]]
) -> Faces:
    """Faces of (path, split, picture, pixel digest)."""
    folder = work / "faces" / name
    folder.mkdir(parents=True)
    rows = [
        FaceRow(n, path, split=split, pixels=pixels, shard=0, offset=n)
        for n, (path, split, _, pixels) in enumerate(entries)
    ]
    write_shard(folder / shard_name(0), DATASET, np.stack([face for _, _, face, _ in entries]))
    write_index(folder / INDEX, rows)
    parameters = {"size": [48, 48], "detail": None}
    outputs = [INDEX, shard_name(0)]
    return Faces(write_manifest(folder, "faces", parameters=parameters, inputs=[], outputs=outputs))


def face(seed: int) -> np.ndarray:
    """A smooth picture like no other, (48, 48, 1) uint8."""
    coarse = np.random.default_rng(seed).uniform(30, 220, (7, 7))
    return (
        cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC)
        .clip(0, 255)[:, :, None]
        .astype(np.uint8)
    )


def changed(picture: np.ndarray) -> np.ndarray:
    """The picture darker, noisier and shifted by a pixel."""
    noise = np.random.default_rng(0).normal(0, 4, picture.shape)
    return (np.roll(picture, 1, axis=1) * 0.7 + 20 + noise).clip(0, 255).astype(np.uint8)


def test_a_thumbnail_is_the_mean_of_areas() -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:2, :2] = [[[10, 20, 30], [30, 40, 50]], [[10, 20, 30], [30, 40, 50]]]
    small = thumbnail(picture)
    assert small.shape == (16, 16)
    assert (small[0, 0], small[0, 1]) == (30, 0)


def test_correlations_by_hand() -> None:
    ours = np.array([[[1, 2], [3, 4]], [[2, 1], [4, 3]], [[5, 5], [5, 5]]], np.float32)
    theirs = np.array([[[4, 3], [2, 1]], [[10, 20], [30, 40]]], np.float32)
    best, values, flipped = most_alike(ours, theirs, 0.9, 0.95)
    assert best.tolist() == [1, 1, -1]  # one shade is like nothing
    np.testing.assert_allclose(values, [1, 1, -1], atol=1e-6)
    assert flipped.tolist() == [False, True, False]
    # (2, 1, 4, 3) and (1, 2, 3, 4) less their mean: products 3, squares 5 and 5.
    best, values, flipped = most_alike(ours[1:2], theirs[1:], 0.6, 2)
    assert (best.tolist(), flipped.tolist()) == ([0], [False])
    np.testing.assert_allclose(values, [0.6], atol=1e-6)
    assert most_alike(ours[1:2], theirs[1:], 0.61, 2)[0].tolist() == [-1]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_blocks_change_nothing(ours: int, theirs: int, block: int) -> None:
    random = np.random.default_rng(ours * 100 + theirs)
    one = random.normal(size=(ours, 3, 3)).astype(np.float32)
    two = random.normal(size=(theirs, 3, 3)).astype(np.float32)
    whole = most_alike(one, two, 0.2, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_BLOCK", block)
        parts = most_alike(one, two, 0.2, 0.3)
    for mine, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)


def test_exact_near_and_mirrored_faces_of_later_splits_are_found(tmp_path: Path) -> None:
    one = write_faces(
        tmp_path,
        "one",
        [
            ("near", "train", face(1), "a"),
            ("mirrored", "", face(2), "b"),
            ("exact", "train", face(3), "c"),
            ("alone", "train", face(4), "d"),
            ("held", "validation", face(5), "e"),
            ("near again", "train", changed(face(1)), "f"),
        ],
    )
    two = write_faces(
        tmp_path,
        "two",
        [
            ("1", "validation", changed(face(1)), "g"),
            ("2", "test", changed(face(2)[:, ::-1]), "h"),
            ("3", "test", face(9), "c"),  # equal sources may be aligned differently
            ("5", "test", face(5), "i"),
        ],
    )
    calls: list[tuple[int, int]] = []
    found = find_duplicates([one, two], on_progress=lambda *call: calls.append(call))
    assert calls[-1] == (10, 10)
    assert [(d.path, d.split, d.kind, d.other_faces, d.other_path) for d in found] == [
        ("near", "train", "near", "two", "1"),
        ("mirrored", "", "mirrored", "two", "2"),
        ("exact", "train", "exact", "two", "3"),
        ("held", "validation", "near", "two", "5"),
        ("near again", "train", "near", "two", "1"),
    ]
    assert all(d.faces == "one" and 0.93 <= d.correlation <= 1 for d in found)
    strict = find_duplicates([one, two], near=2, mirrored=2)
    assert [d.path for d in strict] == ["exact"]
    assert find_duplicates([write_faces(tmp_path, "three", [("a", "train", face(1), "a")])]) == []
