"""Functionals and discriminants, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.clips.voice.features import COUNT, NAMES
from emotiw_cli.clips.voice.functionals import FUNCTIONALS, KINDS, functionals
from emotiw_cli.clips.voice.linear import _folds, discriminants


def test_functionals_by_hand() -> None:
    windows = np.zeros((5, COUNT))
    windows[:, 0] = [0, 1, 2, 3, 4]
    windows[:4, NAMES.index("voicing")] = 0.9
    row = functionals(windows)
    assert row.shape == (FUNCTIONALS,) == (1553,)
    first = dict(zip(KINDS, row[:-2].reshape(len(KINDS), COUNT)[:, 0], strict=True))
    # Deviations −2 … 2 times −1, −½, 0, ½, 1: (2 + ½ + 0 + ½ + 2) / 5 = 1.
    expected = {
        "mean": 2,
        "spread": np.sqrt(2),
        "percentile-5": 0.2,
        "percentile-25": 1,
        "percentile-50": 2,
        "percentile-75": 3,
        "percentile-95": 3.8,
        "slope": 1,
        "voiced-mean": 1.5,
        "voiced-spread": np.sqrt(1.25),
        "movement": 1,
    }
    assert first == pytest.approx(expected)
    assert row[-2:].tolist() == [5, 0.8]


def test_functionals_of_one_window_and_of_no_voice() -> None:
    row = functionals(np.ones((1, COUNT)))
    assert np.isfinite(row).all()
    spoken = functionals(np.full((3, COUNT), 0.1))
    table = spoken[:-2].reshape(len(KINDS), COUNT)
    assert table[KINDS.index("voiced-mean")].tolist() == table[0].tolist()


@pytest.mark.parametrize("shrinkage", [0.1, 0.5, 1.0])
def test_discriminants_are_those_of_scikit_learn(shrinkage: float) -> None:
    analysis = pytest.importorskip("sklearn.discriminant_analysis")
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    rows = rng.normal(0, 1, (60, 5)) @ rng.normal(0, 1, (5, 5)) + np.eye(5)[labels] * 2
    theirs = analysis.LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=shrinkage, priors=np.full(3, 1 / 3)
    ).fit(rows, labels)
    ((weights, biases),) = discriminants(rows, labels, [shrinkage], 3)
    assert softmax(rows @ weights + biases) == pytest.approx(theirs.predict_proba(rows), abs=1e-8)


def test_an_emotion_that_was_never_heard_has_no_share() -> None:
    rows = np.array([[0.0, 0.1], [0.2, 0.0], [3.0, 3.1], [3.1, 2.9]])
    ((weights, biases),) = discriminants(rows, np.array([0, 0, 2, 2]), [0.3], 4)
    shares = softmax(rows @ weights + biases)
    assert (shares[:, [1, 3]] == 0).all()
    assert shares.argmax(axis=1).tolist() == [0, 0, 2, 2]


def test_a_subject_is_in_one_fold() -> None:
    subjects = ["a", "b", "a", "c", "b", "d", "e", ""]
    folds = _folds(subjects, 0)
    assert set(folds.tolist()) == {0, 1, 2, 3}
    assert folds[0] == folds[2]
    assert folds[1] == folds[4]
    assert sorted(_folds(["", "", ""], 0).tolist()) == [0, 1, 2]
