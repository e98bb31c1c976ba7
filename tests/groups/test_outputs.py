"""Outputs of members on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.errors import InputError
from emotiw_cli.groups.outputs import Outputs, joined


def outputs(names: list[str], member: str = "forest", seed: int = 0) -> Outputs:
    vectors = np.random.default_rng(seed).dirichlet(np.ones(3), (1, len(names)))
    labels = np.array([len(name) % 3 for name in names])
    part = "scene" if member == "scene" else "embedding"
    splits = np.full(len(names), "validation")
    return Outputs((member,), (part,), vectors.astype(np.float32), labels, np.array(names), splits)


def test_written_and_read(tmp_path: Path) -> None:
    made = outputs(["a", "bb"])
    made.vectors[0, 1] = np.nan
    made.write(tmp_path / "outputs.npz")
    read = Outputs.read(tmp_path / "outputs.npz")
    np.testing.assert_array_equal(read.vectors, made.vectors)
    assert (read.members, read.parts) == (made.members, made.parts)
    assert read.labels.tolist() == [1, 2]
    assert read.names.tolist() == ["a", "bb"]
    assert read.with_faces.tolist() == [True, False]


def test_logits_of_others_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "others.npz"
    logits = np.log([[[0.7, 0.1, 0.2], [0.2, 0.3, 0.5]]])
    order = ["positive", "negative", "neutral"]
    np.savez(path, logits=logits, labels=np.array([0, 2]), classes=np.array(order))
    read = Outputs.read(path)
    np.testing.assert_allclose(read.vectors[0], [[0.1, 0.2, 0.7], [0.3, 0.5, 0.2]], rtol=1e-6)
    assert read.labels.tolist() == [2, 1]
    assert read.parts == ("scene",)
    assert read.with_faces.all()


@pytest.mark.parametrize(
    "arrays",
    [
        {"labels": np.zeros(2)},
        {"logits": np.zeros((1, 2, 3))},
        {"logits": np.zeros((1, 2, 4)), "labels": np.zeros(2)},
        {"logits": np.zeros((1, 2, 3)), "labels": np.zeros(3)},
        {"logits": np.zeros((1, 2, 3)), "labels": np.array([0, 7])},
    ],
)
def test_what_holds_no_outputs_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"x\.npz does not hold"):
        Outputs.read(tmp_path / "x.npz")


def test_members_are_joined_by_photo() -> None:
    both = joined([outputs(["a", "bb", "c"]), outputs(["c", "bb"], "scene", seed=1)])
    assert both.members == ("forest", "scene")
    assert both.names.tolist() == ["bb", "c"]
    np.testing.assert_array_equal(both.vectors[1], outputs(["c", "bb"], seed=1).vectors[0, ::-1])
    with pytest.raises(InputError, match="no photo in common"):
        joined([outputs(["a"]), outputs(["b"])])
