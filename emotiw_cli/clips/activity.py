"""Activity: how the faces of a clip move, in visual words of movement; numpy alone.

After Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2). The grey crops of each tube are
cut into blocks of 16×16 pixels and ten crops; a block is normalised, whitened and seen by the
units of a synchrony autoencoder. It votes for its nearest word with the weight mean((h − ½) / ½):
the more moves as the filters do, the more it counts. A clip is its normalised histogram of words,
which a support vector machine with the χ² kernel reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import cv2
import numpy as np

from emotiw_cli.clips.svm import Svm
from emotiw_cli.clips.synchrony import sigmoid
from emotiw_cli.clips.whitening import Whitening
from emotiw_cli.clips.words import distances
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError

SIDE, LENGTH = 16, 10
"""Of a block: pixels, and crops."""
VALUES = SIDE * SIDE * LENGTH
_LEAST = 1e-3
EVERY_FRAME = "every_frame"


@dataclass(frozen=True)
class Movements:
    """What turns blocks into words.

    Attributes
    ----------
    spread : () float32: mean over the training blocks of a block's spread.
    mean : (2560,) float32, matrix : (2560, k) float32: the whitening.
    filters : (k, u) float32: of the autoencoder.
    words : (w, u) float32.
    """

    spread: np.ndarray
    mean: np.ndarray
    matrix: np.ndarray
    filters: np.ndarray
    words: np.ndarray

    def histogram(self, crops: np.ndarray, tube: np.ndarray) -> np.ndarray:
        """A clip as its words: (n, 96, 96, 3) uint8 and (n,) numbers of tubes → (w,) float64.

        It sums to one; it is not finite if nothing moves at all.
        """
        counted = WordCounter(self)
        for crop, number in zip(crops, tube.tolist(), strict=True):
            counted.add(crop, number)
        return counted.histogram()

    def counts(self, video: np.ndarray) -> np.ndarray:
        """What ten crops (10, 96, 96) uint8 add to each word: (w,) float64."""
        normal = normalise(_cut(video), self.spread)
        seen = units(Whitening(self.mean, self.matrix).apply(normal), self.filters)
        nearest = distances(seen, self.words).argmin(axis=1)
        weights = ((seen - 0.5) / 0.5).mean(axis=1, dtype=np.float64)
        return np.bincount(nearest, weights, minlength=len(self.words))


class WordCounter:
    """The words of a clip, counted as its crops come; of a tube ten grey crops at most are kept."""

    def __init__(self, movements: Movements) -> None:
        self._movements = movements
        self._waiting: dict[int, list[np.ndarray]] = {}
        self._counts: dict[int, np.ndarray] = {}

    def add(self, crop: np.ndarray, tube: int) -> None:
        """The next crop (96, 96, 3) uint8 of a tube."""
        waiting = self._waiting.setdefault(tube, [])
        if len(waiting) == LENGTH:
            self._count(tube, np.stack(waiting))
            waiting.clear()
        waiting.append(_grey(crop))

    def end(self, tube: int) -> None:
        """There are no more crops of a tube."""
        waiting = np.stack(self._waiting.pop(tube))
        for video in _lengths(waiting if tube in self._counts else _repeated(waiting)):
            self._count(tube, video)

    def histogram(self) -> np.ndarray:
        """What was counted, as shares: (w,) float64; ends all tubes."""
        for tube in list(self._waiting):
            self.end(tube)
        # In the order of the tubes, so that it does not hang on which crop came first.
        counts = sum(
            (self._counts[tube] for tube in sorted(self._counts)),
            start=np.zeros(len(self._movements.words)),
        )
        total = counts.sum()
        return counts / total if total > 0 else np.full(len(counts), np.nan)

    def _count(self, tube: int, video: np.ndarray) -> None:
        counts = self._movements.counts(video)
        self._counts[tube] = self._counts.get(tube, 0) + counts


def units(whitened: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """What the autoencoder's units say of blocks: (n, k) → (n, u) float32, ½ to 1."""
    return sigmoid((whitened @ filters) ** 2)


