"""Read a file of weights, whoever wrote it: Caffe, safetensors, or a PyTorch state dict.

Nothing that is read can execute code: a PyTorch file that holds more than tensors and plain values
is refused.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from emotiw_cli.errors import InputError
from emotiw_cli.nets.caffe import read_caffemodel

SUFFIXES = {
    ".caffemodel": "Caffe model",
    ".safetensors": "safetensors",
    ".pt": "PyTorch state dict",
    ".pth": "PyTorch state dict",
}
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")
"""Keys under which training scripts keep the state dict beside other things."""
_PREFIXES = ("module.", "_orig_mod.", "model.")
"""What parallel, compiled and wrapped modules put before every name."""


@dataclass(frozen=True)
class Weights:
    """The tensors of a file.

    Attributes
    ----------
    kind : one of the values of :data:`SUFFIXES`.
    tensors : by the file's own names, ``LAYER.weight``, in its order.
    layers : of a Caffe model, layer → type; empty otherwise.
    """

    kind: str
    tensors: dict[str, Tensor]
    layers: Mapping[str, str] = field(default_factory=dict)


def read_weights(path: Path) -> Weights:
    """Read the tensors of `path`.

    Raises
    ------
    InputError
        If it is missing, of another kind, damaged, or holds what could execute code.
    """
    kind = SUFFIXES.get(path.suffix)
    if kind is None:
        raise InputError(
            f"{path} is not called like a file of weights; give one of {', '.join(SUFFIXES)}."
        )
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a file of weights.")
    if kind == "Caffe model":
        layers = read_caffemodel(path)
        tensors = {
            f"{layer.name}.{name}": torch.from_numpy(blob.copy())
            for layer in layers
            for name, blob in layer.blobs.items()
        }
        return Weights(kind, tensors, {layer.name: layer.type for layer in layers})
    tensors = _safetensors(path) if kind == "safetensors" else _state_dict(path)
    if not tensors:
        raise InputError(f"{path} holds no tensors; give a file of weights.")
    return Weights(kind, _without_prefix(tensors))


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path} is not a file of weights that can be read ({error}).") from error


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is damaged or holds Python objects, which could run code when loaded; save "
            "the module's state_dict() alone and give that."
        ) from error
    except (OSError, RuntimeError, ValueError, TypeError, EOFError, KeyError) as error:
        raise InputError(f"{path} is not a file of weights that can be read ({error}).") from error
    while isinstance(content, Mapping):
        inner = [content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = inner[0]
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds no state dict; save the module's state_dict() alone.")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors
