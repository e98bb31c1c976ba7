"""The exported net is the trained one, for any number of faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from emotiw_cli.nets.registry import find_net
from emotiw_cli.training.export import export_onnx


@pytest.mark.parametrize("faces", [1, 3, 7])
def test_torch_and_onnx_give_one_posterior(tmp_path: Path, faces: int) -> None:
    torch.manual_seed(0)
    net = find_net("mobilenet_v1.025").build(7).eval()
    export_onnx(net, 32, tmp_path / "net.onnx")
    inputs = torch.rand((faces, 3, 32, 32)) * 255 - 128
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (logits,) = session.run(["logits"], {"input": inputs.numpy()})
    with torch.no_grad():
        expected = net(inputs).softmax(1).numpy()
    got = torch.from_numpy(logits).softmax(1).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_sides_that_are_odd_on_the_way_pad_alike(tmp_path: Path) -> None:
    # ONNX divides integers towards zero, Python downwards: -9 // 2 is -4 in the one, -5 in the
    # other; and 36 becomes 18, 9, 5.
    torch.manual_seed(0)
    net = find_net("efficientnet_lite0").build(7)
    torch.nn.init.normal_(net.head.weight)
    assert export_onnx(net, 36, tmp_path / "net.onnx") < 1e-4
