"""A net beside the Caffe model its weights are from: layer by layer, by OpenCV's forward pass.

Weights fit more nets than one: padding, pooling and normalisation have none. A model's
deploy.prototxt tells what they are, and OpenCV runs it. Only k of a normalisation across channels
it takes as one, whatever the text says (seen in OpenCV 4.14); so k is compared as text, and both
run with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from emotiw_cli.errors import InputError
from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.layers import LocalResponseNorm

TOLERANCE = 1e-4
"""Most that a layer may differ, as a share of its largest value: rounding, no more."""
_NORMALISATION = re.compile(r"lrn_param\s*\{([^}]*)\}")
_K = re.compile(r"\bk\s*:\s*([-+.\deE]+)")


def compare_with_caffe(
    net: Classifier, prototxt: Path, model: Path, side: int, *, head: str | None
) -> dict[str, float]:
    """Run both on noise and compare the layers that have the same name in both.

    Parameters
    ----------
    net : with the weights of `model`, its head's classes in their order, without a mean image.
    side : of the input, pixels.
    head : Caffe's name of the layer that is the head here, None for a head that was left out.

    Returns
    -------
    Caffe's name of each layer, in the order of the data's way → the largest difference, as a
    share of the largest value.

    Raises
    ------
    InputError
        If OpenCV cannot run the model, no layer has the same name, or k of a normalisation differs.
    """
    noise = np.random.default_rng(0).normal(0, 60, (1, 3, side, side)).astype(np.float32)
    try:
        theirs = cv2.dnn.readNetFromCaffe(str(prototxt), str(model))
        theirs.enableFusion(False)
        names = {
            name: ours
            for name in theirs.getLayerNames()
            if (ours := _ours(net, name, head)) is not None
        }
        if not names:
            raise InputError(
                f"{prototxt} has no layer that the net has too; give the deploy.prototxt that "
                f"{model.name} came with."
            )
        theirs.setInput(noise)
        wanted = dict(zip(names, theirs.forward(list(names)), strict=True))
    except cv2.error as error:
        raise InputError(
            f"{prototxt} and {model.name} cannot be run by OpenCV ({error.err}); give the "
            "deploy.prototxt that the model came with, or leave it out."
        ) from error
    _compare_k(net, prototxt)
    with _k_of_one(net):
        got = _outputs(net, list(names.values()), torch.from_numpy(noise))
    return {name: _difference(got[ours], wanted[name]) for name, ours in names.items()}


def _ours(net: Classifier, name: str, head: str | None) -> str | None:
    """Our name of Caffe's layer, None where there is none."""
    if name == head:
        return "head"
    ours = net.caffe.get(name, name)
    known = ours in dict(net.named_modules())
    return ours if known and not ours.endswith("head") else None


@torch.no_grad()
def _outputs(net: nn.Module, names: list[str], x: Tensor) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def note(name: str) -> object:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            found[name] = output.numpy().copy()  # what follows may work in place

        return hook

    hooks = [net.get_submodule(name).register_forward_hook(note(name)) for name in names]  # type: ignore[arg-type]
    net.eval()(x)
    for hook in hooks:
        hook.remove()
    return found


def _compare_k(net: nn.Module, prototxt: Path) -> None:
    blocks = _NORMALISATION.findall(prototxt.read_text(encoding="utf-8", errors="replace"))
    theirs = [float(match[1]) if (match := _K.search(block)) else 1.0 for block in blocks]
    own = [part.k for part in _normalisations(net)]
    if theirs != own:
        told = [", ".join(f"{k:g}" for k in ks) or "none" for ks in (theirs, own)]
        raise InputError(
            f"{prototxt} is of another net: k of its normalisations across channels is {told[0]}, "
            f"here {told[1]}; use another --net."
        )


def _normalisations(net: nn.Module) -> list[LocalResponseNorm]:
    return [part for part in net.modules() if isinstance(part, LocalResponseNorm)]


@contextmanager
def _k_of_one(net: nn.Module) -> Iterator[None]:
    kept = [part.k for part in _normalisations(net)]
    for part in _normalisations(net):
        part.k = 1.0
    try:
        yield
    finally:
        for part, k in zip(_normalisations(net), kept, strict=True):
            part.k = k


def _difference(got: np.ndarray, wanted: np.ndarray) -> float:
    if got.size != wanted.size:
        return float("inf")
    largest = float(np.abs(wanted).max()) or 1.0
    return float(np.abs(got.ravel() - wanted.ravel()).max()) / largest
