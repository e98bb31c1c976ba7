"""MobileNetV1 (Howard et al. 2017, arXiv:1704.04861): the compact default net.

A 3×3/2 stem and 13 blocks of a depthwise 3×3 and a pointwise convolution, ReLU6 after each,
global average, dropout, one linear layer. Strided convolutions pad as TensorFlow's SAME does, on
the right and at the bottom only for even sizes, so that weights trained there fit. 3.2 M
parameters without head; output sizes for 64 px: 32, 32, 16, 16, 8, 8, 4 (×6), 2, 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.folded import renormalise
from emotiw_cli.nets.layers import BatchNorm2d, Dropout

_BLOCKS = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
]


class ConvNorm(nn.Module):
    """Convolution, batch normalisation, ReLU6."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1):
        super().__init__()
        padding = size // 2 if stride == 1 else 0
        self.same = stride == 2
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, groups=groups, bias=False)
        self.norm = BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self.norm(self.conv(self.pad(x))))

    def pad(self, x: Tensor) -> Tensor:
        """TensorFlow's SAME padding of a 3×3/2 convolution."""
        if not self.same:
            return x
        odd_h, odd_w = x.shape[-2] % 2, x.shape[-1] % 2
        return F.pad(x, (odd_w, 1, odd_h, 1))


class Block(nn.Module):
    """A depthwise 3×3 and a pointwise convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = ConvNorm(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = ConvNorm(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


class MobileNetV1(Classifier):
    """The net; `width` scales all channels.

    Parameters
    ----------
    classes : number of logits.
    width : multiplier of the channels.
    dropout : on the averaged features.
    """

    def __init__(self, classes: int, width: float = 1.0, dropout: float = 0.2) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(8, round(channels * width))

        self.stem = ConvNorm(3, scaled(32), 3, 2)
        blocks = []
        inputs = scaled(32)
        for outputs, stride in _BLOCKS:
            blocks.append(Block(inputs, scaled(outputs), stride))
            inputs = scaled(outputs)
        self.blocks = nn.Sequential(*blocks)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, s, s) float32 → (n, 1024·width) float32, globally averaged."""
        return self.blocks(self.stem(x)).mean((2, 3))

    def units(self) -> Iterable[tuple[str, ConvNorm]]:
        """Every convolution with its normalisation, in the order of the data's way."""
        yield "stem", self.stem
        for number, block in enumerate(self.blocks):
            yield f"blocks.{number}.depthwise", block.depthwise  # type: ignore[misc]
            yield f"blocks.{number}.pointwise", block.pointwise  # type: ignore[misc]


def is_folded(tensors: Mapping[str, Tensor]) -> bool:
    """Whether these are the net's weights with normalisation folded into the convolutions."""
    return "stem.weight" in tensors and "stem.bias" in tensors


@torch.no_grad()
def unfold(net: MobileNetV1, folded: Mapping[str, Tensor], faces: Tensor) -> list[str]:
    """Load folded weights and put normalisation back so that the output is unchanged.

    Fine-tuning then starts from the same function with normalisation at work, see
    :func:`emotiw_cli.nets.folded.renormalise`.

    Parameters
    ----------
    faces : (n, 3, s, s) float32 inputs of the net, a few hundred.

    Returns
    -------
    Names of the tensors that were set.
    """
    done = []
    for name, unit in net.units():
        unit.conv.weight.copy_(folded[f"{name}.weight"])
        unit.norm.reset_running_stats()
        unit.norm.weight.fill_((1 + unit.norm.eps) ** 0.5)
        unit.norm.bias.copy_(folded[f"{name}.bias"])
        done += [f"{name}.conv.weight", f"{name}.norm"]
    renormalise(net, faces)
    return done
