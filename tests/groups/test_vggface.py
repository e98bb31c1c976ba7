from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from emotiw_cli.errors import InputError
from emotiw_cli.groups import vggface
from emotiw_cli.groups.vggface import KEYS, VggFace, load_vggface
from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.vgg16 import Vgg16


class Small(Classifier):
    """A net with VGG16's parts whose maps are the picture in 7×7 blocks."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(3 * 7 * 7, 6)
        self.fc7 = nn.Linear(6, 4)
        self.head = nn.Linear(4, classes)

    def maps(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, 32)


def test_both_passes_and_both_layers() -> None:
    torch.manual_seed(0)
    net = Small(1)
    crops = np.random.default_rng(0).integers(0, 256, (9, 224, 224, 3), np.uint8)
    found = VggFace(cast(Vgg16, net)).embed(crops)
    assert list(found) == list(KEYS)
    # As in the paper's own code: planes blue, green, red less their means, then turned round.
    bgr = crops[8, :, :, ::-1].astype(np.float32) - np.float32([93.594, 104.7624, 129.1863])
    for order, picture in (("bgr", bgr), ("rgb", bgr[:, :, ::-1])):
        average, fc7 = found[f"{order}-avg"], found[f"{order}-fc7"]
        assert (average.shape, fc7.shape) == ((9, 3), (9, 4))
        np.testing.assert_allclose(average[8], picture.mean(axis=(0, 1)), rtol=1e-3)
        blocks = picture.reshape(7, 32, 7, 32, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel()
        with torch.no_grad():
            expected = net.fc7(torch.relu(net.fc6(torch.from_numpy(blocks))))
        np.testing.assert_allclose(fc7[8], expected.numpy(), rtol=1e-3, atol=1e-3)
    assert (found["bgr-fc7"] < 0).any()  # before ReLU


def test_no_face_has_no_embedding() -> None:
    found = VggFace(cast(Vgg16, Small(1))).embed(np.empty((0, 224, 224, 3), np.uint8))
    assert {key: values.shape for key, values in found.items()} == {
        key: (0, width) for key, width in KEYS.items()
    }


def test_weights_with_another_head_are_taken_and_those_of_another_net_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vggface, "Vgg16", Small)
    theirs = Small(2622)
    save_file(theirs.state_dict(), tmp_path / "vggface.safetensors")
    crops = np.full((1, 224, 224, 3), 200, np.uint8)
    loaded = load_vggface(str(tmp_path / "vggface.safetensors"), tmp_path).embed(crops)
    expected = VggFace(cast(Vgg16, theirs)).embed(crops)
    np.testing.assert_array_equal(loaded["rgb-fc7"], expected["rgb-fc7"])

    save_file({"conv1_1.weight": torch.zeros(2, 3, 3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors does not fit this net"):
        load_vggface(str(tmp_path / "other.safetensors"), tmp_path)
