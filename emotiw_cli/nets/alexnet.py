"""CaffeNet: AlexNet (Krizhevsky et al. 2012) with normalisation after pooling.

The form that comes with Caffe and that Ng et al. 2015 (doi:10.1145/2818346.2830593) start from:
227 px in; conv2, conv4 and conv5 in two groups. Sizes: 55, 27, 27, 13, 13, 6.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotiw_cli.nets.classifier import Classifier, initialise
from emotiw_cli.nets.layers import Dropout, LocalResponseNorm


class CaffeNet(Classifier):
    """The net.

    Parameters
    ----------
    classes : number of logits.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, 4)
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.norm1 = LocalResponseNorm(5, 1e-4, 0.75, 1.0)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.norm2 = LocalResponseNorm(5, 1e-4, 0.75, 1.0)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.pool5 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)
        self.drop6 = Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.dropout = Dropout(0.5)
        self.head = nn.Linear(4096, classes)
        initialise(self)

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, 227, 227) float32 → (n, 4096) float32, fc7 after ReLU."""
        x = self.norm1(self.pool1(F.relu(self.conv1(x))))
        x = self.norm2(self.pool2(F.relu(self.conv2(x))))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool5(F.relu(self.conv5(x)))
        x = self.drop6(F.relu(self.fc6(torch.flatten(x, 1))))
        return F.relu(self.fc7(x))
