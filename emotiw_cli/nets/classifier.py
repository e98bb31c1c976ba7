"""What every net is to the rest: features, a dropout, a linear head."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from emotiw_cli.errors import InputError

_HEAD = re.compile(r"(.+\.)?head|net\.(aux\d\.fc2|AuxLogits\.fc)")
"""Layers as wide as there are classes: ours, and the auxiliary heads of torchvision's nets."""

MEAN_IMAGE = "mean_image"
"""Name of the tensor, beside a net's own, that is subtracted from its input."""


class Classifier(nn.Module):
    """A net that gives the logits ``head(dropout(features(x)))``.

    A subclass sets `dropout` and `head` and defines :meth:`body`.

    Attributes
    ----------
    dropout : on the features; does nothing in evaluation.
    head : the linear layer from features to logits.
    mean_image : (3, s, s) float32 subtracted from every input, or None: what a Caffe mean image
        leaves after the net's mean colour, which the preprocessing subtracts, is taken from it.
        It is a tensor of the net, so weights, further training and the ONNX file keep it.
    auxiliary_weight : in training mode a net with auxiliary heads returns a tuple, the logits and
        then theirs; each of these counts for so much in the loss.
    caffe : names of its layers in Caffe's models where those differ: theirs → ours.
    """

    dropout: nn.Module
    head: nn.Linear
    mean_image: Tensor | None
    auxiliary_weight: float = 0.0
    caffe: Mapping[str, str] = {}

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer(MEAN_IMAGE, None)

    def body(self, x: Tensor) -> Tensor:
        """(n, 3, s, s) float32 → (n, d) float32."""
        raise NotImplementedError

    def features(self, x: Tensor) -> Tensor:
        """(n, 3, s, s) float32 → (n, d) float32: what the head sees, before dropout."""
        return self.body(self.centred(x))

    def ours(self, name: str) -> str:
        """Our name of the tensor that weights from elsewhere call `name`."""
        layer, _, tensor = name.rpartition(".")
        return f"{self.caffe.get(layer, layer)}.{tensor}"

    def centred(self, x: Tensor) -> Tensor:
        """`x` less the mean image, if the net has one."""
        return x if self.mean_image is None else x - self.mean_image

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        logits: Tensor = self.head(self.dropout(self.features(x)))
        return logits


def set_mean_image(net: nn.Module, image: Tensor, side: int | None, where: str) -> None:
    """Give `net` the mean image `image`, (3, h, w) float32.

    Raises
    ------
    InputError
        If it is not of the input's size `side`, or `net` takes none; `where` names its file.
    """
    if not isinstance(net, Classifier):
        raise InputError(f"{where} has a mean image, which this net cannot take.")
    if side is not None and tuple(image.shape) != (3, side, side):
        height, width = image.shape[-2:]
        raise InputError(
            f"{where} has a mean image of {width}×{height} pixels, the net's input has "
            f"{side}×{side}; use --crop {width}."
        )
    net.mean_image = image.to(torch.float32).contiguous()


def initialise(net: nn.Module) -> None:
    """He's normal weights and biases of zero for convolutions and linear layers, in place."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def is_head(name: str) -> bool:
    """Whether the tensor `name` belongs to a layer as wide as there are classes."""
    return _HEAD.fullmatch(name.rpartition(".")[0]) is not None
