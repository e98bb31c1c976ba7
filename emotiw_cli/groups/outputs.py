"""``outputs.npz``: what members say of a set of group photos, on disk between stages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from emotiw_cli.artefact import landing_file
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.errors import InputError
from emotiw_cli.groups.fusion import PARTS, Part
from emotiw_cli.groups.layout import CLASSES

OUTPUTS = "outputs.npz"


@dataclass(frozen=True)
class Outputs:
    """Vectors of members for the same photos.

    Attributes
    ----------
    members : (m,) names. parts : (m,) what each reads.
    vectors : (m, n, 3) float32, not negative; rows of NaN where a member says nothing.
    labels : (n,) int64, 0 to 2; -1 for none.
    names : (n,) the photos.
    splits : (n,) ``train``, ``validation``, ``test`` or empty.
    """

    members: tuple[str, ...]
    parts: tuple[Part, ...]
    vectors: np.ndarray
    labels: np.ndarray
    names: np.ndarray
    splits: np.ndarray

    @property
    def with_faces(self) -> np.ndarray:
        """(n,) bool: photos of which a member that reads faces says something."""
        faces = np.array([part != "scene" for part in self.parts])
        if not faces.any():
            return np.ones(len(self.labels), dtype=bool)
        found: np.ndarray = np.isfinite(self.vectors[faces]).all(axis=2).any(axis=0)
        return found

    def of(self, photos: np.ndarray) -> Outputs:
        """Those of some photos, (n,) bool or numbers."""
        return Outputs(
            self.members,
            self.parts,
            self.vectors[:, photos],
            self.labels[photos],
            self.names[photos],
            self.splits[photos],
        )

    def write(self, path: Path) -> None:
        """Write an npz, whole or not at all."""
        with landing_file(path) as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                members=np.array(self.members, dtype=np.str_),
                parts=np.array(self.parts, dtype=np.str_),
                vectors=self.vectors.astype(np.float32),
                labels=self.labels.astype(np.int8),
                classes=np.array(CLASSES),
                names=self.names.astype(np.str_),
                splits=self.splits.astype(np.str_),
            )

    @classmethod
    def read(cls, path: Path) -> Outputs:
        """Read what :meth:`write` wrote, or a file of other makers.

        Such a one has ``labels`` and either ``vectors`` or ``logits``, (m, n, 3), of which the
        softmax is taken; what it lacks is filled in: its members count as reading the whole image.
        ``classes`` gives the order of the columns if it is another.

        Raises
        ------
        InputError
            If it holds neither.
        ArtefactError
            If it is missing or damaged.
        """
        arrays = read_arrays(path)
        try:
            if "vectors" in arrays:
                vectors = np.asarray(arrays["vectors"], dtype=np.float32)
            else:
                vectors = softmax(arrays["logits"]).astype(np.float32)
            labels = np.asarray(arrays["labels"], dtype=np.int64)
            order = [str(name) for name in arrays.get("classes", CLASSES)]
            columns = [order.index(emotion) for emotion in CLASSES]
            members, count, classes = vectors.shape
            if classes != len(order) or labels.shape != (count,) or labels.max(initial=0) > 2:
                raise ValueError("its arrays do not fit together")
            vectors = vectors[..., columns]
            labels = np.where(labels >= 0, np.argsort(columns)[labels], -1)
            parts = [str(part) for part in arrays.get("parts", ["scene"] * members)]
            if len(parts) != members or not set(parts) <= set(PARTS):
                raise ValueError("its parts are none of " + ", ".join(PARTS))
            return cls(
                tuple(map(str, arrays.get("members", np.arange(1, members + 1)))),
                tuple(cast(Part, part) for part in parts),
                vectors,
                labels,
                arrays.get("names", np.arange(count).astype(np.str_)),
                arrays.get("splits", np.full(count, "", dtype=np.str_)),
            )
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise InputError(
                f"{path} does not hold members' outputs ({error}); it needs labels (n,) and "
                "vectors or logits (m, n, 3)."
            ) from error


def joined(several: list[Outputs]) -> Outputs:
    """The outputs of all members for the photos all have, in the order of the first.

    Raises
    ------
    InputError
        If they have no photo in common, or the same photo carries two labels.
    """
    first = several[0]
    if len(several) == 1:
        return first
    common = set(first.names.tolist()).intersection(*(one.names.tolist() for one in several))
    keep = np.array([name in common for name in first.names.tolist()], dtype=bool)
    if not keep.any():
        raise InputError("these outputs have no photo in common; make all from the same photos.")
    base = first.of(keep)
    vectors = [base.vectors]
    for one in several[1:]:
        place = {name: row for row, name in enumerate(one.names.tolist())}
        same = one.of(np.array([place[name] for name in base.names.tolist()]))
        if (same.labels != base.labels).any():
            raise InputError("the same photo carries two labels; make all outputs from one set.")
        vectors.append(same.vectors)
    return Outputs(
        tuple(name for one in several for name in one.members),
        tuple(part for one in several for part in one.parts),
        np.concatenate(vectors),
        base.labels,
        base.names,
        base.splits,
    )
