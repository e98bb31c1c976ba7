"""What VGGFace takes as a group bundle carries it: bytes, and processor seconds a face.

    python benchmarks/vggface.py

The weights are random: they decide neither. It needs 3 GB of memory.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from emotiw_cli.groups.embedding import EMBEDDING, Embedding
from emotiw_cli.groups.vggface import SIDE, export_vggface
from emotiw_cli.nets.vgg16 import Vgg16
from emotiw_cli.training.initial import find_initial

FACES = 24


def main() -> None:
    torch.manual_seed(0)
    crops = np.random.default_rng(0).integers(0, 256, (FACES, SIDE, SIDE, 3), np.uint8)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights, model = folder / "weights.safetensors", folder / EMBEDDING
        save_file(Vgg16(classes=1).state_dict(), weights)
        export_vggface(find_initial(str(weights), folder), model)
        embedding = Embedding(model, model)
        embedding.embed(crops[:1])
        began = time.process_time()
        embedding.embed(crops)
        seconds = (time.process_time() - began) / FACES
        print(f"{model.stat().st_size / 1e6:.0f} MB; {seconds:.2f} s a face on one core")


if __name__ == "__main__":
    main()
