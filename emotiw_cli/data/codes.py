"""Read a codes artefact: the LBP codes of the faces of a faces artefact, at one radius."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, check_fresh, open_artefact
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.shards import ShardReader

DATASET = "codes"


def codes_name(faces: str, radius: int) -> str:
    """Name of the codes artefact of the faces called `faces` at `radius`."""
    return f"{faces}-r{radius}"


class Codes:
    """A codes artefact, opened for reading; its rows are those of its faces."""

    def __init__(self, artefact: Artefact, faces: Faces) -> None:
        self.artefact = artefact
        self.rows = faces.rows
        self.radius = int(artefact.manifest["parameters"]["radius"])
        self._reader = ShardReader(artefact.folder, DATASET)

    @classmethod
    def open(cls, work: Path, faces: Faces, radius: int) -> Codes:
        """Open the codes of `faces` at `radius`; :class:`ArtefactError` if missing or stale."""
        artefact = open_artefact(work, "codes", codes_name(faces.artefact.name, radius))
        check_fresh(artefact, work)
        return cls(artefact, faces)

    def codes(self, row: int) -> np.ndarray:
        """The codes of index row `row`, (H - 2r, W - 2r) uint8."""
        entry = self.rows[row]
        return self._reader.read(entry.shard, entry.offset)
