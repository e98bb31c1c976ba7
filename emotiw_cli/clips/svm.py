"""Support vector machines with probabilities, RBF or χ²: arrays that run in numpy.

Fitting needs scikit-learn (the extra ``train``), running and loading do not. One machine stands
between each two classes, as in LIBSVM. Decision values become pair probabilities by Platt's
sigmoid, fitted to cross-validated values by the Newton method of Lin, Lin & Weng 2007
(doi:10.1007/s10994-007-5018-6), and these one posterior by the second method of Wu, Lin & Weng 2004
(JMLR 5, 975).
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from emotiw_cli.errors import ArtefactError

Kernel = Literal["rbf", "chi2"]

FOLDS = 5
_LEAST = 1e-7
_BLOCK = 512


@dataclass(frozen=True)
class Svm:
    """A fitted machine of k classes.

    Attributes
    ----------
    classes : (k,) int, ascending: what a column of the posterior stands for.
    support : (s, d) float64: support vectors, class by class.
    counts : (k,) int: how many of each class.
    coefficients : (k − 1, s) float64: of a vector of class i against class j in row j, or j − 1
        for j > i.
    intercepts, slopes, offsets : (k (k − 1) / 2,) float64: of the pairs (0, 1), (0, 2) … The
        probability of the pair's first class is 1 / (1 + exp(slope · value + offset)).
    gamma : of the kernel exp(−gamma d).
    kernel : () str: ``rbf``: d = ‖x − y‖²; ``chi2``, of histograms: see :func:`chi2_distances`.
    """

    classes: np.ndarray
    support: np.ndarray
    counts: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    slopes: np.ndarray
    offsets: np.ndarray
    gamma: np.ndarray
    kernel: np.ndarray

    def decisions(self, features: np.ndarray) -> np.ndarray:
        """Values of the pairs' machines, positive for the first class: (n, d) → (n, pairs)."""
        features = np.asarray(features, dtype=np.float64)
        blocks = [
            self._block(features[start : start + _BLOCK])
            for start in range(0, len(features), _BLOCK)
        ]
        return np.concatenate([np.empty((0, len(self.intercepts))), *blocks])

    def _block(self, features: np.ndarray) -> np.ndarray:
        if self.kernel == "chi2":
            distances = chi2_distances(features, self.support)
        else:
            squares = (features**2).sum(1)[:, None] + (self.support**2).sum(1)
            distances = np.maximum(squares - 2 * features @ self.support.T, 0)
        kernel = np.exp(-self.gamma * distances)
        stops = np.cumsum(self.counts)
        parts = [slice(stop - count, stop) for stop, count in zip(stops, self.counts, strict=True)]
        values = [
            kernel[:, parts[i]] @ self.coefficients[j - 1, parts[i]]
            + kernel[:, parts[j]] @ self.coefficients[i, parts[j]]
            for i, j in itertools.combinations(range(len(self.classes)), 2)
        ]
        return np.stack(values, axis=1) + self.intercepts

    def votes(self, features: np.ndarray) -> np.ndarray:
        """The class that wins most pairs, the lowest of equals: the plain decision, (n,) int."""
        decisions = self.decisions(features)
        won = np.zeros((len(decisions), len(self.classes)), dtype=int)
        for pair, (i, j) in enumerate(itertools.combinations(range(len(self.classes)), 2)):
            first = decisions[:, pair] > 0
            won[:, i] += first
            won[:, j] += ~first
        return self.classes[won.argmax(axis=1)]

    def posteriors(self, features: np.ndarray, classes: int) -> np.ndarray:
        """Probabilities of `classes` classes, 0 for one it never saw: (n, d) → (n, classes)."""
        values = self.decisions(features) * self.slopes + self.offsets
        pairs = np.clip(1 / (1 + np.exp(np.clip(values, -500, 500))), _LEAST, 1 - _LEAST)
        found = np.zeros((len(pairs), classes))
        found[:, self.classes] = couple(pairs, len(self.classes))
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], where: str) -> Svm:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that."""
        try:
            # Machines of before there were two kernels do not name theirs.
            arrays = {"kernel": np.asarray("rbf"), **arrays}
            made = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            if made.kernel not in get_args(Kernel):
                raise ValueError(f"its kernel is called {made.kernel}")
            count = len(made.classes)
            pairs = (count * (count - 1) // 2,)
            fits = (
                made.coefficients.shape == (count - 1, len(made.support))
                and made.counts.sum() == len(made.support)
                and made.intercepts.shape == made.slopes.shape == made.offsets.shape == pairs
            )
            if not fits or made.support.ndim != 2:
                raise ValueError("its arrays do not fit together")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{where} is not a support vector machine ({error}); make it again."
            ) from error
        return made


def chi2_distances(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Σ (x − y)² / (x + y) between histograms: (n, d) and (m, d) float, none below 0 → (n, m)."""
    distances = np.empty((len(features), len(others)))
    for place, row in enumerate(features):
        both = row + others
        distances[place] = ((row - others) ** 2 / np.where(both > 0, both, 1)).sum(axis=1)
    return distances


