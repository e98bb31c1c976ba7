"""What a bundle's members have seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.artefact import Artefact
from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.errors import ArtefactError


def _model(folder: Path, pixels: list[int], groups: list[str]) -> Artefact:
    folder.mkdir()
    np.savez(
        folder / "seen.npz", pixels=np.array(pixels, np.uint64), groups=np.array(groups, np.str_)
    )
    return Artefact(folder, {})


def test_union_of_the_members(tmp_path: Path) -> None:
    models = [_model(tmp_path / "a", [3, 1], ["ann"]), _model(tmp_path / "b", [3, 2**63], [])]
    seen = Seen.by(models, ["00000000000000ff", "0000000000000002", "00000000000000ff"])
    assert seen.pixels.tolist() == [1, 3, 2**63]
    assert seen.groups == {"ann"}
    assert seen.chosen.tolist() == [2, 255]


def test_round_trip(tmp_path: Path) -> None:
    seen = Seen(np.array([1, 2], np.uint64), frozenset({"ann", "øre"}), np.array([7], np.uint64))
    seen.write(tmp_path / "seen.npz")
    read = Seen.read(tmp_path / "seen.npz")
    np.testing.assert_array_equal(read.pixels, seen.pixels)
    np.testing.assert_array_equal(read.chosen, seen.chosen)
    assert read.groups == seen.groups


def test_digests_as_numbers() -> None:
    numbers = digest_numbers(["ffffffffffffffff", "0000000000000010", ""])
    assert numbers.dtype == np.uint64
    assert numbers.tolist() == [2**64 - 1, 16, 0]


def test_damaged(tmp_path: Path) -> None:
    path = tmp_path / "seen.npz"
    path.write_bytes(b"not an archive")
    with pytest.raises(ArtefactError, match=r"seen\.npz cannot be read"):
        Seen.read(path)
    np.savez(path, pixels=np.zeros(0, np.uint64))
    with pytest.raises(ArtefactError, match="lacks arrays"):
        Seen.read(path)
