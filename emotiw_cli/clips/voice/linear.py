"""The linear voice module: shrunken linear discriminants on a clip's functionals; numpy alone.

Discriminants weigh what tells emotions apart against how much it varies within one, from speaker
to speaker above all; with more functionals than clips the covariance has to be shrunk towards a
multiple of the identity (Friedman 1989, doi:10.1080/01621459.1989.10478752). How far, and how sure
the posterior may be, is chosen by speakers left out of the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.clips.voice.functionals import FUNCTIONALS, functionals
from emotiw_cli.clips.voice.stored import Shapes, Stored
from emotiw_cli.emotions import EMOTIONS

SHRINKAGES = (0.03, 0.1, 0.2, 0.3, 0.45, 0.6)
FOLDS = 4


@dataclass(frozen=True)
class LinearVoice(Stored):
    """A fitted module.

    Attributes
    ----------
    mean, spread : (1553,) float32: of the functionals in training.
    weights : (1553, 7) float32. biases : (7,) float32, −inf for an emotion it never heard.
    temperature : () float32: what scores are divided by.
    """

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    temperature: np.ndarray

    def posterior(self, windows: np.ndarray) -> np.ndarray:
        """Of a clip's features (T, 141), T ≥ 1: (7,) float64, sums to one."""
        row = (functionals(windows) - self.mean) / self.spread
        return softmax((row @ self.weights + self.biases) / self.temperature)

    def shapes(self) -> Shapes:
        return {
            "mean": (FUNCTIONALS,),
            "spread": (FUNCTIONALS,),
            "weights": (FUNCTIONALS, len(EMOTIONS)),
            "biases": (len(EMOTIONS),),
            "temperature": (),
        }


def discriminants(
    rows: np.ndarray, labels: np.ndarray, shrinkages: Sequence[float], classes: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights (d, classes) and biases (classes,) of linear discriminants for each shrinkage.

    Classes count alike, however many rows they have; one without rows has the bias −inf.

    Parameters
    ----------
    rows : (n, d) float. labels : (n,) int.
    shrinkages : from 0, the rows' own covariance, to 1, a multiple of the identity.
    """
    width = rows.shape[1]
    means = np.zeros((classes, width))
    there = np.zeros(classes, dtype=bool)
    scatter = np.zeros((width, width))
    for label in range(classes):
        own = rows[labels == label]
        if len(own):
            there[label] = True
            means[label] = own.mean(axis=0)
            scatter += (own - means[label]).T @ (own - means[label]) / len(rows)
    values, vectors = np.linalg.eigh(scatter)
    values = np.maximum(values, 0)
    turned = means @ vectors
    found = []
    for shrinkage in shrinkages:
        spread = (1 - shrinkage) * values + shrinkage * values.mean()
        weights = vectors @ (turned / np.maximum(spread, 1e-12)).T
        biases = -0.5 * np.einsum("cd,dc->c", means, weights)
        found.append((weights, np.where(there, biases, -np.inf)))
    return found


def fit_linear(
    copies: Sequence[np.ndarray],
    labels: np.ndarray,
    subjects: Sequence[str],
    *,
    standard: int = 1,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> LinearVoice:
    """Fit a module to speech.

    Parameters
    ----------
    copies : (n, 1553) float64 each: functionals of the clips, and of changed copies of them.
    labels : (n,) int. subjects : who speaks, for the folds; a clip without is a subject of its own.
    standard : how many of `copies`, from the first, count in the choice of the shrinkage and the
        temperature.
    """
    labels = np.asarray(labels)
    groups = _folds(subjects, seed)
    scores = np.zeros((len(SHRINKAGES), standard, len(labels), len(EMOTIONS)))
    for fold in range(int(groups.max()) + 1):
        rest = groups != fold
        mean, spread, fits = _fit(
            [rows[rest] for rows in copies], labels[rest], SHRINKAGES, standard
        )
        for copy, rows in enumerate(copies[:standard]):
            own = (rows[~rest] - mean) / spread
            for place, (weights, biases) in enumerate(fits):
                scores[place, copy, ~rest] = own @ weights + biases
    by_shrinkage = list(scores.reshape(len(SHRINKAGES), -1, len(EMOTIONS)))
    right_label = np.tile(labels, standard)
    recalls = [_mean_recall(values.argmax(axis=1), right_label) for values in by_shrinkage]
    best = int(np.argmax(recalls))
    say(
        "mean recall on speakers left out, by shrinkage: "
        + ", ".join(f"{s:g}: {r:.3f}" for s, r in zip(SHRINKAGES, recalls, strict=True))
    )
    held = by_shrinkage[best]
    heard_of = np.isfinite(held).all(axis=0)
    columns = np.cumsum(heard_of) - 1

    def loss(logarithm: float) -> float:
        shares = softmax(held[:, heard_of] / np.exp(logarithm))
        right = shares[np.arange(len(right_label)), columns[right_label]]
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    temperature = np.exp(minimize_scalar(loss, bounds=(-3, 6), method="bounded").x)
    mean, spread, ((weights, biases),) = _fit(copies, labels, [SHRINKAGES[best]], standard)
    say(f"shrinkage {SHRINKAGES[best]:g}, temperature {temperature:.2f}")
    return LinearVoice(
        mean.astype(np.float32),
        spread.astype(np.float32),
        weights.astype(np.float32),
        biases.astype(np.float32),
        np.asarray(temperature, dtype=np.float32),
    )


def _fit(
    copies: Sequence[np.ndarray], labels: np.ndarray, shrinkages: Sequence[float], standard: int
) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Mean and spread of the first `standard` of what was heard, and discriminants of all."""
    rows = np.concatenate(copies[:standard])
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1)
    rows = (np.concatenate(copies) - mean) / spread
    return (
        mean,
        spread,
        discriminants(rows, np.tile(labels, len(copies)), shrinkages, len(EMOTIONS)),
    )


def _folds(subjects: Sequence[str], seed: int) -> np.ndarray:
    """A fold for each clip, all of a subject's in one."""
    names = [subject or f"\0{place}" for place, subject in enumerate(subjects)]
    known = sorted(set(names))
    order = np.random.default_rng(seed).permutation(len(known))
    folds = min(FOLDS, len(known))
    fold = {known[place]: number % folds for number, place in enumerate(order)}
    return np.array([fold[name] for name in names])


def _mean_recall(predicted: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean([(predicted[labels == c] == c).mean() for c in np.unique(labels)]))
