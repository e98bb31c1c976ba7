"""What is in a file of weights, in words and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emotiw_cli.nets.classifier import MEAN_IMAGE
from emotiw_cli.nets.fitting import nets_that_fit
from emotiw_cli.nets.mean_image import SUFFIXES as MEAN_SUFFIXES
from emotiw_cli.nets.mean_image import read_mean_image
from emotiw_cli.nets.weights import read_weights


def describe(path: Path) -> dict[str, Any]:
    """A mean image: its ``shape`` and mean ``colour``, blue first. Weights: their ``kind``,
    ``tensors``, number of ``parameters`` and the nets that all of them ``fits`` (torchvision's are
    not tried).

    Raises
    ------
    InputError
        If `path` cannot be read as either.
    """
    if path.suffix in MEAN_SUFFIXES:
        image = read_mean_image(path)
        colour = ", ".join(f"{value:.2f}" for value in image.mean((1, 2)))
        return {"kind": "mean image", "shape": list(image.shape), "mean_blue_green_red": colour}
    weights = read_weights(path)
    tensors = {name: value for name, value in weights.tensors.items() if name != MEAN_IMAGE}
    return {
        "kind": weights.kind,
        "parameters": sum(value.numel() for value in tensors.values()),
        "fits": nets_that_fit(tensors),
        "tensors": [
            {
                "name": name,
                "type": weights.layers.get(name.rpartition(".")[0], ""),
                "shape": list(value.shape),
                "dtype": str(value.dtype).removeprefix("torch."),
            }
            for name, value in weights.tensors.items()
        ],
    }
