"""Tubes on disk, read clip by clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, open_artefact
from emotiw_cli.clips.index import INDEX, ClipRow, read_index
from emotiw_cli.clips.made_clip import MadeClip
from emotiw_cli.clips.make_tubes import CROPS, FACES, KIND, SOUND, TIME, TUBE
from emotiw_cli.data.shards import ShardReader


@dataclass(frozen=True)
class TubeStore:
    """A finished tubes artefact and its rows."""

    artefact: Artefact
    rows: list[ClipRow]

    @classmethod
    def open(cls, work: Path, name: str) -> TubeStore:
        """Open the tubes called `name`; :class:`ArtefactError` if they are not there."""
        artefact = open_artefact(work, KIND, name)
        return cls(artefact, read_index(artefact.folder / INDEX))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the aligned faces, in pixels."""
        width, height = self.artefact.manifest["parameters"]["size"]
        return int(width), int(height)

    @property
    def detail(self) -> int | None:
        """Widest the faces' own pixels may have been."""
        detail: int | None = self.artefact.manifest["parameters"]["detail"]
        return detail

    @property
    def every_frame(self) -> bool:
        """Whether every frame's faces are kept, not those of six looks a second."""
        return bool(self.artefact.manifest["parameters"].get("every_frame"))

    @property
    def set_name(self) -> str:
        """What the set of clips is called, beside whose subjects others' are other people."""
        sources = [Path(entry["name"]).stem for entry in self.artefact.manifest["inputs"]]
        return "".join(sources[:1])

    def sound(self, row: ClipRow) -> np.ndarray:
        """A clip's sound (m,) float16."""
        stored = ShardReader(self.artefact.folder, SOUND).dataset(max(row.shard, 0))
        return np.asarray(stored[row.sound_start : row.sound_start + row.samples])

    def first_crop(self, row: ClipRow) -> np.ndarray:
        """The first crop of a clip's first tube, (1, 96, 96, 3) uint8; (0, …) if it has none."""
        stored = ShardReader(self.artefact.folder, CROPS).dataset(max(row.shard, 0))
        return np.asarray(stored[row.start : row.start + min(row.crops, 1)])

    def clip(self, row: ClipRow) -> MadeClip:
        """What is stored of a clip; nothing of one without faces and sound."""
        faces = slice(row.start, row.start + row.crops)
        sound = slice(row.sound_start, row.sound_start + row.samples)
        parts = []
        for name in (CROPS, FACES, TUBE, TIME, SOUND):
            stored = ShardReader(self.artefact.folder, name).dataset(max(row.shard, 0))
            parts.append(stored[sound if name == SOUND else faces])
        return MadeClip(row, *parts)