def couple(pairs: np.ndarray, classes: int) -> np.ndarray:
    """One posterior from the probabilities of pairs of classes.

    It minimises Σ_i Σ_{j≠i} (r_ji p_i − r_ij p_j)² with Σ p = 1.

    Parameters
    ----------
    pairs : (n, k (k − 1) / 2) float: probability of the first class of (0, 1), (0, 2) …
    classes : k.

    Returns
    -------
    (n, k) float64, rows sum to one.
    """
    r = np.zeros((len(pairs), classes, classes))
    for pair, (i, j) in enumerate(itertools.combinations(range(classes), 2)):
        r[:, i, j], r[:, j, i] = pairs[:, pair], 1 - pairs[:, pair]
    q = -r * r.transpose(0, 2, 1)
    places = np.arange(classes)
    q[:, places, places] = (r**2).sum(axis=1)
    # The minimum under Σ p = 1 solves [Q 1; 1ᵀ 0] [p; b] = [0; 1].
    system = np.ones((len(pairs), classes + 1, classes + 1))
    system[:, :classes, :classes] = q
    system[:, classes, classes] = 0
    target = np.zeros((len(pairs), classes + 1, 1))
    target[:, classes] = 1
    p = np.linalg.solve(system, target)[:, :classes, 0]
    p = np.maximum(p, 0)
    return p / p.sum(axis=1, keepdims=True)


