"""Read arrays from disk without executing anything."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from emotiw_cli.errors import ArtefactError


def read_arrays(path: Path, content: bytes | None = None) -> dict[str, np.ndarray]:
    """All arrays of an npz file; :class:`ArtefactError` if it is missing or damaged.

    `content`: the file's bytes, if they are read already.
    """
    try:
        file = open(path, "rb") if content is None else io.BytesIO(content)  # noqa: SIM115
        with file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise ArtefactError(
            f"{path} cannot be read ({error}); make the artefact it belongs to again."
        ) from error
