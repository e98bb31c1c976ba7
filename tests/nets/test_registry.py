"""Every net's parameters and the sizes of its layers, against the papers; nothing is computed."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from emotiw_cli.errors import InputError
from emotiw_cli.nets.classifier import is_head, set_mean_image
from emotiw_cli.nets.layers import BatchNorm2d, Dropout, LocalResponseNorm
from emotiw_cli.nets.registry import NETS, find_net
from emotiw_cli.nets.torchvision_net import TorchvisionNet
from emotiw_cli.training.export import export_onnx


def build(name: str, classes: int = 7) -> nn.Module:
    with torch.device("meta"):
        return find_net(name).build(classes).eval()


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def sizes(net: nn.Module, side: int) -> dict[str, tuple[int, ...]]:
    """Layer → (channels, side) of its maps, or (width,) of a linear layer, for one picture."""
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> object:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            found[name] = tuple(output.shape[1:3])

        return hook

    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.Linear | LocalResponseNorm):
            module.register_forward_hook(note(name))
    net(torch.zeros(1, 3, side, side, device="meta"))
    return found


PARAMETERS = {
    ("vgg_s.emotiw", 7): 124_507_607,  # the released model
    ("vgg_s.chatfield", 1000): 102_908_520,  # the published model: 393 MB
    ("vgg_s.chatfield_pad0", 1000): 102_908_520,
    ("vgg_m_2048", 1000): 92_469_864,
    ("vgg_m_4096", 1000): 102_908_520,
    ("googlenet", 1000): 13_378_280,  # BVLC's file, with its auxiliary heads
    ("alexnet.caffenet", 1000): 60_965_224,  # BVLC's file
    ("vgg16", 1000): 138_357_544,
    ("vgg16", 2622): 145_002_878,  # VGGFace
    ("efficientnet_lite0", 1000): 4_652_008,
    ("torchvision/resnet18", 1000): 11_689_512,
}


@pytest.mark.parametrize(("name", "classes"), PARAMETERS)
def test_parameters_are_those_published(name: str, classes: int) -> None:
    assert count(build(name, classes)) == PARAMETERS[name, classes]


def test_layers_of_the_released_vgg_s() -> None:
    assert sizes(build("vgg_s.emotiw"), 224) == {
        "conv1": (96, 109),
        "norm1": (96, 109),
        "pool1": (96, 37),
        "conv2": (256, 37),
        "pool2": (256, 19),
        "conv3": (512, 19),
        "conv4": (512, 19),
        "conv5": (512, 19),
        "pool5": (512, 7),
        "fc6": (4048,),
        "fc7": (4048,),
        "head": (7,),
    }


@pytest.mark.parametrize(
    ("name", "conv2", "pool2"), [("vgg_s.chatfield", 35, 18), ("vgg_s.chatfield_pad0", 33, 17)]
)
def test_layers_of_chatfields_vgg_s(name: str, conv2: int, pool2: int) -> None:
    found = sizes(build(name), 224)
    assert found["pool1"] == (96, 37)
    assert found["conv2"] == (256, conv2)
    assert found["pool2"] == (256, pool2)
    assert found["pool5"] == (512, 6)
    assert found["fc6"] == (4096,)


@pytest.mark.parametrize("width", [2048, 4096])
def test_layers_of_vgg_m(width: int) -> None:
    assert sizes(build(f"vgg_m_{width}"), 224) == {
        "conv1": (96, 109),
        "norm1": (96, 109),
        "pool1": (96, 54),
        "conv2": (256, 26),
        "norm2": (256, 26),
        "pool2": (256, 13),
        "conv3": (512, 13),
        "conv4": (512, 13),
        "conv5": (512, 13),
        "pool5": (512, 6),
        "fc6": (4096,),
        "fc7": (width,),
        "head": (7,),
    }


def test_layers_of_caffenet() -> None:
    found = sizes(build("alexnet.caffenet"), 227)
    assert list(found) == [
        *("conv1", "pool1", "norm1", "conv2", "pool2", "norm2"),
        *("conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "head"),
    ]
    assert [found[name][-1] for name in ("conv1", "pool1", "conv2", "pool2", "conv5", "pool5")] == [
        *(55, 27, 27, 13, 13, 6)
    ]


def test_layers_of_vgg16() -> None:
    net = build("vgg16")
    found = sizes(net, 224)
    assert [(name, found[name]) for name in ("conv1_2", "conv2_2", "conv3_3", "conv5_3")] == [
        ("conv1_2", (64, 224)),
        ("conv2_2", (128, 112)),
        ("conv3_3", (256, 56)),
        ("conv5_3", (512, 14)),
    ]
    assert net.maps(torch.zeros(1, 3, 224, 224, device="meta")).shape == (1, 512, 7, 7)


def test_layers_of_googlenet() -> None:
    net = build("googlenet")
    found = sizes(net, 224)
    wanted = {
        "conv1": (64, 112),
        "pool1": (64, 56),
        "conv2": (192, 56),
        "pool2": (192, 28),
        "inception_3a.three": (128, 28),
        "inception_4a.five": (48, 14),
        "pool3": (480, 14),
        "pool4": (832, 7),
        "inception_5b.one": (384, 7),
    }
    assert {name: found[name] for name in wanted} == wanted
    _, first, second = net.stages(torch.zeros(1, 3, 224, 224, device="meta"))
    assert (tuple(first.shape), tuple(second.shape)) == ((1, 512, 14, 14), (1, 528, 14, 14))
    assert net.aux1.fc.in_features == 128 * 4 * 4
    assert (net.auxiliary_weight, net.aux1.dropout.p, net.dropout.p) == (0.3, 0.7, 0.4)


def test_layers_of_efficientnet_lite0() -> None:
    net = build("efficientnet_lite0")
    found = sizes(net, 224)
    assert found["conv_stem"] == (32, 112)
    blocks = [found[f"blocks.{number}.project_conv"] for number in range(16)]
    assert [blocks[number] for number in (0, 1, 3, 5, 8, 11, 15)] == [
        *((16, 112), (24, 56), (40, 28), (80, 14), (112, 14), (192, 7), (320, 7))
    ]
    assert found["conv_head"] == (1280, 7)


@pytest.mark.parametrize(
    ("name", "channels", "parameters"),
    [
        # 27·32 + 9·(32·64 + 64·128 + 128·256) weights, two a channel to normalise, the head.
        ("convnet.3x3", (32, 64, 128, 256), 387_936 + 2 * 480 + 1_799),
        # 75·24 + 25·(24·48 + 48·80 + 80·144), and likewise.
        ("convnet.5x5", (24, 48, 80, 144), 414_600 + 2 * 296 + 1_015),
    ],
)
def test_layers_of_the_small_plain_nets(
    name: str, channels: tuple[int, ...], parameters: int
) -> None:
    net = build(name)
    found = sizes(net, 40)
    assert [found[f"blocks.{4 * block}"] for block in range(4)] == list(
        zip(channels, (40, 20, 10, 5), strict=True)
    )
    assert found["blocks.15"] == (channels[-1], 2)
    assert count(net) == parameters


@pytest.mark.parametrize("name", [*NETS, "torchvision/mobilenet_v3_small", "torchvision/swin_t"])
def test_every_net_keeps_the_convention(name: str) -> None:
    spec, net = find_net(name), build(name, classes=5)
    x = torch.zeros(2, 3, spec.side, spec.side, device="meta")
    features = net.features(x)
    assert features.shape == (2, net.head.in_features)
    assert net(x).shape == net.head(net.dropout(features)).shape == (2, 5)
    kinds = {type(module) for module in net.modules()}
    assert not kinds & {nn.BatchNorm2d, nn.Dropout}  # which mind only their own process
    named = {part for part in net.state_dict() if is_head(part)}
    assert {"head.weight", "head.bias"} <= named
    assert all(net.state_dict()[part].shape[0] == 5 for part in named)


def test_both_googlenets_give_auxiliary_logits_in_training_alone() -> None:
    for name in ("googlenet", "googlenet.torchvision"):
        net = build(name, classes=5)
        x = torch.zeros(2, 3, 224, 224, device="meta")
        assert isinstance(net(x), Tensor)
        assert [tuple(part.shape) for part in net.train()(x)] == [(2, 5)] * 3
        assert net.auxiliary_weight == 0.3


def test_torchvision_names_become_ours() -> None:
    net = find_net("torchvision/resnet18").build(7)
    assert isinstance(net, TorchvisionNet)
    assert net.ours("layer1.0.bn1.bias") == "net.layer1.0.bn1.bias"
    assert net.ours("fc.weight") == "head.weight"
    assert isinstance(net.net.bn1, BatchNorm2d)
    spec = find_net("torchvision/resnet18")
    # What torchvision's weights expect, in units of 0–255.
    assert np.divide(spec.mean, 255) == pytest.approx([0.485, 0.456, 0.406])
    assert 1 / np.multiply(spec.scale, 255) == pytest.approx([0.229, 0.224, 0.225])


def test_squeezenets_last_convolution_is_the_head() -> None:
    net = build("torchvision/squeezenet1_1", classes=5)
    x = torch.zeros(1, 3, 64, 64, device="meta")
    assert net(x).shape == (1, 5)
    assert net.ours("classifier.1.weight") == "head.weight"
    assert any(isinstance(module, Dropout) for module in net.modules())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vgg_s.emotiv", r"did you mean 'vgg_s\.emotiw'"),
        ("VGG_M", r"did you mean 'vgg_m_2048' or 'vgg_m_4096'\?"),
        ("", "there are: convnet.3x3"),
        ("torchvision/resnet19", r"did you mean 'torchvision/resnet1[80]?"),
        ("zzzz", "torchvision/NAME"),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_net(name)


def test_a_net_of_one_size_says_which_options_give_it() -> None:
    spec = find_net("alexnet.caffenet")
    spec.check_side("alexnet.caffenet", 227)
    with pytest.raises(InputError, match=r"227×227 pixels, not 64×64; use --resize 256 --crop 227"):
        spec.check_side("alexnet.caffenet", 64)
    find_net("mobilenet_v1").check_side("mobilenet_v1", 33)


def test_normalisation_across_channels_by_hand() -> None:
    # Two channels, n = 3, α = .3, β = 1, k = 2: each sum is over both; 2 + .1 · (9 + 16) = 4.5.
    layer = LocalResponseNorm(3, 0.3, 1.0, 2.0)
    x = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    torch.testing.assert_close(layer(x).flatten(), torch.tensor([3 / 4.5, 4 / 4.5]))


@pytest.mark.parametrize("size", [2, 3, 5])
def test_normalisation_across_channels_is_torchs(size: int) -> None:
    x = torch.rand(2, 8, 3, 3, generator=torch.Generator().manual_seed(1)) * 9
    expected = torch.nn.functional.local_response_norm(x, size, 0.5, 0.75, 2.0)
    torch.testing.assert_close(LocalResponseNorm(size, 0.5, 0.75, 2.0)(x), expected)


def test_a_mean_image_is_subtracted_and_exported(tmp_path: object) -> None:
    torch.manual_seed(0)
    net = find_net("mobilenet_v1.025").build(7).eval()
    x = torch.rand(2, 3, 32, 32) * 255
    image = torch.rand(3, 32, 32) * 255
    plain = net(x - image)
    set_mean_image(net, image, 32, "mean.binaryproto")
    torch.testing.assert_close(net(x), plain)
    assert torch.equal(net.state_dict()["mean_image"], image)
    path = tmp_path / "net.onnx"  # type: ignore[operator]
    export_onnx(net, 32, path)
    session = onnxruntime.InferenceSession(path)
    (logits,) = session.run(["logits"], {"input": x.numpy()})
    np.testing.assert_allclose(logits, plain.detach().numpy(), atol=1e-4)
    with pytest.raises(InputError, match="32×32 pixels, the net's input has 24×24; use --crop 32"):
        set_mean_image(net, image, 24, "mean.binaryproto")


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = LocalResponseNorm(5, 0.5, 0.75, 2.0)
        self.head = nn.Linear(8, 7)

    def features(self, x: Tensor) -> Tensor:
        return self.norm(torch.cat([x, x[:, [0, 0, 1, 1, 2]]], 1)).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def test_normalisation_is_one_operator_in_onnx(tmp_path: object) -> None:
    import onnx

    path = tmp_path / "net.onnx"  # type: ignore[operator]
    assert export_onnx(Normed(), 16, path) < 1e-5
    assert "LRN" in [node.op_type for node in onnx.load(path).graph.node]
