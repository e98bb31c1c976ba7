"""An exported net read back computes the same, and can be trained once it has seen faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from emotiw_cli.bundle.halve import halve
from emotiw_cli.errors import InputError
from emotiw_cli.nets.folded import is_plain, read_onnx, renormalise
from emotiw_cli.nets.registry import find_net
from emotiw_cli.training.export import export_onnx

SIDE = 32


def trained(name: str) -> nn.Module:
    """A net with statistics, scales and shifts that are not the first ones."""
    torch.manual_seed(0)
    net = find_net(name).build(7)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
    nn.init.normal_(net.head.weight, std=0.3)
    return net.eval()


@pytest.mark.parametrize("name", ["mobilenet_v1.025", "efficientnet_lite0", "torchvision/resnet18"])
def test_what_was_exported_is_read_back(tmp_path: Path, name: str) -> None:
    net = trained(name)
    export_onnx(net, SIDE, tmp_path / "net.onnx")
    state = read_onnx(tmp_path / "net.onnx", find_net(name).build, SIDE)
    again = find_net(name).build(7).eval()
    again.load_state_dict(state)
    faces = torch.randn(5, 3, SIDE, SIDE)
    with torch.no_grad():
        torch.testing.assert_close(again(faces), net(faces), rtol=1e-3, atol=1e-3)
    assert is_plain(again)
    assert not is_plain(net)


def test_halved_weights_are_read(tmp_path: Path) -> None:
    net = trained("mobilenet_v1.025")
    export_onnx(net, SIDE, tmp_path / "net.onnx")
    halve(tmp_path / "net.onnx", tmp_path / "half.onnx")
    build = find_net("mobilenet_v1.025").build
    whole, half = (read_onnx(tmp_path / name, build, SIDE) for name in ("net.onnx", "half.onnx"))
    expected = half["head.weight"].numpy()
    np.testing.assert_array_equal(whole["head.weight"].numpy().astype(np.float16), expected)
    assert half["head.weight"].dtype == torch.float32


def test_a_mean_image_comes_with_it(tmp_path: Path) -> None:
    name = "mobilenet_v1.025"
    net = trained(name)
    net.mean_image = torch.randn(3, SIDE, SIDE)
    export_onnx(net, SIDE, tmp_path / "net.onnx")
    halve(tmp_path / "net.onnx", tmp_path / "half.onnx")
    for file in ("net.onnx", "half.onnx"):
        state = read_onnx(tmp_path / file, find_net(name).build, SIDE)
        torch.testing.assert_close(state["mean_image"], net.mean_image, rtol=1e-3, atol=1e-3)


def test_weights_the_file_has_once_for_several_layers_are_read(tmp_path: Path) -> None:
    name = "mobilenet_v1.025"
    net = find_net(name).build(7).eval()  # all shifts are zero
    export_onnx(net, SIDE, tmp_path / "net.onnx")
    assert any(node.op_type == "Identity" for node in onnx.load(tmp_path / "net.onnx").graph.node)
    state = read_onnx(tmp_path / "net.onnx", find_net(name).build, SIDE)
    for key, value in state.items():
        if key.endswith("norm.bias"):
            assert not value.any(), key


def test_another_net_is_refused(tmp_path: Path) -> None:
    export_onnx(trained("mobilenet_v1.025"), SIDE, tmp_path / "net.onnx")
    for other in ("mobilenet_v1", "efficientnet_lite0"):
        with pytest.raises(InputError, match="not of this net"):
            read_onnx(tmp_path / "net.onnx", find_net(other).build, SIDE)
    model = onnx.load(tmp_path / "net.onnx")
    del model.graph.node[:]
    onnx.save(model, tmp_path / "empty.onnx")
    with pytest.raises(InputError, match="not of this net"):
        read_onnx(tmp_path / "empty.onnx", find_net("mobilenet_v1.025").build, SIDE)
    (tmp_path / "text.onnx").write_text("not a net")
    with pytest.raises(InputError, match=r"text\.onnx is not an ONNX file"):
        read_onnx(tmp_path / "text.onnx", find_net("mobilenet_v1.025").build, SIDE)


def test_renormalised_the_net_computes_the_same_and_in_training_too(tmp_path: Path) -> None:
    name = "mobilenet_v1.025"
    export_onnx(trained(name), SIDE, tmp_path / "net.onnx")
    net = find_net(name).build(7).eval()
    net.load_state_dict(read_onnx(tmp_path / "net.onnx", find_net(name).build, SIDE))
    net.dropout = nn.Identity()
    faces = torch.randn(16, 3, SIDE, SIDE)
    with torch.no_grad():
        before = net(faces)
        plain = net.train()(faces)
        net.load_state_dict(read_onnx(tmp_path / "net.onnx", find_net(name).build, SIDE))
        renormalise(net.eval(), faces)
        torch.testing.assert_close(net(faces), before, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(net.train()(faces), before, rtol=1e-3, atol=1e-3)
    assert (plain - before).abs().max() > 0.1  # what the faces' statistics are needed for
