"""Embeddings of faces by VGGFace (Parkhi et al. 2015, doi:10.5244/C.29.41), as the paper used them.

VGGFace's weights were learnt in Caffe's order of colours, BGR. The paper looks at a face twice:
as the net expects it, and with the three normalised planes turned round (RGB). Of each pass it
takes the last pooled maps averaged over the picture (512 numbers) and fc7 before its ReLU (4,096).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotiw_cli.artefact import landing
from emotiw_cli.groups.embedding import Embedding
from emotiw_cli.nets.registry import find_net
from emotiw_cli.nets.vgg16 import Vgg16
from emotiw_cli.training.initial import Initial, load_initial

NET = "vgg16"
SIDE = find_net(NET).side
KEYS = ("bgr-avg", "bgr-fc7", "rgb-avg", "rgb-fc7")
"""Pass and layer of each embedding."""

TOLERANCE = 1e-3
"""Of the exported net, relative to the largest number of an embedding."""


class Passes(nn.Module):
    """Both looks of VGGFace at a face.

    Parameters
    ----------
    net : with its weights.
    """

    mean: Tensor

    def __init__(self, net: Vgg16) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(find_net(NET).mean).reshape(3, 1, 1))

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        """(n, 3, 224, 224) float32 RGB, 0 to 255 → the embeddings :data:`KEYS`, (n, d) each."""
        bgr = self.net.centred(rgb.flip(1) - self.mean)
        return (*self._look(bgr), *self._look(bgr.flip(1)))

    def _look(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.net.maps(planes)
        fc6 = F.relu(self.net.fc6(torch.flatten(maps, 1)))
        return maps.mean(dim=(2, 3)), self.net.fc7(fc6)


def export_vggface(weights: Initial, path: Path) -> None:
    """Write VGGFace as the :class:`Embedding` it is, checked against torch; of 540 MB.

    Parameters
    ----------
    weights : of a VGG16, see :func:`emotiw_cli.training.initial.find_initial`.

    Raises
    ------
    InputError
        If they are not those of a VGG16.
    AssertionError
        If the exported net is another.
    """
    net = Vgg16(classes=1)
    load_initial(net, weights, torch.empty(1, 3, SIDE, SIDE), ("unused",))
    passes = Passes(net).eval()
    random = np.random.default_rng(0)
    crops = random.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    planes = torch.from_numpy(crops.astype(np.float32)).permute(0, 3, 1, 2)
    with landing(path) as temporary:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                passes,
                (planes,),
                str(temporary),
                input_names=["input"],
                output_names=list(KEYS),
                dynamic_axes={name: {0: "n"} for name in ("input", *KEYS)},
                opset_version=17,
                dynamo=False,
            )
            expected = dict(zip(KEYS, passes(planes), strict=True))
        for key, values in Embedding(temporary, path).embed(crops).items():
            wrong = float(np.abs(values - expected[key].numpy()).max())
            if wrong > TOLERANCE * float(expected[key].abs().max()):
                raise AssertionError(f"the ONNX file's {key} differs from torch's by {wrong:.2e}")
