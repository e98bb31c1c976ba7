"""GoogLeNet (Szegedy et al. 2015, arXiv:1409.4842) in BVLC's form for Caffe.

Normalisation across channels, nine inception modules, two auxiliary heads whose loss counts for
.3 each in training. Sizes for 224 px: 112, 56, 28, 14, 7. 6,998,552 parameters with 1,000 classes
and without the auxiliary heads, 13,378,280 with them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotiw_cli.nets.classifier import Classifier, is_head
from emotiw_cli.nets.layers import Dropout, LocalResponseNorm

MODULES = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}
"""Channels that go in; of the 1×1; of the 3×3, reduced and full; of the 5×5; of the pool's
projection."""
_BRANCHES = {
    "1x1": "one",
    "3x3_reduce": "three_reduce",
    "3x3": "three",
    "5x5_reduce": "five_reduce",
    "5x5": "five",
    "pool_proj": "pool",
}


class Inception(nn.Module):
    """Convolutions of 1×1, 3×3 and 5×5 and a pool, side by side."""

    def __init__(
        self,
        inputs: int,
        one: int,
        three_reduce: int,
        three: int,
        five_reduce: int,
        five: int,
        pool: int,
    ) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, one, 1)
        self.three_reduce = nn.Conv2d(inputs, three_reduce, 1)
        self.three = nn.Conv2d(three_reduce, three, 3, padding=1)
        self.five_reduce = nn.Conv2d(inputs, five_reduce, 1)
        self.five = nn.Conv2d(five_reduce, five, 5, padding=2)
        self.pool = nn.Conv2d(inputs, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [
            self.one(x),
            self.three(F.relu(self.three_reduce(x))),
            self.five(F.relu(self.five_reduce(x))),
            self.pool(F.max_pool2d(x, 3, 1, 1)),
        ]
        return F.relu(torch.cat(branches, 1))


class Auxiliary(nn.Module):
    """A head in the middle of the net, for training alone."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 128, 1)
        self.fc = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = Dropout(0.7)
        self.head = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(F.avg_pool2d(x, 5, 3, ceil_mode=True)))
        return self.head(self.dropout(F.relu(self.fc(torch.flatten(x, 1)))))


def _initialise(net: nn.Module) -> None:
    """BVLC's first values, in place: weights even within ±√(3 / inputs), biases .2, heads' zero.

    He's, by outputs, grow through the reducing convolutions: logits would begin in the thousands.
    """
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = math.sqrt(3 / module.weight[0].numel())
            nn.init.uniform_(module.weight, -bound, bound)
            assert module.bias is not None
            nn.init.constant_(module.bias, 0.0 if is_head(f"{name}.bias") else 0.2)


class GoogLeNet(Classifier):
    """The net; in training mode it returns three logits, the auxiliary heads' last.

    Parameters
    ----------
    classes : number of logits.
    """

    auxiliary_weight = 0.3
    caffe = {  # noqa: RUF012 (never changed)
        "conv1/7x7_s2": "conv1",
        "conv2/3x3_reduce": "conv2_reduce",
        "conv2/3x3": "conv2",
        **{
            f"inception_{module}/{theirs}": f"inception_{module}.{ours}"
            for module in MODULES
            for theirs, ours in _BRANCHES.items()
        },
        "loss1/conv": "aux1.conv",
        "loss1/fc": "aux1.fc",
        "loss1/classifier": "aux1.head",
        "loss2/conv": "aux2.conv",
        "loss2/fc": "aux2.fc",
        "loss2/classifier": "aux2.head",
        "loss3/classifier": "head",
    }

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.norm1 = LocalResponseNorm(5, 1e-4, 0.75, 1.0)
        self.conv2_reduce = nn.Conv2d(64, 64, 1)
        self.conv2 = nn.Conv2d(64, 192, 3, padding=1)
        self.norm2 = LocalResponseNorm(5, 1e-4, 0.75, 1.0)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        for name, channels in MODULES.items():
            self.add_module(f"inception_{name}", Inception(*channels))
        self.pool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.pool4 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.aux1 = Auxiliary(512, classes)
        self.aux2 = Auxiliary(528, classes)
        self.dropout = Dropout(0.4)
        self.head = nn.Linear(1024, classes)
        _initialise(self)

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, 224, 224) float32 → (n, 1024) float32, globally averaged."""
        return self.stages(x)[0]

    def stages(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The features, and the maps that the two auxiliary heads see."""
        x = self.norm1(self.pool1(F.relu(self.conv1(x))))
        x = F.relu(self.conv2(F.relu(self.conv2_reduce(x))))
        x = self._modules_of(self.pool2(self.norm2(x)), "3a", "3b")
        first = self._modules_of(self.pool3(x), "4a")
        second = self._modules_of(first, "4b", "4c", "4d")
        x = self._modules_of(second, "4e")
        x = self._modules_of(self.pool4(x), "5a", "5b")
        return x.mean((2, 3)), first, second

    def _modules_of(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = self.get_submodule(f"inception_{name}")(x)
        return x

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        features, first, second = self.stages(self.centred(x))
        logits: Tensor = self.head(self.dropout(features))
        return (logits, self.aux1(first), self.aux2(second)) if self.training else logits
