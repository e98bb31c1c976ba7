"""Support vector machines in numpy against scikit-learn, and their parts by hand."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.clips.svm import (
    Svm,
    chi2_distances,
    choose_svm,
    couple,
    fit_sigmoid,
    fit_svm,
)
from emotiw_cli.errors import ArtefactError

svm = pytest.importorskip("sklearn.svm")


def blobs(classes: int, count: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    return rng.normal(0, 1, (count, 4)) + np.eye(max(4, classes))[labels, :4] * 1.5, labels


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_decisions_and_votes_are_those_of_scikit_learn(classes: int) -> None:
    features, labels = blobs(classes)
    machine = fit_svm(features, labels, c=3.0, gamma=0.3)
    theirs = svm.SVC(C=3.0, gamma=0.3, decision_function_shape="ovo").fit(features, labels)
    other = blobs(classes, seed=1)[0]
    values = theirs.decision_function(other).reshape(len(other), -1)
    sign = -1 if classes == 2 else 1
    assert machine.decisions(other) == pytest.approx(sign * values, abs=1e-10)
    assert machine.votes(other).tolist() == theirs.predict(other).tolist()


def test_chi2_distances_by_hand() -> None:
    found = chi2_distances(np.array([[0.0, 1.0, 0.0]]), np.array([[0.0, 1.0, 0.0], [0.5, 0.5, 0]]))
    assert found == pytest.approx(np.array([[0, 0.25 / 0.5 + 0.25 / 1.5]]))


@pytest.mark.parametrize("classes", [2, 4])
def test_machines_on_histograms_decide_as_scikit_learn_does(classes: int) -> None:
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 80)
    features = rng.dirichlet(np.ones(6), 80) + 0.5 * np.eye(6)[labels]
    features /= features.sum(axis=1, keepdims=True)
    other = rng.dirichlet(np.ones(6), 30)
    gamma = 1 / chi2_distances(features, features).mean()
    machine = fit_svm(features, labels, c=100, gamma=None, kernel="chi2")
    theirs = svm.SVC(C=100, kernel="precomputed", decision_function_shape="ovo")
    theirs.fit(pairwise.chi2_kernel(features, gamma=gamma), labels)
    values = theirs.decision_function(pairwise.chi2_kernel(other, features, gamma=gamma))
    sign = -1 if classes == 2 else 1
    assert machine.decisions(other) == pytest.approx(sign * values.reshape(30, -1), abs=1e-8)
    posteriors = machine.posteriors(features, 7)
    assert posteriors.sum(axis=1) == pytest.approx(np.ones(80))
    assert (posteriors.argmax(axis=1) == labels).mean() > 0.7


def test_posteriors_are_those_of_scikit_learn_with_its_sigmoids() -> None:
    features, labels = blobs(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it will drop them; until then they are a yardstick
        theirs = svm.SVC(C=2.0, gamma=0.2, probability=True, random_state=0).fit(features, labels)
        slopes, offsets = theirs.probA_, theirs.probB_
    machine = fit_svm(features, labels, c=2.0, gamma=0.2)
    machine = Svm(**{**machine.arrays(), "slopes": slopes, "offsets": offsets})
    other = blobs(4, seed=1)[0]
    # LIBSVM stops its iteration at 0.005 / classes.
    assert machine.posteriors(other, 4) == pytest.approx(theirs.predict_proba(other), abs=5e-3)


def test_a_class_that_was_never_seen_has_no_share() -> None:
    features, labels = blobs(3)
    machine = fit_svm(features, labels * 2, c=1.0, gamma=0.3)
    posteriors = machine.posteriors(features, 7)
    assert machine.classes.tolist() == [0, 2, 4]
    assert (posteriors[:, [1, 3, 5, 6]] == 0).all()
    assert posteriors.sum(axis=1) == pytest.approx(np.ones(len(features)))
    assert (posteriors.argmax(axis=1) == labels * 2).mean() > 0.7


def test_classes_of_one_row_are_no_reason_to_stop() -> None:
    features, _ = blobs(2, count=12)
    labels = np.array([0] * 5 + [1] * 5 + [2, 3])
    for seed in range(4):
        machine = fit_svm(features, labels, c=1.0, gamma=0.3, seed=seed)
        posteriors = machine.posteriors(features, 4)
        assert posteriors.sum(axis=1) == pytest.approx(np.ones(12))


def test_pairs_that_agree_are_coupled_exactly() -> None:
    p = np.array([0.5, 0.3, 0.2])
    pairs = np.array([[p[0] / (p[0] + p[1]), p[0] / (p[0] + p[2]), p[1] / (p[1] + p[2])]])
    assert couple(pairs, 3)[0] == pytest.approx(p)
    assert couple(np.array([[0.7]]), 2)[0] == pytest.approx([0.7, 0.3])
    assert couple(np.full((1, 21), 0.5), 7)[0] == pytest.approx(np.full(7, 1 / 7))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7))
def test_no_other_posterior_fits_the_pairs_better(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = rng.uniform(0.02, 0.98, classes * (classes - 1) // 2)
    r = np.zeros((classes, classes))
    r[np.triu_indices(classes, 1)] = pairs
    r.T[np.triu_indices(classes, 1)] = 1 - pairs

    def misfit(p: np.ndarray) -> float:
        return float(((r.T * p[:, None] - r * p[None, :]) ** 2).sum())

    found = couple(pairs[None], classes)[0]
    assert found.sum() == pytest.approx(1)
    assert all(misfit(found) <= misfit(p) + 1e-9 for p in rng.dirichlet(np.ones(classes), 100))


def test_the_sigmoid_of_values_that_say_nothing() -> None:
    """12 of 20 belong to the first class, whatever the value: (12 + 1) / (12 + 2) targets."""
    values = np.tile([-1.0, 1.0], 10)
    first = np.repeat([True, True, True, False, False], 4)
    slope, offset = fit_sigmoid(values, first)
    mean = (12 * 13 / 14 + 8 * 1 / 10) / 20
    assert slope == pytest.approx(0, abs=1e-6)
    assert 1 / (1 + np.exp(offset)) == pytest.approx(mean)


def test_the_sigmoid_falls_with_the_slope() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 2, 4000)
    first = rng.random(4000) < 1 / (1 + np.exp(-1.5 * values + 0.5))
    assert fit_sigmoid(values, first) == pytest.approx((-1.5, 0.5), abs=0.15)


def test_arrays_come_back_from_an_npz_without_pickle() -> None:
    features, labels = blobs(3)
    machine = fit_svm(features, labels, c=1.0, gamma=0.3)
    file = io.BytesIO()
    np.savez(file, **machine.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        again = Svm.from_arrays(dict(arrays), "a.npz")
    assert (again.posteriors(features, 3) == machine.posteriors(features, 3)).all()


def test_arrays_that_do_not_fit_are_refused() -> None:
    features, labels = blobs(3)
    arrays = fit_svm(features, labels, c=1.0, gamma=0.3).arrays()
    with pytest.raises(ArtefactError, match=r"a\.npz is not a support vector machine"):
        Svm.from_arrays({"classes": arrays["classes"]}, "a.npz")
    with pytest.raises(ArtefactError, match="do not fit together"):
        Svm.from_arrays({**arrays, "slopes": np.zeros(2)}, "a.npz")
    with pytest.raises(ArtefactError, match="its kernel is called other"):
        Svm.from_arrays({**arrays, "kernel": np.asarray("other")}, "a.npz")
    del arrays["kernel"]
    assert Svm.from_arrays(arrays, "a.npz").kernel == "rbf"


def test_the_grid_search_finds_what_separates() -> None:
    rng = np.random.default_rng(0)
    features = rng.uniform(-2, 2, (120, 2))
    labels = (np.hypot(*features.T) < 1.3).astype(int)
    c, gamma, score = choose_svm(
        features, labels, cs=np.array([1.0, 10.0]), gammas=np.array([1e-6, 1.0])
    )
    assert gamma == 1.0
    assert c in (1.0, 10.0)
    assert score > 0.9


def test_the_choice_takes_classes_smaller_than_the_folds() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [4, 3, 2])
    features = random.normal(size=(9, 2)) + 4 * labels[:, None]
    _, gamma, score = choose_svm(features, labels, cs=np.array([1.0]), gammas=np.array([1e-6, 0.1]))
    assert gamma == 0.1
    assert score > 0.7
