"""Embeddings of faces by a net the user brought, such as VGGFace, on ONNX Runtime; never torch.

`groups features` leaves the net beside the features, and a group bundle carries it, so that what
forests were grown on is what they are shown.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from emotiw_cli.errors import ArtefactError

EMBEDDING = "embedding.onnx"
"""The net's file: (n, 3, 224, 224) float32 RGB of 0 to 255 → embeddings, (n, d) each, by name."""

_AT_ONCE = 8
"""Faces that go through at once: the maps of VGG16's first layers take 13 MB a face each."""


class Embedding:
    """A net that gives embeddings of face crops.

    Parameters
    ----------
    model : the file :data:`EMBEDDING`, or its bytes.
    where : its path, for messages.

    Raises
    ------
    ArtefactError
        If it is no such net.
    """

    def __init__(self, model: bytes | Path, where: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model),
                options,
                providers=["CPUExecutionProvider"],
            )
            ports = self._session.get_outputs()
            self._widths = {port.name: int(port.shape[1]) for port in ports}
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ArtefactError(
                f"{where} is no net that embeds faces ({str(error).strip().splitlines()[0]}); make "
                "it again with `emotiw groups features --vggface`."
            ) from error

    def embed(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """The embeddings of face crops.

        Parameters
        ----------
        crops : (n, 224, 224, 3) uint8 RGB.

        Returns
        -------
        By name, (n, d) float32.
        """
        found = {name: [np.empty((0, width), np.float32)] for name, width in self._widths.items()}
        for start in range(0, len(crops), _AT_ONCE):
            planes = crops[start : start + _AT_ONCE].astype(np.float32).transpose(0, 3, 1, 2)
            for name, values in zip(
                found, self._session.run(list(found), {"input": planes}), strict=True
            ):
                found[name].append(values)
        return {name: np.concatenate(parts) for name, parts in found.items()}
