"""Embeddings of faces by VGGFace (Parkhi et al. 2015, doi:10.5244/C.29.41), as the paper used them.

VGGFace's weights were learnt in Caffe's order of colours, BGR. The paper looks at a face twice:
as the net expects it, and with the three normalised planes turned round (RGB). Of each pass it
takes the last pooled maps averaged over the picture (512 numbers) and fc7 before its ReLU (4,096).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from emotiw_cli.nets.registry import find_net
from emotiw_cli.nets.vgg16 import Vgg16
from emotiw_cli.training.initial import find_initial, load_initial

NET = "vgg16"
SIDE = find_net(NET).side
KEYS = {"bgr-avg": 512, "bgr-fc7": 4096, "rgb-avg": 512, "rgb-fc7": 4096}
"""Pass and layer of each embedding, and its width."""

_AT_ONCE = 8


class VggFace:
    """VGGFace as a source of embeddings.

    Parameters
    ----------
    net : with its weights.
    """

    def __init__(self, net: Vgg16) -> None:
        self._net = net.eval()
        self._mean = torch.tensor(find_net(NET).mean).reshape(3, 1, 1)

    @torch.inference_mode()
    def embed(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """The embeddings of face crops.

        Parameters
        ----------
        crops : (n, 224, 224, 3) uint8 RGB.

        Returns
        -------
        By the keys of :data:`KEYS`, (n, d) float32.
        """
        if not len(crops):
            return {key: np.empty((0, width), np.float32) for key, width in KEYS.items()}
        found: dict[str, list[np.ndarray]] = {key: [] for key in KEYS}
        for start in range(0, len(crops), _AT_ONCE):
            rgb = torch.from_numpy(crops[start : start + _AT_ONCE].astype(np.float32))
            bgr = self._net.centred(rgb.permute(0, 3, 1, 2).flip(1) - self._mean)
            for order, planes in (("bgr", bgr), ("rgb", bgr.flip(1))):
                average, fc7 = self._look(planes)
                found[f"{order}-avg"].append(average.numpy())
                found[f"{order}-fc7"].append(fc7.numpy())
        return {key: np.concatenate(parts) for key, parts in found.items()}

    def _look(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        maps = self._net.maps(planes)
        fc6 = F.relu(self._net.fc6(torch.flatten(maps, 1)))
        return maps.mean(dim=(2, 3)), self._net.fc7(fc6)


def load_vggface(text: str, work: Path) -> VggFace:
    """Load the weights called `text`: a model of the workspace or a file.

    Raises
    ------
    InputError, ArtefactError
        If there are none, or they are not those of a VGG16.
    """
    net = Vgg16(classes=1)
    load_initial(net, find_initial(text, work), torch.empty(1, 3, SIDE, SIDE), ("unused",))
    return VggFace(net)
