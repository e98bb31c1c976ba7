"""From a trained net to ONNX, checked against it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from emotiw_cli.artefact import landing

TOLERANCE = 1e-4


def export_onnx(net: nn.Module, side: int, path: Path) -> float:
    """Write `net` as ONNX: ``input`` (n, 3, side, side) float32 → ``logits`` (n, C).

    Returns
    -------
    Largest difference of a posterior between torch and ONNX Runtime on random inputs.

    Raises
    ------
    AssertionError
        If it is over 1e-4: the exported net would not be the trained one.
    """
    net = net.cpu().eval()
    random = torch.Generator().manual_seed(0)
    example = torch.rand((2, 3, side, side), generator=random) * 255 - 128
    with landing(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                net,
                (example,),
                str(temporary),
                input_names=["input"],
                output_names=["logits"],
                dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
                opset_version=17,
                dynamo=False,
            )
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        (logits,) = session.run(None, {"input": example.numpy()})
        with torch.no_grad():
            expected = net(example).softmax(1).numpy()
        got = torch.from_numpy(logits).softmax(1).numpy()
        difference = float(np.abs(got - expected).max())
        if difference > TOLERANCE:
            raise AssertionError(f"ONNX differs from torch by {difference:.2e}")
    return difference
