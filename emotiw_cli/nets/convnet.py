"""Plain nets so small that a thousand faces and a minute of one processor train them from scratch.

Four blocks of a convolution, batch normalisation, ReLU and a 2×2 maximum; then the global average,
dropout and one linear layer. Sizes for 40 px: 40, 20, 10, 5, then 2. What kernels and channels
there are is the variant: ``convnet.3x3`` has 390,695 parameters with seven classes,
``convnet.5x5`` fewer channels and 416,207.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.layers import BatchNorm2d, Dropout


class ConvNet(Classifier):
    """The net.

    Parameters
    ----------
    classes : number of logits.
    kernel : side of the kernels, odd.
    channels : of the blocks.
    dropout : on the averaged features.
    """

    def __init__(
        self, classes: int, kernel: int, channels: Sequence[int], dropout: float = 0.3
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = 3
        for outputs in channels:
            blocks += [
                nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
                BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, s, s) float32 → (n, d) float32, globally averaged."""
        return self.blocks(x).mean((2, 3))
