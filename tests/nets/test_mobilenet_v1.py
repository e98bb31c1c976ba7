from __future__ import annotations

import torch

from emotiw_cli.nets.mobilenet_v1 import MobileNetV1, unfold


def test_parameters_and_sizes_are_those_of_the_paper() -> None:
    net = MobileNetV1(1000).eval()
    convolutions = sum(unit.conv.weight.numel() for _, unit in net.units())
    biases = sum(unit.norm.bias.numel() for _, unit in net.units())
    head = net.head.weight.numel() + net.head.bias.numel()
    # Howard et al. give 4.2 M with 1,000 classes; normalisation has a scale and a shift each.
    assert convolutions + 2 * biases + head == 4_231_976
    sizes = []
    x = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        x = net.stem(x)
        sizes.append(x.shape[-1])
        for block in net.blocks:
            x = block(x)
            sizes.append(x.shape[-1])
    assert sizes == [32, 32, 16, 16, 8, 8, 4, 4, 4, 4, 4, 4, 2, 2]
    assert net.features(torch.zeros(2, 3, 64, 64)).shape == (2, 1024)


def test_strided_convolution_pads_right_and_bottom_for_even_sizes() -> None:
    net = MobileNetV1(7, width=0.25)
    padded = net.stem.pad(torch.ones(1, 1, 4, 5))
    # Even: one after. Odd: one before and one after.
    assert padded[0, 0, :, 2].tolist() == [1, 1, 1, 1, 0]
    assert padded[0, 0, 0].tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_unfold_computes_the_folded_function() -> None:
    torch.manual_seed(0)
    folded = {}
    net = MobileNetV1(7, width=0.25).eval()
    for name, unit in net.units():
        folded[f"{name}.weight"] = torch.randn_like(unit.conv.weight) * 0.3
        folded[f"{name}.bias"] = torch.rand(unit.conv.out_channels)
    faces = torch.rand(16, 3, 32, 32) * 4 - 2
    unfold(net, folded, faces)

    def plain(x: torch.Tensor) -> torch.Tensor:
        for name, unit in net.units():
            x = torch.nn.functional.conv2d(
                unit.pad(x),
                folded[f"{name}.weight"],
                folded[f"{name}.bias"],
                unit.conv.stride,
                unit.conv.padding,
                groups=unit.conv.groups,
            ).clamp(0, 6)
        return x.mean((2, 3))

    other = torch.rand(4, 3, 32, 32) * 4 - 2
    with torch.no_grad():
        assert torch.allclose(net.features(other), plain(other), atol=1e-4)
        # Normalisation is at work: in training mode the same batch gives the same features.
        net.train()
        assert torch.allclose(net.features(faces), plain(faces), atol=1e-2)
