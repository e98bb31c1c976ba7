"""The bag of mouths: what the mouths of a clip's faces look like, in visual words; numpy alone.

After Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2), with the features of Coates, Lee &
Ng 2011 (PMLR 15, 215). The mouth is a fixed part of a tube's crop. Its patches, each of mean zero
and spread one, belong to one of 4 × 4 regions by their corner; a patch is larger than a sixteenth
of the mouth, so regions overlap. Each region has a whitening and words of its own. A face is the
mean over each region's patches of max(0, mean distance − distance to each word); softmax regression
reads it, and a clip is the mean of its faces.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from emotiw_cli.clips.softmax_regression import SoftmaxRegression
from emotiw_cli.clips.whitening import Whitening
from emotiw_cli.clips.words import distances
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError

ROWS, COLUMNS = slice(55, 85), slice(30, 70)
"""Where the mouth is in a crop of 96×96."""
PATCH = 8
GRID = 4
REGIONS = GRID * GRID
VALUES = PATCH * PATCH * 3
_FLAT = 1e-3
_FACES = 8  # encoded at once: some 20 MB


@dataclass(frozen=True)
class Mouths:
    """A fitted module of w words a region; what is k wide is padded with zeros to the widest.

    Attributes
    ----------
    means : (16, 192) float32, matrices : (16, 192, k) float32: the regions' whitenings.
    words : (16, w, k) float32.
    weights : (16 w, 7) float32, biases : (7,) float32: of the regression.
    """

    means: np.ndarray
    matrices: np.ndarray
    words: np.ndarray
    weights: np.ndarray
    biases: np.ndarray

    def encode(self, crops: np.ndarray) -> np.ndarray:
        """Faces as how near their patches are to words: (n, 96, 96, 3) uint8 → (n, 16 w)."""
        return encode(crops, self.means, self.matrices, self.words)

    def posterior(self, crops: np.ndarray) -> np.ndarray:
        """Of a clip's faces (n, 96, 96, 3) uint8, n ≥ 1: (7,) float64, sums to one."""
        return np.asarray(self.posteriors(crops).mean(axis=0))

    def posteriors(self, crops: np.ndarray) -> np.ndarray:
        """Of each face (n, 96, 96, 3) uint8: (n, 7) float64."""
        return SoftmaxRegression(self.weights, self.biases).posteriors(self.encode(crops))

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], where: str) -> Mouths:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that."""
        try:
            made = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            regions, count, width = made.words.shape
            if (
                (regions, made.means.shape) != (REGIONS, (REGIONS, VALUES))
                or made.matrices.shape != (REGIONS, VALUES, width)
                or made.weights.shape != (REGIONS * count, len(EMOTIONS))
                or made.biases.shape != (len(EMOTIONS),)
            ):
                raise ValueError("its arrays do not fit together")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{where} is not a bag of mouths ({error}); make it again with "
                "`emotiw clips train mouths`."
            ) from error
        return made


def mouths(crops: np.ndarray) -> np.ndarray:
    """The mouths of faces (n, 96, 96, 3): (n, 30, 40, 3)."""
    return crops[:, ROWS, COLUMNS]


def regions(mouths: np.ndarray) -> Iterator[np.ndarray]:
    """The patches of each region, row by row: (n, 30, 40, 3) → sixteen of (n, p, q, 8, 8, 3).

    Views, for p × q corners.
    """
    patches = np.lib.stride_tricks.sliding_window_view(mouths, (PATCH, PATCH), axis=(1, 2))
    patches = patches.transpose(0, 1, 2, 4, 5, 3)
    for rows, columns in itertools.product(
        np.array_split(np.arange(patches.shape[1]), GRID),
        np.array_split(np.arange(patches.shape[2]), GRID),
    ):
        yield patches[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def normalise(patches: np.ndarray) -> np.ndarray:
    """Patches (…, 8, 8, 3), each to mean zero and spread one, as rows: (n, 192) float32.

    A flat patch is zeros.
    """
    rows = patches.reshape(-1, VALUES).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    spread = rows.std(axis=1, keepdims=True)
    return np.asarray(rows / np.where(spread > _FLAT, spread, 1))


def encode(
    crops: np.ndarray, means: np.ndarray, matrices: np.ndarray, words: np.ndarray
) -> np.ndarray:
    """Faces (n, 96, 96, 3) uint8 → (n, 16 w) float32, region by region; see :class:`Mouths`."""
    encoded = np.empty((len(crops), REGIONS, words.shape[1]), np.float32)
    for start in range(0, len(crops), _FACES):
        some = mouths(crops[start : start + _FACES])
        for region, patches in enumerate(regions(some)):
            whitened = Whitening(means[region], matrices[region]).apply(normalise(patches))
            far = distances(whitened, words[region])
            near = np.maximum(far.mean(axis=1, keepdims=True) - far, 0)
            pooled = near.reshape(len(some), -1, near.shape[1]).mean(axis=1)
            encoded[start : start + _FACES, region] = pooled
    return encoded.reshape(len(crops), -1)
