"""``seen.npz``: what a bundle's members were trained on and chosen on, by digest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, landing_file
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.errors import ArtefactError


@dataclass(frozen=True)
class Seen:
    """Pictures and subjects that say little about how good a bundle is.

    Attributes
    ----------
    pixels : (n,) sorted uint64 digests of the pictures any member was trained on.
    groups : leak keys of the subjects, films or identities any member was trained on.
    chosen : (k,) sorted uint64 digests of the pictures the members were stopped on and the
        weights fitted to.
    """

    pixels: np.ndarray
    groups: frozenset[str]
    chosen: np.ndarray

    @classmethod
    def by(cls, models: Sequence[Artefact], chosen: Iterable[str]) -> Seen:
        """What any of `models` has seen; `chosen`: pixel digests of their validation faces."""
        trained = cls.union([cls.read(model.folder / SEEN) for model in models])
        return replace(trained, chosen=np.unique(digest_numbers(chosen)))

    @classmethod
    def union(cls, parts: Sequence[Seen]) -> Seen:
        """What any of `parts` has seen."""
        nothing = np.zeros(0, np.uint64)
        return cls(
            np.unique(np.concatenate([nothing, *(part.pixels for part in parts)])),
            frozenset().union(*(part.groups for part in parts)),
            np.unique(np.concatenate([nothing, *(part.chosen for part in parts)])),
        )

    @classmethod
    def read(cls, path: Path) -> Seen:
        """Read what :meth:`write` wrote; :class:`ArtefactError` if it is something else."""
        arrays = read_arrays(path)
        if not {"pixels", "groups"} <= set(arrays):
            raise ArtefactError(f"{path} lacks arrays; make the artefact it belongs to again.")
        # A model's seen.npz has no `chosen`: its validation.npz names those faces.
        chosen = arrays.get("chosen", np.zeros(0, np.uint64))
        return cls(arrays["pixels"].astype(np.uint64), frozenset(arrays["groups"].tolist()), chosen)

    def write(self, path: Path) -> None:
        """Write an npz, whole or not at all."""
        groups = np.array(sorted(self.groups), dtype=np.str_)
        with landing_file(path) as file:
            np.savez_compressed(file, pixels=self.pixels, groups=groups, chosen=self.chosen)


def digest_numbers(digests: Iterable[str]) -> np.ndarray:
    """Pixel digests, 16 hexadecimal digits each, as uint64; an empty one becomes 0."""
    return np.array([int(digest or "0", 16) for digest in digests], dtype=np.uint64)
