"""Where tensors belong: names from elsewhere, shapes, heads, and nets that would fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from emotiw_cli.errors import InputError
from emotiw_cli.nets.fitting import empty_net, fit_tensors, load_tensors, nets_that_fit
from emotiw_cli.nets.registry import find_net
from emotiw_cli.nets.weights import read_weights


def renamed(name: str, classes: int, names: dict[str, str]) -> dict[str, torch.Tensor]:
    """A net's tensors without storage, its layers called as `names` has it."""
    found = {}
    for tensor, value in empty_net(name, classes).state_dict().items():
        layer, _, part = tensor.rpartition(".")
        found[f"{names.get(layer, layer)}.{part}"] = value
    return found


def test_caffes_names_of_googlenet() -> None:
    net = empty_net("googlenet", 7)
    theirs = {ours: name for name, ours in net.caffe.items()}
    tensors = renamed("googlenet", 1000, theirs)
    assert {"inception_4e/5x5_reduce.bias", "loss2/fc.weight", "conv1/7x7_s2.weight"} <= set(
        tensors
    )
    fitting = fit_tensors(net, tensors)
    assert (fitting.rows, fitting.faults) == (1000, [])
    assert {line.how for line in fitting.lines} == {"matched"}


@pytest.mark.parametrize(("head", "classes"), [("fc8", 1000), ("fc8_cat", 7), ("emotions", 5)])
def test_a_last_layer_of_any_name_is_the_head(head: str, classes: int) -> None:
    tensors = renamed("vgg_s.emotiw", classes, {"head": head})
    fitting = fit_tensors(empty_net("vgg_s.emotiw", 7), tensors)
    assert (fitting.rows, fitting.faults) == (classes, [])
    assert [line.net for line in fitting.lines][-2:] == ["head.weight", "head.bias"]


def test_blobs_with_leading_ones_are_reshaped() -> None:
    net = find_net("mobilenet_v1.025").build(3)
    tensors = {name: torch.randn(value.shape) for name, value in net.state_dict().items()}
    old = {**tensors, "head.bias": tensors["head.bias"].reshape(1, 1, 1, 3)}
    old["head.weight"] = tensors["head.weight"].reshape(1, 1, *tensors["head.weight"].shape)
    fitting = fit_tensors(net, old)
    assert [line.how for line in fitting.lines if line.net.startswith("head")] == ["reshaped"] * 2
    load_tensors(net, old, fitting)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, tensors[name].to(value.dtype))


def test_a_convolution_over_the_whole_map_is_a_linear_layer() -> None:
    tensors = renamed("vgg16", 2622, {"head": "fc8"})
    tensors["fc6.weight"] = tensors["fc6.weight"].reshape(4096, 512, 7, 7)
    fitting = fit_tensors(empty_net("vgg16", 7), tensors)
    assert fitting.faults == []
    assert [line.file for line in fitting.lines if line.how == "reshaped"] == ["fc6.weight"]


def test_auxiliary_heads_of_other_classes_do_not_fit() -> None:
    net = empty_net("googlenet", 7)
    tensors = dict(net.state_dict())
    tensors["aux2.head.bias"] = torch.zeros(1000)
    odd = [line for line in fit_tensors(net, tensors).lines if line.how != "matched"]
    assert [(line.net, line.how) for line in odd] == [("aux2.head.bias", "other shape")]


def test_what_does_not_fit_is_told_apart() -> None:
    tensors = renamed("vgg_m_2048", 7, {})
    tensors["extra.weight"] = torch.zeros(1)
    del tensors["conv3.bias"]
    fitting = fit_tensors(empty_net("vgg_m_4096", 7), tensors)
    faults = {line.file or line.net: line.how for line in fitting.faults}
    assert faults == {
        "fc7.weight": "other shape",
        "fc7.bias": "other shape",
        "extra.weight": "unused",
        "conv3.bias": "left",
    }
    assert fitting.rows is None  # the head is one of 2,048 features


def test_nets_that_would_fit_are_found_by_shape() -> None:
    assert nets_that_fit(renamed("vgg_s.emotiw", 7, {"head": "fc8_cat"})) == ["vgg_s.emotiw"]
    assert nets_that_fit(renamed("vgg_m_4096", 1000, {"head": "fc8"})) == [
        *("vgg_s.chatfield", "vgg_s.chatfield_pad0", "vgg_m_4096"),
    ]
    assert nets_that_fit({"a.weight": torch.zeros(2)}) == []


def test_torchvisions_names() -> None:
    state = models.resnet18(num_classes=10).state_dict()
    fitting = fit_tensors(empty_net("torchvision/resnet18", 7), state)
    assert (fitting.rows, fitting.faults) == (10, [])


def test_published_names_of_efficientnet_lite0() -> None:
    net = empty_net("efficientnet_lite0", 1000)
    theirs = {}
    for name, value in net.state_dict().items():
        parts = ["fc" if part == "head" else part for part in name.split(".")]
        deep = 2 if parts[0] == "blocks" else 0
        parts[deep] = f"_{parts[deep]}"
        parts[0] = "_blocks" if deep else parts[0]
        theirs[".".join(parts)] = value
    assert {"_blocks.1._expand_conv.weight", "_fc.bias", "_bn1.running_mean"} <= set(theirs)
    fitting = fit_tensors(net, theirs)
    assert (fitting.rows, fitting.faults) == (1000, [])


def test_counters_that_older_files_lack_are_not_missed() -> None:
    net = empty_net("mobilenet_v1.025", 7)
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert fit_tensors(net, state).faults == []


def test_wrappers_and_prefixes_are_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    state = {"module.a.weight": torch.ones(2), "module.a.bias": torch.zeros(1)}
    torch.save({"epoch": 3, "state_dict": state}, path)
    assert list(read_weights(path).tensors) == ["a.weight", "a.bias"]
    torch.save({"model": {"state_dict": {"_orig_mod.a.weight": torch.ones(2)}}}, path)
    assert list(read_weights(path).tensors) == ["a.weight"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(InputError) as caught:
            read_weights(path)
        return str(caught.value)

    whole = tmp_path / "whole.pt"
    torch.save(nn.Linear(2, 1), whole)
    assert "could run code" in refusal(whole)
    empty = tmp_path / "empty.pth"
    torch.save({"epoch": 1}, empty)
    assert "holds no tensors" in refusal(empty)
    torch.save([torch.ones(1)], empty)
    assert "holds no state dict" in refusal(empty)
    damaged = tmp_path / "damaged.safetensors"
    save_file({"a": torch.ones(9)}, damaged)
    damaged.write_bytes(damaged.read_bytes()[:-4])
    assert "is not a file of weights" in refusal(damaged)
    damaged.rename(tmp_path / "damaged.pth")
    assert "damaged" in refusal(tmp_path / "damaged.pth")
    assert "does not exist" in refusal(tmp_path / "none.pt")
    assert ".caffemodel, .safetensors" in refusal(tmp_path / "net.onnx")
