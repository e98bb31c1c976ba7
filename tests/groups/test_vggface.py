"""VGGFace as an ONNX file: both looks at a face by hand, and whose weights it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_vgg import STAGES, WIDTH, shrink_vgg16

from emotiw_cli.errors import InputError
from emotiw_cli.groups.embedding import Embedding
from emotiw_cli.groups.vggface import KEYS, export_vggface
from emotiw_cli.nets.vgg16 import Vgg16
from emotiw_cli.training.initial import find_initial


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Vgg16:
    """A small VGG16 with the head of VGGFace, whose fc7 has numbers on both sides of zero."""
    shrink_vgg16(monkeypatch)
    torch.manual_seed(0)
    made = Vgg16(2622)
    for layer in (made.fc6, made.fc7):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return made.eval()


def exported(net: Vgg16, folder: Path) -> Embedding:
    save_file(net.state_dict(), folder / "theirs.safetensors")
    export_vggface(find_initial(str(folder / "theirs.safetensors"), folder), folder / "net.onnx")
    return Embedding((folder / "net.onnx").read_bytes(), folder / "net.onnx")


def test_both_passes_and_both_layers(net: Vgg16, tmp_path: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (9, 224, 224, 3), np.uint8)
    found = exported(net, tmp_path).embed(crops)
    assert tuple(found) == KEYS
    # As in the paper's own code: planes blue, green, red less their means, then turned round.
    bgr = crops[..., ::-1].astype(np.float32) - np.float32([93.594, 104.7624, 129.1863])
    for order, picture in (("bgr", bgr), ("rgb", bgr[..., ::-1])):
        with torch.no_grad():
            maps = net.maps(torch.from_numpy(picture.transpose(0, 3, 1, 2).copy()))
            fc7 = net.fc7(torch.relu(net.fc6(maps.flatten(1)))).numpy()
        average = maps.numpy().mean(axis=(2, 3))
        assert (average.shape, fc7.shape) == ((9, STAGES[-1][0]), (9, WIDTH))
        np.testing.assert_allclose(found[f"{order}-avg"], average, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(found[f"{order}-fc7"], fc7, rtol=1e-3, atol=1e-3)
    assert (found["bgr-fc7"] < 0).any()  # before ReLU
    assert np.abs(found["bgr-avg"] - found["rgb-avg"]).max() > 1e-3


def test_weights_are_stored_once_for_both_passes(net: Vgg16, tmp_path: Path) -> None:
    exported(net, tmp_path)
    bytes_of_weights = 4 * sum(value.numel() for value in net.parameters())
    assert (tmp_path / "net.onnx").stat().st_size < bytes_of_weights + 50_000


def test_no_face_has_no_embedding(net: Vgg16, tmp_path: Path) -> None:
    found = exported(net, tmp_path).embed(np.empty((0, 224, 224, 3), np.uint8))
    assert [values.shape for values in found.values()] == [(0, 6), (0, 8), (0, 6), (0, 8)]


def test_weights_of_another_net_are_refused(net: Vgg16, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"conv1_1.weight": torch.zeros(2, 3, 3, 3)}, path)
    with pytest.raises(InputError, match=r"other\.safetensors does not fit this net"):
        export_vggface(find_initial(str(path), tmp_path), tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
