"""Where each tensor of a file belongs in a net: by its name there or here, and by its shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from typing import Literal

import torch
from torch import Size, Tensor

from emotiw_cli.nets.classifier import MEAN_IMAGE, Classifier, is_head
from emotiw_cli.nets.registry import NETS, find_net

How = Literal["matched", "reshaped", "other shape", "unused", "left"]
_COUNTER = "num_batches_tracked"
"""Which older files lack, and which decides nothing here."""


@dataclass(frozen=True)
class Line:
    """What becomes of one tensor.

    Attributes
    ----------
    file, net : its name in the file and in the net; empty where there is none.
    shape : in the file; in the net for one that is left.
    how : ``matched``; ``reshaped``: the same numbers in another shape; ``other shape``: it does not
        fit its place; ``unused``: it has none; ``left``: the file has nothing for this place.
    """

    file: str
    net: str
    shape: tuple[int, ...]
    how: How

    @property
    def fits(self) -> bool:
        return self.how in ("matched", "reshaped")


@dataclass(frozen=True)
class Fitting:
    """What becomes of all tensors of a file and of a net.

    Attributes
    ----------
    lines : those of the file in its order, then what is left of the net.
    rows : classes of the file's head, None if it has none that fits.
    """

    lines: tuple[Line, ...]
    rows: int | None

    @property
    def faults(self) -> list[Line]:
        """What keeps the load from being whole, the head aside."""
        return [line for line in self.lines if not line.fits and not is_head(line.net)]


def fit_tensors(net: Classifier, tensors: Mapping[str, Tensor]) -> Fitting:
    """Find the place of every tensor in `net`, which may be without storage (device meta).

    A head may have any number of classes: of its shape only what follows the first side counts.
    """
    own = {name: value.shape for name, value in net.state_dict().items() if name != MEAN_IMAGE}
    ours = _names(net, tensors, own)
    lines: list[Line] = []
    rows = None
    for name, value in tensors.items():
        place, shape = ours[name], tuple(value.shape)
        if place not in own or any(line.net == place for line in lines):
            lines.append(Line(name, "", shape, "unused"))
            continue
        wanted = own[place]
        if is_head(place):
            wanted = Size([_squeezed(value.shape, len(wanted))[0], *wanted[1:]])
        how = _how(value.shape, wanted)
        lines.append(Line(name, place, shape, how))
        if place == "head.weight" and lines[-1].fits:
            rows = wanted[0]
    # Heads in the middle of a net have to be of the same classes as the one at its end.
    lines = [
        replace(line, how="other shape") if _other_classes(line, tensors, rows) else line
        for line in lines
    ]
    there = {line.net for line in lines}
    for name, wanted in own.items():
        if name not in there and not name.endswith(_COUNTER):
            lines.append(Line("", name, tuple(wanted), "left"))
    return Fitting(tuple(lines), rows)


@torch.no_grad()
def load_tensors(net: Classifier, tensors: Mapping[str, Tensor], fitting: Fitting) -> None:
    """Give `net`, whose head has the file's classes, all that fits."""
    own = net.state_dict()
    for line in fitting.lines:
        if line.fits:
            own[line.net].copy_(tensors[line.file].reshape(own[line.net].shape))


def nets_that_fit(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the registry's nets that every tensor but a head's fits; not all of torchvision's,
    whose making takes longer than anybody waits for an error."""
    return [name for name in NETS if not fit_tensors(empty_net(name, 1), tensors).faults]


@cache
def empty_net(name: str, classes: int) -> Classifier:
    """The net called `name` without storage: names and shapes alone, to be read only."""
    try:
        with torch.device("meta"):
            net = find_net(name).build(classes)
    except NotImplementedError:  # some of torchvision's compute with numbers while they are made
        net = find_net(name).build(classes)
    assert isinstance(net, Classifier)
    return net


def _other_classes(line: Line, tensors: Mapping[str, Tensor], rows: int | None) -> bool:
    if not (is_head(line.net) and line.fits):
        return False
    sides = 2 if line.net.endswith("weight") else 1
    return _squeezed(tensors[line.file].shape, sides)[0] != rows


def _how(shape: Size, wanted: Size) -> How:
    if shape == wanted:
        return "matched"
    if prod(shape) == prod(wanted) and _squeezed(shape, len(wanted))[0] == wanted[0]:
        return "reshaped"
    return "other shape"


def _squeezed(shape: Size, sides: int) -> tuple[int, ...]:
    """`shape` without the leading ones by which it has more than `sides` sides."""
    while len(shape) > sides and shape[0] == 1:
        shape = shape[1:]
    return tuple(shape) or (1,)


def _names(
    net: Classifier, tensors: Mapping[str, Tensor], own: Mapping[str, Size]
) -> dict[str, str]:
    """The file's names → ours. A last layer that is called after its task is taken as the head."""
    ours = {name: name if name in own else net.ours(name) for name in tensors}
    if "head.weight" not in ours.values():
        width = net.head.in_features
        for layer in reversed(list(_layers(tensors))):
            weight = tensors.get(f"{layer}.weight")
            known = ours.get(f"{layer}.weight") in own
            if weight is not None and not known and weight.ndim > 1 and weight.shape[-1] == width:
                ours |= {n: n.replace(layer, "head", 1) for n in tensors if _layer(n) == layer}
                break
    return ours


def _layers(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    yield from dict.fromkeys(_layer(name) for name in tensors)


def _layer(name: str) -> str:
    return name.rpartition(".")[0]
