"""One or several faces artefacts as one training set, seen through one representation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emotiw_cli.artefact import check_fresh, reference
from emotiw_cli.data.codes import Codes
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.index import FaceRow, leak_key
from emotiw_cli.data.sources.exclusions import Exclusions
from emotiw_cli.errors import InputError
from emotiw_cli.inputs.representation import Representation


class FaceSet:
    """Faces of several artefacts of equal size, numbered through.

    Parameters
    ----------
    names : of faces artefacts in `work`; mapped representations also need their codes.
    """

    def __init__(self, work: Path, names: list[str], representation: Representation) -> None:
        self._work, self._names = work, names
        self.sets = [Faces.open(work, name) for name in names]
        sizes = {faces.size for faces in self.sets}
        details = {faces.artefact.manifest["parameters"].get("detail") for faces in self.sets}
        if len(sizes) > 1 or len(details) > 1:
            raise InputError(
                f"{', '.join(names)} were aligned to different sizes or details; align them alike."
            )
        for faces in self.sets:
            check_fresh(faces.artefact, work)
        self.size = sizes.pop()
        self.detail: int | None = details.pop()
        self.representation = representation
        self._codes = [
            Codes.open(work, faces, representation.radius) if representation.mapped else None
            for faces in self.sets
        ]
        self.inputs = [reference(faces.artefact) for faces in self.sets] + [
            reference(codes.artefact) for codes in self._codes if codes is not None
        ]
        self.licences = sorted(
            {text for faces in self.sets for text in faces.artefact.manifest.get("licences", [])}
        )
        self._places = [
            (number, row) for number, faces in enumerate(self.sets) for row in faces.select()
        ]

    def __len__(self) -> int:
        return len(self._places)

    def seen_as(self, representation: Representation) -> FaceSet:
        """The same faces, numbered alike, in another representation."""
        return FaceSet(self._work, self._names, representation)

    def set_number(self, place: int) -> int:
        """Number of the artefact that it is of, in the order they were named."""
        return self._places[place][0]

    def row(self, place: int) -> FaceRow:
        """The index row of face number `place`."""
        number, row = self._places[place]
        return self.sets[number].rows[row]

    def leak_key(self, place: int) -> str:
        """Its group, as it is called among several sets; empty if it has none."""
        number, row = self._places[place]
        return self.sets[number].leak_key(self.sets[number].rows[row])

    def identity(self, place: int) -> str:
        """Its label, an identity; of several sets, each one's people are its own."""
        label = self.row(place).label
        several = len({faces.set_name for faces in self.sets}) > 1
        return leak_key(self.sets[self._places[place][0]].set_name, label) if several else label

    def listed(self, exclusions: Exclusions) -> frozenset[int]:
        """Numbers of the faces that `exclusions` names."""
        paths = [exclusions.of(faces.artefact.name) for faces in self.sets]
        return frozenset(
            place
            for place, (number, row) in enumerate(self._places)
            if self.sets[number].rows[row].path in paths[number]
        )

    def raw(self, place: int) -> np.ndarray:
        """Its codes at the representation's radius, or the face itself; uint8."""
        number, row = self._places[place]
        codes = self._codes[number]
        return self.sets[number].face(row) if codes is None else codes.codes(row)


def seen_pixels(rows: list[FaceRow]) -> np.ndarray:
    """Pixel digests of `rows` as sorted uint64 without repeats."""
    return np.unique(np.array([int(row.pixels, 16) for row in rows if row.pixels], np.uint64))
