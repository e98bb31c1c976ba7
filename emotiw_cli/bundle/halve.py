"""Halve an ONNX net: weights stored as float16, computed with as float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emotiw_cli.artefact import landing

_LEAST = 256
"""Tensors of fewer numbers (biases, normalisation) save nothing and stay as they are."""


def halve(source: Path, target: Path) -> None:
    """Copy the ONNX file `source` to `target` with large float32 weights stored as float16.

    Each is followed by a Cast to float32 under its old name, so nothing else changes; ONNX
    Runtime folds the casts when it loads the net. A tensor with numbers that float16 cannot
    hold (over 65504) stays as it is.
    """
    model = onnx.load(source)
    kept, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LEAST or np.abs(values).max() > 65504:
            kept.append(tensor)
            continue
        name = f"{tensor.name}_half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    with landing(target) as temporary:
        temporary.write_bytes(model.SerializeToString())
