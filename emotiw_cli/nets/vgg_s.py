"""VGG_S (Chatfield et al. 2014, arXiv:1405.3531) and the one of Levi & Hassner 2015.

conv1 7×7/2, LRN, max 3/3; conv2 5×5, max 2/2; conv3–5 3×3, max 3/3; fc6, fc7, head. Pools round
up. The net that Levi & Hassner released (doi:10.1145/2818346.2830587) pads conv2 by two, has fully
connected layers of 4,048 and LRN with k = 1; its sizes for 224 px: 109, 37, 37, 19, 19, 7, which
makes 124,507,607 parameters with seven classes. Chatfield's pads conv2 by one (his Caffe files are
also seen without padding), has 4,096 and k = 2, and ends in 6 × 6.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotiw_cli.nets.classifier import Classifier, initialise
from emotiw_cli.nets.layers import Dropout, LocalResponseNorm


class VggS(Classifier):
    """The net.

    Parameters
    ----------
    classes : number of logits.
    width : of the fully connected layers.
    pad : of conv2, pixels.
    k : of the normalisation.
    end : side of the last maps for an input of 224 pixels.
    """

    def __init__(self, classes: int, *, width: int, pad: int, k: float, end: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, 2)
        self.norm1 = LocalResponseNorm(5, 5e-4, 0.75, k)
        self.pool1 = nn.MaxPool2d(3, 3, ceil_mode=True)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=pad)
        self.pool2 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv3 = nn.Conv2d(256, 512, 3, padding=1)
        self.conv4 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5 = nn.Conv2d(512, 512, 3, padding=1)
        self.pool5 = nn.MaxPool2d(3, 3, ceil_mode=True)
        self.fc6 = nn.Linear(512 * end * end, width)
        self.drop6 = Dropout(0.5)
        self.fc7 = nn.Linear(width, width)
        self.dropout = Dropout(0.5)
        self.head = nn.Linear(width, classes)
        initialise(self)

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, 224, 224) float32 → (n, width) float32, fc7 after ReLU."""
        x = self.pool1(self.norm1(F.relu(self.conv1(x))))
        x = self.pool2(F.relu(self.conv2(x)))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = self.pool5(F.relu(self.conv5(x)))
        x = self.drop6(F.relu(self.fc6(torch.flatten(x, 1))))
        return F.relu(self.fc7(x))
