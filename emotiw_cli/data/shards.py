"""HDF5 shards: one dataset of equal pictures, one chunk a picture, written whole and renamed.

Uncompressed, so that reading a picture is one seek; without time stamps, so that equal content
gives equal bytes. Readers open lazily in each process and read chunk by chunk: fancy indexing
on a chunked dataset is some ninety times slower.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from emotiw_cli.artefact import landing_file
from emotiw_cli.errors import ArtefactError


def shard_name(number: int) -> str:
    """File name of shard `number`."""
    return f"shard-{number:05d}.h5"


def write_shard(
    path: Path,
    dataset: str,
    pictures: np.ndarray,
    *,
    attributes: dict[str, Any] | None = None,
    palette: np.ndarray | None = None,
) -> None:
    """Write `pictures` as `dataset` of a new HDF5 file at `path`.

    Parameters
    ----------
    pictures : (n, H, W) or (n, H, W, C) uint8.
    attributes : stored on the dataset.
    palette : (256, 3) uint8, stored and referenced as the HDF5 Image and Palette convention
        says, so that viewers show colour.
    """
    with landing_hdf5(path) as file:
        stored = store(file, dataset, pictures)
        for name, value in (attributes or {}).items():
            stored.attrs[name] = value
        if palette is not None:
            colours = file.create_dataset("palette", data=palette, track_times=False)
            colours.attrs["CLASS"] = np.bytes_("PALETTE")
            colours.attrs["PAL_COLORMODEL"] = np.bytes_("RGB")
            colours.attrs["PAL_TYPE"] = np.bytes_("STANDARD8")
            colours.attrs["PAL_VERSION"] = np.bytes_("1.2")
            stored.attrs["CLASS"] = np.bytes_("IMAGE")
            stored.attrs["IMAGE_SUBCLASS"] = np.bytes_("IMAGE_INDEXED")
            stored.attrs["IMAGE_VERSION"] = np.bytes_("1.2")
            stored.attrs["PALETTE"] = np.array([colours.ref], dtype=h5py.ref_dtype)


@contextlib.contextmanager
def landing_hdf5(path: Path) -> Iterator[Any]:
    """Yield an empty HDF5 file that lands at `path` whole when the block succeeds.

    It is made in memory: HDF5 that meets a full disk crashes when the program ends.
    """
    with h5py.File(path.name, "w", libver="latest", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        content = file.id.get_file_image()
    with landing_file(path) as landed:
        landed.write(content)


def store(file: Any, dataset: str, entries: np.ndarray) -> Any:
    """Store `entries` in an open HDF5 file, a chunk each; return the dataset."""
    chunk = (1, *entries.shape[1:]) if len(entries) else None
    return file.create_dataset(dataset, data=entries, chunks=chunk, track_times=False)


class ShardReader:
    """Pictures of a folder of shards by (shard, offset).

    Safe to copy into other processes: files are opened where they are first read.
    """

    def __init__(self, folder: Path, dataset: str) -> None:
        self._folder = folder
        self._dataset = dataset
        self._open: dict[int, Any] = {}
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {"_folder": self._folder, "_dataset": self._dataset, "_open": {}, "_process": -1}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def dataset(self, shard: int) -> Any:
        """The open h5py dataset of a shard.

        Raises
        ------
        ArtefactError
            If the shard is missing or damaged.
        """
        if self._process != os.getpid():
            # Handles inherited through fork share a file position with the parent.
            self._open, self._process = {}, os.getpid()
        if shard not in self._open:
            path = self._folder / shard_name(shard)
            try:
                self._open[shard] = h5py.File(path, "r")[self._dataset]
            except (OSError, KeyError) as error:
                raise ArtefactError(
                    f"{path} is missing or damaged; delete it and run its stage again."
                ) from error
        return self._open[shard]

    def read(self, shard: int, offset: int) -> np.ndarray:
        """One picture, uint8 (H, W) or (H, W, C)."""
        picture: np.ndarray = self.dataset(shard)[offset]
        return picture
