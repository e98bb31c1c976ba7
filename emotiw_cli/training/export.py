"""From a trained net to ONNX, checked against it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from emotiw_cli.artefact import landing

TOLERANCE = 1e-4


class _WithFeatures(nn.Module):
    """A net in evaluation mode, where dropout does nothing, with its features beside its logits."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.net.features(x)  # type: ignore[operator]
        return self.net.head(features), features  # type: ignore[operator]


def export_onnx(net: nn.Module, side: int, path: Path) -> float:
    """Write `net` as ONNX: ``input`` (n, 3, side, side) float32 → ``logits`` (n, C) and
    ``features`` (n, d), what the head sees: the embedding of a face for whom emotions are not the
    end.

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
                _WithFeatures(net).eval(),
                (example,),
                str(temporary),
                input_names=["input"],
                output_names=["logits", "features"],
                dynamic_axes={name: {0: "n"} for name in ("input", "logits", "features")},
                opset_version=17,
                dynamo=False,
            )
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        (logits,) = session.run(["logits"], {"input": example.numpy()})
        with torch.no_grad():
            expected = net(example).softmax(1).numpy()
        got = torch.from_numpy(logits).softmax(1).numpy()
        difference = float(np.abs(got - expected).max())
        if difference > TOLERANCE:
            raise AssertionError(f"ONNX differs from torch by {difference:.2e}")
    return difference