def blocks(crops: np.ndarray, tube: np.ndarray) -> np.ndarray:
    """The blocks of a clip's tubes: (n, 96, 96, 3) uint8, (n,) → (b, 2560) float32, 0 to 1.

    A tube of ten crops or fewer is put behind itself until it has more; crops left over at the end
    are left out.
    """
    found = []
    for number in np.unique(tube):
        video = np.stack([_grey(crop) for crop in crops[tube == number]])
        found += [_cut(part) for part in _lengths(_repeated(video))]
    return np.concatenate(found)


def _grey(crop: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))


def _repeated(video: np.ndarray) -> np.ndarray:
    while len(video) <= LENGTH:
        video = np.concatenate([video, video])
    return video


def _lengths(video: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(video) - LENGTH + 1, LENGTH):
        yield video[start : start + LENGTH]


def _cut(video: np.ndarray) -> np.ndarray:
    """Ten crops (10, 96, 96) uint8 as blocks: (36, 2560) float32, 0 to 1."""
    high, wide = (side // SIDE for side in video.shape[1:])
    cut = video.reshape(LENGTH, high, SIDE, wide, SIDE).transpose(1, 3, 0, 2, 4)
    return cut.reshape(-1, VALUES).astype(np.float32) / 255


def spreads(rows: np.ndarray) -> np.ndarray:
    """The spread of each block (n, 2560) → (n,) float32."""
    return np.asarray(rows.std(axis=1))


def normalise(rows: np.ndarray, spread: float | np.ndarray) -> np.ndarray:
    """Blocks (n, 2560) less their means, over their spreads + `spread` + 0.001.

    The published code adds the mean spread of the blocks at hand; here it is that of the training
    blocks, so that a clip's answer does not hang on the clips beside it.
    """
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / (spreads(rows)[:, None] + np.float32(spread) + np.float32(_LEAST)))


@dataclass(frozen=True)
class Activity:
    """A fitted module: its movements, and the machine that reads histograms of them.

    Attributes
    ----------
    every_frame : whether it was fitted to every frame's faces, or to those of six looks a second,
        among which movement is another; None: made before it was kept.
    """

    movements: Movements
    machine: Svm
    every_frame: bool | None = None

    def posterior(self, crops: np.ndarray, tube: np.ndarray) -> np.ndarray:
        """Of a clip's faces (n, 96, 96, 3) uint8 and their tubes (n,), n ≥ 1: (7,) float64.

        It sums to one; it is not finite if nothing moves at all.
        """
        return self.of_histogram(self.movements.histogram(crops, tube))

    def of_histogram(self, histogram: np.ndarray) -> np.ndarray:
        """The same of a clip's words (w,)."""
        if not np.isfinite(histogram).all():
            return np.full(len(EMOTIONS), np.nan)
        return np.asarray(self.machine.posteriors(histogram[None], len(EMOTIONS))[0])

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        known = {} if self.every_frame is None else {EVERY_FRAME: np.asarray(self.every_frame)}
        return {**vars(self.movements), **self.machine.arrays(), **known}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], where: str) -> Activity:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that."""
        try:
            made = Movements(**{field.name: arrays[field.name] for field in fields(Movements)})
            width, count = made.filters.shape
            if (
                (made.spread.shape, made.mean.shape) != ((), (VALUES,))
                or made.matrix.shape != (VALUES, width)
                or made.words.shape[1:] != (count,)
                or arrays["support"].shape[1:] != made.words.shape[:1]
            ):
                raise ValueError("its arrays do not fit together")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{where} is not an activity module ({error}); make it again with "
                "`emotiw clips train activity`."
            ) from error
        every = bool(arrays[EVERY_FRAME]) if EVERY_FRAME in arrays else None
        return cls(made, Svm.from_arrays(arrays, where), every)
