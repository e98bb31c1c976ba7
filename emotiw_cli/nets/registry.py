"""Architectures by name. A name carries its variant: ``mobilenet_v1.025`` is a quarter as wide.

A net's module is imported when the net is built, so that its name and normalisation are known
without torch.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from emotiw_cli.errors import InputError

if TYPE_CHECKING:
    from torch import nn

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Net:
    """An architecture and how its input is normalised: (value in 0–255 - mean) · scale.

    Attributes
    ----------
    module, kind : where its class is, and what it is called.
    options : of the class.
    order : of the colours. mean, scale : in that order.
    resize, side : what a picture is resized to, and the side of the input cut from it, as the net
        was published.
    fixed : whether the net takes inputs of `side` alone.
    """

    module: str
    kind: str
    order: Literal["rgb", "bgr"]
    mean: Colour
    scale: float | Colour = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    resize: int = 256
    side: int = 224
    fixed: bool = False

    def build(self, classes: int) -> nn.Module:
        """A new net with `classes` logits, its weights drawn from torch's generator."""
        made: Callable[..., nn.Module] = getattr(importlib.import_module(self.module), self.kind)
        return made(classes=classes, **self.options)

    def check_side(self, name: str, side: int) -> None:
        """Refuse inputs that the net called `name` cannot take.

        Raises
        ------
        InputError
            If it takes another size alone.
        """
        if self.fixed and side != self.side:
            raise InputError(
                f"{name} takes inputs of {self.side}×{self.side} pixels, not {side}×{side}; use "
                f"--resize {self.resize} --crop {self.side}."
            )


# The order and mean of Caffe's models of ImageNet, and of the published face-recognition weights
# that fit MobileNetV1.
_CAFFE: dict[str, Any] = {"order": "bgr", "mean": (103.939, 116.779, 123.68)}
_TORCHVISION: dict[str, Any] = {
    "order": "rgb",
    "mean": (123.675, 116.28, 103.53),
    "scale": (1 / 58.395, 1 / 57.12, 1 / 57.375),
}


def _net(file: str, kind: str, inputs: Mapping[str, Any], **options: Any) -> Net:
    return Net(f"emotiw_cli.nets.{file}", kind, options=options, **inputs)


def _mobilenet(width: float) -> Net:
    return _net("mobilenet_v1", "MobileNetV1", {**_CAFFE, "resize": 72, "side": 64}, width=width)


def _vgg_s(width: int, pad: int, k: float, end: int) -> Net:
    inputs = {**_CAFFE, "fixed": True}
    return _net("vgg_s", "VggS", inputs, width=width, pad=pad, k=k, end=end)


def _convnet(kernel: int, *channels: int) -> Net:
    inputs: dict[str, Any] = {"order": "rgb", "mean": (127.5,) * 3, "scale": 1 / 64}
    return _net(
        "convnet",
        "ConvNet",
        {**inputs, "resize": 44, "side": 40},
        kernel=kernel,
        channels=channels,
    )


NETS: dict[str, Net] = {
    "convnet.3x3": _convnet(3, 32, 64, 128, 256),
    "convnet.5x5": _convnet(5, 24, 48, 80, 144),
    "mobilenet_v1": _mobilenet(1.0),
    "mobilenet_v1.050": _mobilenet(0.5),
    "mobilenet_v1.025": _mobilenet(0.25),
    "efficientnet_lite0": _net(
        "efficientnet_lite",
        "EfficientNetLite0",
        {"order": "rgb", "mean": (127.0,) * 3, "scale": 1 / 128},
    ),
    "vgg_s.emotiw": _vgg_s(4048, 2, 1.0, 7),
    "vgg_s.chatfield": _vgg_s(4096, 1, 2.0, 6),
    "vgg_s.chatfield_pad0": _vgg_s(4096, 0, 2.0, 6),
    "vgg_m_2048": _net("vgg_m", "VggM", {**_CAFFE, "fixed": True}, width=2048),
    "vgg_m_4096": _net("vgg_m", "VggM", {**_CAFFE, "fixed": True}, width=4096),
    "googlenet": _net("googlenet", "GoogLeNet", {**_CAFFE, "fixed": True}),
    "googlenet.torchvision": _net(
        "torchvision_net", "TorchvisionNet", _TORCHVISION, name="googlenet"
    ),
    "alexnet.caffenet": _net("alexnet", "CaffeNet", {**_CAFFE, "side": 227, "fixed": True}),
    "vgg16": _net(
        "vgg16", "Vgg16", {"order": "bgr", "mean": (93.594, 104.7624, 129.1863), "fixed": True}
    ),
}
TORCHVISION = "torchvision/"
"""Before the name of any of torchvision's classifiers."""


def find_net(name: str) -> Net:
    """The architecture called `name`.

    Raises
    ------
    InputError
        If no net is called so; the sentence offers the nearest name.
    """
    if name.startswith(TORCHVISION):
        return _torchvision(name)
    if name not in NETS:
        # Whoever leaves the variant out, as in vgg_s, is shown all of them.
        near = [net for net in NETS if net.startswith(name.lower())]
        near = near or difflib.get_close_matches(name.lower(), NETS, n=1)
        there = f"there are: {', '.join(NETS)}, and {TORCHVISION}NAME."
        raise InputError(
            f"no net is called {name!r}; "
            + (f"did you mean {' or '.join(map(repr, near))}?" if name and near else there)
        )
    return NETS[name]


def _torchvision(name: str) -> Net:
    from torchvision import models

    known = models.list_models(module=models)
    own = name.removeprefix(TORCHVISION)
    if own not in known:
        near = difflib.get_close_matches(own, known, n=1)
        hint = f"did you mean {TORCHVISION + near[0]!r}?" if near else f"there are {len(known)}."
        raise InputError(f"torchvision has no classifier {own!r}; {hint}")
    # Transformers whose patches have learnt places.
    inputs = {**_TORCHVISION, "fixed": own.startswith(("vit_", "maxvit"))}
    return _net("torchvision_net", "TorchvisionNet", inputs, name=own)
