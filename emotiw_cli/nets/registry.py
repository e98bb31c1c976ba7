"""Architectures by name. A name carries its variant: ``mobilenet_v1.025`` is a quarter as wide."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn

from emotiw_cli.errors import InputError
from emotiw_cli.nets.mobilenet_v1 import MobileNetV1


@dataclass(frozen=True)
class Net:
    """An architecture and how its input is normalised: (value in 0–255 - mean) · scale."""

    build: Callable[[int], nn.Module]
    order: Literal["rgb", "bgr"]
    mean: tuple[float, float, float]
    scale: float


# The order and mean of the published face-recognition weights that fit this net.
_CAFFE = {"order": "bgr", "mean": (103.939, 116.779, 123.68), "scale": 1.0}

NETS: dict[str, Net] = {
    "mobilenet_v1": Net(partial(MobileNetV1, width=1.0), **_CAFFE),  # type: ignore[arg-type]
    "mobilenet_v1.050": Net(partial(MobileNetV1, width=0.5), **_CAFFE),  # type: ignore[arg-type]
    "mobilenet_v1.025": Net(partial(MobileNetV1, width=0.25), **_CAFFE),  # type: ignore[arg-type]
}


def find_net(name: str) -> Net:
    """The architecture called `name`.

    Raises
    ------
    InputError
        If no net is called so; the sentence offers the nearest name.
    """
    if name not in NETS:
        near = difflib.get_close_matches(name, NETS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(NETS)}."
        raise InputError(f"no net is called {name!r}; {hint}")
    return NETS[name]
