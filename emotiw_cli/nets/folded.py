"""Normalisation that was folded into convolutions: read from ONNX, and put to work again.

An exported net has no batch normalisation left: each is part of the convolution before it. Read
back, a convolution has the folded weight and its normalisation only adds the folded bias. That
computes the same but cannot be trained, for in training mode the statistics of a batch come in.
:func:`renormalise` gives every normalisation the statistics of real faces, and the scale and shift
that undo them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor, nn

from emotiw_cli.errors import InputError
from emotiw_cli.nets.classifier import MEAN_IMAGE

_WITH_WEIGHTS = ("Conv", "Gemm")


def read_onnx(path: Path, build: Callable[[int], nn.Module], side: int) -> dict[str, Tensor]:
    """The state of a net that :func:`emotiw_cli.training.export.export_onnx` wrote, its mean image
    with it if it has one.

    Layers are told by the order in which a picture passes them.

    Parameters
    ----------
    build : the net for so many classes.
    side : of its input, px.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another net.
    """
    layers, mean = _layers(path)
    refusal = InputError(f"{path} is not of this net; name the --net that it was exported from.")
    if not layers:
        raise refusal
    net = build(len(layers[-1][0])).eval()
    names = {module: name for name, module in net.named_modules()}
    state: dict[str, Tensor] = {}
    before, folded = nn.Module(), torch.zeros(0)
    for module in _passed(net, side):
        name = names[module]
        if isinstance(module, nn.BatchNorm2d):
            # The one after a convolution without a bias of its own, whose shift is folded into it.
            if not isinstance(before, nn.Conv2d) or before.bias is not None or len(folded) == 0:
                raise refusal
            ones = torch.ones(len(folded))
            state |= {
                f"{name}.weight": ones * (1 + module.eps) ** 0.5,
                f"{name}.bias": folded,
                f"{name}.running_mean": torch.zeros(len(folded)),
                f"{name}.running_var": ones,
                f"{name}.num_batches_tracked": torch.tensor(0),
            }
        else:
            if not layers:
                raise refusal
            weight, bias = layers.pop(0)
            state[f"{name}.weight"], folded = torch.from_numpy(weight), torch.from_numpy(bias)
            if module.bias is not None:
                state[f"{name}.bias"] = folded
        before = module
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    if layers or shapes != {name: value.shape for name, value in state.items()}:
        raise refusal
    return state if mean is None else {**state, MEAN_IMAGE: torch.from_numpy(mean)}


def _layers(path: Path) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray | None]:
    """Weights and biases of a file's convolutions and linear layers in their order, and the mean
    image it subtracts, if any; float32.
    """
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise InputError(f"{path} is not an ONNX file that can be read ({error}).") from error
    tensors = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    mean = None
    layers = []
    for node in graph.node:
        # Weights in half precision are cast, and of equal ones the file has one.
        if node.op_type in ("Cast", "Identity") and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
        given = [tensors[name].astype(np.float32) for name in node.input[1:] if name in tensors]
        if node.op_type in _WITH_WEIGHTS and len(given) == 2:
            layers.append((given[0], given[1]))
        elif node.op_type == "Sub" and node.input[0] == graph.input[0].name and given:
            mean = given[0]
    return layers, mean


def _passed(net: nn.Module, side: int) -> list[nn.Conv2d | nn.Linear | nn.BatchNorm2d]:
    """The layers with weights in the order in which a picture passes them."""
    passed: list[nn.Conv2d | nn.Linear | nn.BatchNorm2d] = []
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: passed.append(module))
        for module in net.modules()
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)
    ]
    with torch.no_grad():
        net(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return passed


def is_plain(net: nn.Module) -> bool:
    """Whether normalisation has no statistics: a mean of zero and a variance of one everywhere."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    return bool(norms) and all(
        norm.running_mean is not None
        and norm.running_var is not None
        and not norm.running_mean.any()
        and bool((norm.running_var == 1).all())
        for norm in norms
    )


@torch.no_grad()
def renormalise(net: nn.Module, faces: Tensor) -> None:
    """Give normalisation the statistics of `faces`, in place, without changing what `net` computes.

    Parameters
    ----------
    faces : (n, 3, s, s) float32 inputs of the net, a few hundred.
    """

    def take(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        scale = norm.weight / (variance + norm.eps).sqrt()
        shift = norm.bias - scale * mean
        new_variance, new_mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
        norm.weight.copy_(scale * (new_variance + norm.eps).sqrt())
        norm.bias.copy_(shift + scale * new_mean)
        mean.copy_(new_mean)
        variance.copy_(new_variance)

    hooks = [
        module.register_forward_pre_hook(take)
        for module in net.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    was_training = net.training
    net.eval()(faces)
    net.train(was_training)
    for hook in hooks:
        hook.remove()
