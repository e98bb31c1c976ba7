"""The training set as torch sees it, and the order in which it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.training.augment import augmented
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.recipe import Augment

Key = tuple[int, int]


class Samples(Dataset):
    """Pictures by (epoch, position), to be :meth:`normalised`.

    Parameters
    ----------
    places : numbers of the training faces within `faces`; a position is an index into it.
    """

    def __init__(
        self,
        faces: FaceSet,
        places: list[int],
        preprocessing: Preprocessing,
        augment: Augment,
        seed: int,
    ) -> None:
        self.faces = faces
        self.places = places
        self.preprocessing = preprocessing
        self.augment = augment
        self.seed = seed

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, int]:
        epoch, position = key
        picture = augmented(
            self.faces.raw(self.places[position]),
            self.preprocessing,
            self.augment,
            seed=self.seed,
            epoch=epoch,
            face=position,
        )
        return torch.from_numpy(picture), position

    def normalised(self, pictures: torch.Tensor) -> torch.Tensor:
        """As :meth:`Preprocessing.normalised`, (n, s, s, 3) uint8 → (n, 3, s, s) float32.

        On the device they were brought to: bytes are a quarter of the way, and often the longest.
        """
        ordered = pictures.flip(3) if self.preprocessing.order == "bgr" else pictures
        values = ordered.float()
        values = values - values.new_tensor(self.preprocessing.mean)
        values = values * values.new_tensor(self.preprocessing.scale)
        return values.permute(0, 3, 1, 2)


class Views(Dataset):
    """The inputs that faces are predicted from, by position.

    Parameters
    ----------
    places : numbers of the faces within `faces`; a position is an index into it.
    """

    def __init__(self, faces: FaceSet, places: Sequence[int], preprocessing: Preprocessing) -> None:
        self.faces = faces
        self.places = places
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, position: int) -> torch.Tensor:
        """(k, 3, s, s) float32, the face's crops."""
        return torch.from_numpy(self.preprocessing.crops_of(self.faces.raw(self.places[position])))


def order(size: int, epoch: int, seed: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Positions in the order of `epoch`, (size,) int64: a permutation, or draws by `weights`."""
    random = np.random.Generator(np.random.Philox(key=[seed ^ 0x5EED, epoch]))
    if weights is None:
        return random.permutation(size)
    return random.choice(size, size, p=weights / weights.sum())


def batches(
    positions: np.ndarray, epoch: int, batch: int, *, start: int, rank: int, processes: int
) -> Iterator[list[Key]]:
    """This process's share of each global batch of an epoch, from batch number `start`.

    The last batch is dropped where it is not full. Each process takes a run of equal length of
    every batch, so a batch is the same whatever the number of processes.
    """
    share = batch // processes
    for number in range(start, len(positions) // batch):
        first = number * batch + rank * share
        yield [(epoch, int(position)) for position in positions[first : first + share]]
