"""Read a faces artefact: its index and its aligned faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, open_artefact
from emotiw_cli.data.index import OK, FaceRow, leak_key, read_index
from emotiw_cli.data.shards import ShardReader

INDEX = "index.csv"
DATASET = "faces"


class Faces:
    """A faces artefact, opened for reading.

    Parameters
    ----------
    artefact : a finished artefact of kind ``faces``.
    """

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self.rows: list[FaceRow] = read_index(artefact.folder / INDEX)
        width, height = artefact.manifest["parameters"]["size"]
        self.size: tuple[int, int] = (int(width), int(height))
        self.set_name = _set_name(artefact)
        self._reader = ShardReader(artefact.folder, DATASET)

    @classmethod
    def open(cls, work: Path, name: str) -> Faces:
        """Open the faces called `name`; :class:`ArtefactError` if they are not there."""
        return cls(open_artefact(work, "faces", name))

    def face(self, row: int) -> np.ndarray:
        """The aligned face of index row `row`, (H, W, 3) uint8 RGB; the row's status must be ok."""
        entry = self.rows[row]
        picture = self._reader.read(entry.shard, entry.offset)
        return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture

    def leak_key(self, row: FaceRow) -> str:
        """The group of a row of these faces as it is called among several sets; may be empty."""
        return leak_key(self.set_name, row.group)

    def select(self, split: str | None = None) -> list[int]:
        """Numbers of the rows with a face, of one split if given."""
        return [
            entry.row
            for entry in self.rows
            if entry.status == OK and (split is None or entry.split == split)
        ]


def _set_name(artefact: Artefact) -> str:
    """What the faces' set is called; where that was not recorded yet, their source tells.

    Faces without a source belong to no set.
    """
    recorded = artefact.manifest["parameters"].get("set")
    sources = [Path(entry["name"]).stem for entry in artefact.manifest["inputs"]]
    return str(recorded) if recorded else "".join(sources[:1])
