"""A net beside the Caffe model its weights are from: layer by layer, by OpenCV's forward pass.

Weights fit more nets than one: padding, pooling and normalisation have none. A model's
deploy.prototxt tells what they are, and OpenCV runs it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from emotiw_cli.errors import InputError
from emotiw_cli.nets.classifier import Classifier

TOLERANCE = 1e-4
"""Most that a layer may differ, as a share of its largest value: rounding, no more."""


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
        If OpenCV cannot run the model, or no layer has the same name.
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


def _difference(got: np.ndarray, wanted: np.ndarray) -> float:
    if got.size != wanted.size:
        return float("inf")
    largest = float(np.abs(wanted).max()) or 1.0
    return float(np.abs(got.ravel() - wanted.ravel()).max()) / largest
