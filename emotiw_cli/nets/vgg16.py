"""VGG16 (Simonyan & Zisserman 2015, arXiv:1409.1556), the shape of VGGFace (Parkhi et al. 2015).

Five stages of 3×3 convolutions, each followed by a max 2/2, then fc6, fc7, head. Layers are named
as in VGGFace's Caffe model. Sizes for 224 px: 224, 112, 56, 28, 14, 7.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotiw_cli.nets.classifier import Classifier, initialise
from emotiw_cli.nets.layers import Dropout

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and convolutions of each stage."""

WIDTH = 4096
"""Of fc6 and fc7."""


class Vgg16(Classifier):
    """The net.

    Parameters
    ----------
    classes : number of logits.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = 3
        for stage, (channels, count) in enumerate(STAGES, start=1):
            for number in range(1, count + 1):
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(inputs, channels, 3, padding=1))
                inputs = channels
        self.fc6 = nn.Linear(inputs * 7 * 7, WIDTH)
        self.drop6 = Dropout(0.5)
        self.fc7 = nn.Linear(WIDTH, WIDTH)
        self.dropout = Dropout(0.5)
        self.head = nn.Linear(WIDTH, classes)
        initialise(self)

    def maps(self, x: Tensor) -> Tensor:
        """The last convolution's maps, after ReLU and pooling: (n, 512, 7, 7) for 224 pixels."""
        for stage, (_, count) in enumerate(STAGES, start=1):
            for number in range(1, count + 1):
                x = F.relu(self.get_submodule(f"conv{stage}_{number}")(x))
            x = F.max_pool2d(x, 2)
        return x

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, 224, 224) float32 → (n, 4096) float32, fc7 after ReLU."""
        x = self.drop6(F.relu(self.fc6(torch.flatten(self.maps(x), 1))))
        return F.relu(self.fc7(x))