def fit_sigmoid(values: np.ndarray, first: np.ndarray) -> tuple[float, float]:
    """Platt's slope and offset: P(first class) = 1 / (1 + exp(slope · value + offset)).

    Parameters
    ----------
    values : (n,) float: decision values. first : (n,) bool: which belong to the first class.
    """
    positive, negative = int(first.sum()), int((~first).sum())
    target = np.where(first, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(slope: float, offset: float) -> float:
        z = slope * values + offset
        return float((target * z + np.logaddexp(0, -z)).sum())

    slope, offset = 0.0, float(np.log((negative + 1) / (positive + 1)))
    best = loss(slope, offset)
    for _ in range(100):
        p = 1 / (1 + np.exp(np.clip(slope * values + offset, -500, 500)))
        d = target - p
        gradient = np.array([(values * d).sum(), d.sum()])
        if np.abs(gradient).max() < 1e-8:
            break
        w = p * (1 - p)
        cross = float((values * w).sum())
        hessian = np.array([[(values**2 * w).sum(), cross], [cross, w.sum()]])
        move = -np.linalg.solve(hessian + 1e-12 * np.eye(2), gradient)
        step = 1.0
        while step >= 1e-10:
            tried = loss(slope + step * move[0], offset + step * move[1])
            if tried < best + 1e-4 * step * float(gradient @ move):
                break
            step /= 2
        else:
            break
        slope, offset, best = slope + step * move[0], offset + step * move[1], tried
    return float(slope), float(offset)


def fit_svm(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    c: float,
    gamma: float | None,
    kernel: Kernel = "rbf",
    seed: int = 0,
) -> Svm:
    """Fit a machine, its sigmoids on decision values of :data:`FOLDS` folds.

    Parameters
    ----------
    features : (n, d) float. labels : (n,) int.
    c, gamma, kernel : cost of the slack, width of the kernel, and which. Of ``chi2`` the width may
        be None: one over the mean distance of the features (Zhang et al. 2007,
        doi:10.1007/s11263-006-9794-4).
    """
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    given = None
    if kernel == "chi2":
        apart = chi2_distances(features, features)
        gamma = 1 / max(float(apart.mean()), _LEAST) if gamma is None else gamma
        given = np.exp(-gamma * apart)

    def fitted(rows: np.ndarray) -> Svm:
        if given is None:
            machine = SVC(C=c, gamma=gamma, decision_function_shape="ovo")
            machine.fit(features[rows], labels[rows])
        else:
            machine = SVC(C=c, kernel="precomputed", decision_function_shape="ovo")
            machine.fit(given[np.ix_(rows, rows)], labels[rows])
        classes = len(machine.classes_)
        sign = -1.0 if classes == 2 else 1.0  # scikit-learn turns the lone pair round
        pairs = classes * (classes - 1) // 2
        return Svm(
            machine.classes_.astype(np.int64),
            features[rows][machine.support_],
            machine.n_support_.astype(np.int64),
            sign * machine.dual_coef_,
            sign * machine.intercept_,
            np.full(pairs, -1.0),
            np.zeros(pairs),
            np.asarray(gamma, dtype=np.float64),
            np.asarray(kernel),
        )

    whole = fitted(np.arange(len(labels)))
    pairs = list(itertools.combinations(whole.classes.tolist(), 2))
    nothing = np.empty(0), np.empty(0, dtype=bool)
    held: list[list[tuple[np.ndarray, np.ndarray]]] = [[nothing] for _ in pairs]
    fewest = int(np.unique(labels, return_counts=True)[1].min())
    folds = StratifiedKFold(max(2, min(FOLDS, fewest)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Of a class of one row: it is in one fold, and its pairs have fewer values.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(folds.split(features, labels))
    for train, test in splits:
        part = fitted(train)
        known = list(itertools.combinations(part.classes.tolist(), 2))
        values = part.decisions(features[test])
        for number, pair in enumerate(pairs):
            if pair in known:
                own = np.isin(labels[test], pair)
                held[number].append((values[own, known.index(pair)], labels[test][own] == pair[0]))
    sigmoids = [
        fit_sigmoid(np.concatenate([v for v, _ in parts]), np.concatenate([f for _, f in parts]))
        for parts in held
    ]
    slopes, offsets = (np.array(column) for column in zip(*sigmoids, strict=True))
    return Svm(**{**whole.arrays(), "slopes": slopes, "offsets": offsets})


def choose_svm(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    cs: np.ndarray,
    gammas: np.ndarray,
    folds: int = FOLDS,
    seed: int = 0,
) -> tuple[float, float, float]:
    """The (C, gamma) of the highest cross-validated accuracy, and that accuracy.

    Of equal ones the least C, then the least gamma: the smoother machine. The folds are no more
    than the rows of the largest class.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    most = int(np.unique(labels, return_counts=True)[1].max())
    stratified = StratifiedKFold(max(2, min(folds, most)), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Of a class with fewer rows than there are folds: some folds lack it.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(stratified.split(features, labels))
    best = (-1.0, 0.0, 0.0)
    for c, gamma in itertools.product(sorted(cs), sorted(gammas)):
        score = float(cross_val_score(SVC(C=c, gamma=gamma), features, labels, cv=splits).mean())
        if score > best[0] + 1e-12:
            best = (score, float(c), float(gamma))
    return best[1], best[2], best[0]
