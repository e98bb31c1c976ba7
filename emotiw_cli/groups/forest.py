"""One-vs-rest random forests that run in numpy: arrays, no objects.

Fitting needs scikit-learn (the extra ``train``), running and loading do not. One forest for each
group emotion tells it from the other two (Breiman 2001, doi:10.1023/A:1010933404324); their shares
of yes are scaled to sum to one, as scikit-learn's ``OneVsRestClassifier`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from emotiw_cli.bundle.fusion import normalise
from emotiw_cli.errors import ArtefactError
from emotiw_cli.groups.layout import CLASSES

_COUNT = len(CLASSES)
_WALKERS = 1 << 20
"""Rows times trees that walk at once: some 30 MB."""


@dataclass(frozen=True)
class Forest:
    """A fitted forest for each of the three group emotions, all of t trees.

    Trees lie one after the other, each level by level, so that of two children only the left one
    needs a place: the right one follows.

    Attributes
    ----------
    roots : (3, t) int32: where each tree begins.
    feature : (nodes,) uint16: what an inner node looks at.
    number : (nodes,) float32: an inner node sends values up to this to the left; of a leaf, its
        share of yes.
    left : (nodes,) int32: the left child; 0 for a leaf.
    width : () int64: features of a row.
    """

    roots: np.ndarray
    feature: np.ndarray
    number: np.ndarray
    left: np.ndarray
    width: np.ndarray

    @property
    def trees(self) -> int:
        """Of each emotion."""
        return int(self.roots.shape[1])

    def posteriors(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) float → (n, 3) float64, rows sum to one; a row that is not finite becomes NaN."""
        return normalise_known(self.shares(rows).mean(axis=2))

    def shares(self, rows: np.ndarray) -> np.ndarray:
        """Each tree's share of yes: (n, d) float → (n, 3, t) float32, NaN for a row that is not
        finite.

        Raises
        ------
        ValueError
            If rows have another width.
        """
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ValueError(f"rows of {self.width} features expected, not {rows.shape}")
        found = np.full((len(rows), *self.roots.shape), np.nan, dtype=np.float32)
        finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
        step = max(1, _WALKERS // max(1, self.roots.size))
        for start in range(0, len(finite), step):
            these = finite[start : start + step]
            found[these] = self._walk(rows[these])
        return found

    def _walk(self, rows: np.ndarray) -> np.ndarray:
        nodes = np.broadcast_to(self.roots.ravel(), (len(rows), self.roots.size)).ravel().copy()
        owner = np.repeat(np.arange(len(rows)) * int(self.width), self.roots.size)
        values = rows.ravel()
        walking = np.arange(len(nodes))
        while len(walking):  # whoever has come to a leaf is left out
            here = nodes[walking]
            left = self.left[here]
            inner = left > 0
            walking, here, left = walking[inner], here[inner], left[inner]
            seen = values[owner[walking] + self.feature[here]]
            nodes[walking] = left + (seen > self.number[here])
        return self.number[nodes].reshape(len(rows), *self.roots.shape)

    def first(self, trees: int) -> Forest:
        """The forest of the first `trees` of each emotion's trees; the rest is cut away."""
        ends = np.append(self.roots.ravel()[1:], len(self.left)).reshape(self.roots.shape)
        roots, ends = self.roots[:, :trees], ends[:, :trees]
        spans = [np.arange(a, b) for a, b in zip(roots.ravel(), ends.ravel(), strict=True)]
        kept = np.concatenate(spans)
        place = np.zeros(len(self.left), dtype=np.int32)
        place[kept] = np.arange(len(kept), dtype=np.int32)
        left = self.left[kept]
        return Forest(
            place[roots],
            self.feature[kept],
            self.number[kept],
            np.where(left > 0, place[left], 0).astype(np.int32),
            self.width,
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], where: str) -> Forest:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that."""
        try:
            made = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            nodes = len(made.left)
            inner = np.flatnonzero(made.left)
            kinds = [getattr(made, field.name).dtype.kind for field in fields(cls)]
            if kinds != ["i", "u", "f", "i", "i"] or made.width.shape != ():
                raise ValueError("its arrays are of other types")
            if made.roots.shape[:1] != (_COUNT,) or made.roots.ndim != 2 or not made.roots.size:
                raise ValueError("it does not have trees for three emotions")
            if not made.feature.shape == made.number.shape == made.left.shape == (nodes,):
                raise ValueError("its arrays do not fit together")
            # Children lie behind their parents, so every walk ends, and in the arrays.
            if (
                not ((made.roots >= 0) & (made.roots < nodes)).all()
                or not ((made.left[inner] > inner) & (made.left[inner] + 1 < nodes)).all()
                or not (made.feature[inner] < made.width).all()
            ):
                raise ValueError("its trees lead out of it")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtefactError(
                f"{where} is not a forest ({error}); make it again with "
                "`emotiw groups train forests`."
            ) from error
        return made


def normalise_known(scores: np.ndarray) -> np.ndarray:
    """Rows (n, 3) scaled to sum to one; those of NaN stay, for NaN sums to nothing above zero."""
    known = np.isfinite(scores).all(axis=1)
    return np.where(known[:, None], normalise(np.nan_to_num(scores)), np.nan)


def fit_forest(
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    trees: int,
    least_leaf: int = 1,
    seed: int = 0,
    workers: int = 1,
) -> Forest:
    """Fit a forest for each group emotion against the other two.

    Parameters
    ----------
    rows : (n, d) float, finite. labels : (n,) int, 0 to 2.
    trees : of each emotion.
    least_leaf : a leaf holds at least so many rows; more make smaller trees.
    seed : of the draws of rows and features.
    workers : threads that grow trees; the forest does not depend on it.
    """
    return from_sklearn(_fit(rows, labels, trees, least_leaf, seed, workers))


def _fit(
    rows: np.ndarray, labels: np.ndarray, trees: int, least_leaf: int, seed: int, workers: int = 1
) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    forests = []
    for emotion in range(_COUNT):
        forest = RandomForestClassifier(
            n_estimators=trees,
            min_samples_leaf=least_leaf,
            random_state=seed + emotion,
            n_jobs=workers,
        )
        forests.append(forest.fit(np.asarray(rows, np.float32), np.asarray(labels) == emotion))
    return forests


def from_sklearn(forests: Any) -> Forest:
    """The arrays of three fitted scikit-learn forests of as many trees, that of each emotion."""
    features: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    lefts: list[np.ndarray] = []
    roots: list[int] = []
    count = 0
    for forest in forests:
        # A forest that saw one class alone says no, or yes, to everything.
        yes = list(forest.classes_).index(True) if True in forest.classes_ else None
        for tree in (one.tree_ for one in forest.estimators_):
            order, left = _level_by_level(tree.children_left, tree.children_right)
            share = np.zeros(tree.node_count) if yes is None else tree.value[:, 0, yes]
            share = share / tree.value[:, 0].sum(axis=1)
            leaf = left == 0
            features.append(np.where(leaf, 0, tree.feature[order]).astype(np.uint16))
            numbers.append(np.where(leaf, share[order], _floor32(tree.threshold[order])))
            lefts.append(np.where(leaf, 0, left + count))
            roots.append(count)
            count += len(order)
    return Forest(
        np.array(roots, dtype=np.int32).reshape(_COUNT, -1),
        np.concatenate(features),
        np.concatenate(numbers).astype(np.float32),
        np.concatenate(lefts).astype(np.int32),
        np.asarray(forests[0].n_features_in_, dtype=np.int64),
    )


def _level_by_level(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nodes of a tree in order of levels, children side by side, and where, in that order, each
    one's left child stands; 0 for a leaf.
    """
    levels, level = [], np.array([0])
    while len(level):
        levels.append(level)
        inner = level[left[level] >= 0]
        level = np.stack([left[inner], right[inner]], axis=1).ravel()
    order = np.concatenate(levels)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return order, np.where(left[order] >= 0, place[left[order]], 0)


def _floor32(values: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each float64.

    Rows are float32: one of them is at most a float64 threshold just if it is at most this.
    """
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)
