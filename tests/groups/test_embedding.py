"""A net that embeds faces, as an ONNX file: here one that gives a crop's mean colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.errors import ArtefactError
from emotiw_cli.groups.embedding import Embedding

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def mean_colour() -> bytes:
    from tiny_bundle import net

    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        onnx.helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    return net(nodes, {}, classes=3)


def test_crops_go_in_as_they_are_and_come_out_by_name(mean_colour: bytes, tmp_path: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (19, 224, 224, 3), np.uint8)
    embedding = Embedding(mean_colour, tmp_path / "embedding.onnx")
    found = embedding.embed(crops)
    assert list(found) == ["logits"]
    np.testing.assert_allclose(found["logits"], crops.mean(axis=(1, 2)), rtol=1e-4)
    assert embedding.embed(crops[:0])["logits"].shape == (0, 3)


def test_a_file_is_as_good_as_its_bytes(mean_colour: bytes, tmp_path: Path) -> None:
    path = tmp_path / "embedding.onnx"
    path.write_bytes(mean_colour)
    crops = np.full((1, 224, 224, 3), (10, 20, 30), np.uint8)
    np.testing.assert_allclose(Embedding(path, path).embed(crops)["logits"], [[10, 20, 30]])


def test_what_is_no_net_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"embedding\.onnx is no net that embeds faces"):
        Embedding(b"torn", tmp_path / "embedding.onnx")
