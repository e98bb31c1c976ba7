"""Random search for ensemble weights, as the 2013 challenge's winner did.

Kahou et al. 2016, EmoNets, doi:10.1007/s12193-015-0195-2: uniform draws of the weights,
normalised over the members (for each class), then Gaussian steps around the best, clipped at
zero and normalised again. What counts is accuracy, so unlike the log-loss fit it can gain from
luck: look at the cross-validated figure.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from emotiw_cli.bundle.fusion import EnsembleWeights, WeightKind, fill_missing

DRAWS = 400_000
SIGMA = 0.1
_LOCAL_SHARE = 8
"""One local step for this many uniform draws."""
_ROUND = 500
"""Local steps tried around one point before moving to the best of them."""
_CHUNK_BYTES = 1 << 20


class Contest:
    """Counts the faces that weights get right.

    A fused score of a class lies between the least and the greatest its members give. Where that
    settles a face it is counted once; of the others only the rivals in doubt are computed, as
    margins by which the label's score exceeds the rival's.

    Parameters
    ----------
    posteriors : (m, n, 7) float64, finite.
    labels : (n,) int, 0 to 6.
    kind : of the weights to come.
    """

    def __init__(self, posteriors: np.ndarray, labels: np.ndarray, kind: WeightKind) -> None:
        members, _, classes = posteriors.shape
        low, high = posteriors.min(axis=0), posteriors.max(axis=0)
        own_low = np.take_along_axis(low, labels[:, None], axis=1)
        own_high = np.take_along_axis(high, labels[:, None], axis=1)
        rival = np.arange(classes) != labels[:, None]
        doubt = rival & (high >= own_low)
        lost = (rival & (low >= own_high)).any(axis=1)
        rivals = np.where(lost, 0, doubt.sum(axis=1))
        self._settled = int((~lost & (rivals == 0)).sum())

        # Round r holds the margins over the r-th rival of every face that has so many; faces
        # with most rivals come first, so a round is a head of the one before it.
        faces = np.argsort(-rivals, kind="stable")[: int((rivals > 0).sum())]
        ranked = np.argsort(~doubt, axis=1, kind="stable")
        self._rounds = []
        for place in range(int(rivals.max(initial=0))):
            these = faces[rivals[faces] > place]
            own, other = labels[these], ranked[these, place]
            index = np.arange(len(these))
            if kind == "member":
                margins = posteriors[:, these, own] - posteriors[:, these, other]
            else:
                margins = np.zeros((members, classes, len(these)))
                margins[:, own, index] = posteriors[:, these, own]
                margins[:, other, index] = -posteriors[:, these, other]
            self._rounds.append(margins.reshape(-1, len(these)).T.astype(np.float32, order="C"))

    def right(self, weights: np.ndarray) -> np.ndarray:
        """Faces each row of weights gets right; a tie for first place is not right.

        Parameters
        ----------
        weights : (k, m) or (k, m, 7) float; normalised over m.

        Returns
        -------
        (k,) int64.
        """
        flat = weights.reshape(len(weights), -1)
        counts = np.full(len(weights), self._settled, dtype=np.int64)
        if not self._rounds:
            return counts
        step = max(16, _CHUNK_BYTES // (4 * len(self._rounds[0])))
        for start in range(0, len(weights), step):
            columns = flat[start : start + step].T.astype(np.float32, order="C")
            right = (self._rounds[0] @ columns) > 0
            for margins in self._rounds[1:]:
                right[: len(margins)] &= (margins @ columns) > 0
            counts[start : start + step] += np.count_nonzero(right, axis=0)
        return counts


def random_search_weights(
    posteriors: np.ndarray,
    labels: np.ndarray,
    *,
    kind: WeightKind = "member-class",
    draws: int = DRAWS,
    local_draws: int | None = None,
    sigma: float = SIGMA,
    seed: int = 0,
) -> EnsembleWeights:
    """The weights of the best accuracy found by random search.

    Parameters
    ----------
    posteriors : (m, n, 7) float; a row that is not finite counts as uniform.
    labels : (n,) int; faces with -1 are left out.
    kind : ``member``: one weight a member; ``member-class``: one a member and class.
    draws : uniform draws.
    local_draws : Gaussian steps of `sigma` afterwards, by default an eighth of `draws`. They are
        tried 500 at a time around the best so far, which moves to the best of them if that is
        at least as good.
    """
    known = np.asarray(labels) >= 0
    contest = Contest(fill_missing(posteriors)[:, known], np.asarray(labels)[known], kind)
    generator = np.random.default_rng(seed)
    members, _, classes = posteriors.shape
    shape = (members,) if kind == "member" else (members, classes)
    best, score = np.full(shape, 1 / members), -1

    for size in _portions(draws):
        drawn = generator.random((size, *shape))
        best, score = _better(contest, best, score, _normalised(drawn))
    for size in _portions(draws // _LOCAL_SHARE if local_draws is None else local_draws, _ROUND):
        steps = generator.normal(0, sigma, (size, *shape))
        best, score = _better(contest, best, score, _normalised(np.maximum(best + steps, 0)))
    return EnsembleWeights(kind, best)


def _portions(total: int, size: int = 20_000) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)


def _normalised(weights: np.ndarray) -> np.ndarray:
    """Scale to sum to one over the members; equal where all were clipped to zero."""
    totals = weights.sum(axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(
        weights, totals, out=np.full(weights.shape, 1 / weights.shape[1]), where=totals > 0
    )
    return scaled


def _better(
    contest: Contest, best: np.ndarray, score: int, tried: np.ndarray
) -> tuple[np.ndarray, int]:
    """The best of `tried` if it is at least as good as `best`, which has `score`."""
    right = contest.right(tried)
    place = int(right.argmax())
    return (tried[place], int(right[place])) if right[place] >= score else (best, score)
