"""Forests in numpy against scikit-learn's own, and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.errors import ArtefactError
from emotiw_cli.groups.forest import Forest, _fit, _floor32, fit_forest, from_sklearn


def rows(count: int = 90, width: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    found = generator.normal(0, 1, (count, width))
    found[:, :3] += np.eye(3)[labels]
    return found.astype(np.float32), labels


def by_hand() -> Forest:
    """Negative: up to 1 → .8, else up to 2 on the second feature → .5, else 0.
    Neutral and positive: a leaf each."""
    return Forest(
        roots=np.array([[0], [5], [6]], np.int32),
        feature=np.array([0, 0, 1, 0, 0, 0, 0], np.uint16),
        number=np.array([1, 0.8, 2, 0.5, 0, 0.2, 0.5], np.float32),
        left=np.array([1, 0, 3, 0, 0, 0, 0], np.int32),
        width=np.asarray(2),
    )


def test_trees_by_hand() -> None:
    forest = by_hand()
    found = forest.posteriors(np.array([[1, 9], [1.5, 2], [1.5, 2.5], [np.nan, 0]]))
    np.testing.assert_allclose(found[0], np.array([0.8, 0.2, 0.5]) / 1.5, rtol=1e-6)
    np.testing.assert_allclose(found[1], np.array([0.5, 0.2, 0.5]) / 1.2, rtol=1e-6)
    np.testing.assert_allclose(found[2], np.array([0, 0.2, 0.5]) / 0.7, rtol=1e-6)
    assert np.isnan(found[3]).all()
    with pytest.raises(ValueError, match="2 features"):
        forest.posteriors(np.zeros((1, 3)))


@pytest.mark.parametrize("least_leaf", [1, 4])
def test_it_says_what_scikit_learn_says(least_leaf: int) -> None:
    pytest.importorskip("sklearn")
    given_rows, labels = rows()
    forests = _fit(given_rows, labels, 25, least_leaf, 3)
    other, _ = rows(200, seed=1)
    # Values that stand on thresholds tell <= from <.
    tree = forests[0].estimators_[0].tree_
    inner = np.flatnonzero(tree.children_left >= 0)
    other[: len(inner), tree.feature[inner]] = tree.threshold[inner].astype(np.float32)
    yes = np.stack([forest.predict_proba(other)[:, 1] for forest in forests], axis=1)
    expected = yes / yes.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(from_sklearn(forests).posteriors(other), expected, atol=1e-6)


def test_it_says_what_one_vs_rest_says() -> None:
    """With the same seed for each emotion, as scikit-learn's own one-vs-rest has it."""
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.multiclass import OneVsRestClassifier

    given_rows, labels = rows()
    both = OneVsRestClassifier(RandomForestClassifier(15, random_state=0)).fit(given_rows, labels)
    for forest in both.estimators_:
        forest.classes_ = np.array([False, True])
    other, _ = rows(50, seed=1)
    found = from_sklearn(both.estimators_).posteriors(other)
    np.testing.assert_allclose(found, both.predict_proba(other), atol=1e-6)


def test_the_first_trees_are_a_smaller_forest() -> None:
    pytest.importorskip("sklearn")
    given_rows, labels = rows()
    forest = fit_forest(given_rows, labels, trees=8)
    less = forest.first(3)
    np.testing.assert_array_equal(less.shares(given_rows), forest.shares(given_rows)[:, :, :3])
    assert less.trees == 3
    assert len(less.left) < len(forest.left)
    np.testing.assert_array_equal(forest.first(8).left, forest.left)


def test_an_emotion_that_never_occurs_is_never_said() -> None:
    pytest.importorskip("sklearn")
    given_rows, labels = rows()
    forest = fit_forest(given_rows[labels > 0], labels[labels > 0], trees=5)
    assert (forest.posteriors(given_rows)[:, 0] == 0).all()


def test_many_rows_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    given_rows, labels = rows()
    forest = fit_forest(given_rows, labels, trees=4)
    whole = forest.posteriors(given_rows)
    monkeypatch.setattr("emotiw_cli.groups.forest._WALKERS", 30)
    np.testing.assert_array_equal(forest.posteriors(given_rows), whole)


@settings(max_examples=60, deadline=None)
@given(threshold=st.floats(-(2.0**99), 2.0**99), row=st.floats(-(2.0**99), 2.0**99, width=32))
def test_a_rounded_threshold_parts_the_same_rows(threshold: float, row: float) -> None:
    rounded = _floor32(np.array([threshold]))[0]
    near = np.float32(threshold)
    for value in (np.float32(row), near, np.nextafter(near, np.float32(np.inf))):
        assert (value <= rounded) == (float(value) <= threshold)


def test_written_without_pickle_and_read(tmp_path: Path) -> None:
    forest = by_hand()
    np.savez(tmp_path / "forest.npz", allow_pickle=False, **forest.arrays())
    read = Forest.from_arrays(read_arrays(tmp_path / "forest.npz"), "forest.npz")
    for name, values in forest.arrays().items():
        np.testing.assert_array_equal(read.arrays()[name], values)


@pytest.mark.parametrize(
    "change",
    [
        {"left": np.array([0, 0, 2, 0, 0, 0, 0], np.int32)},  # a node that is its own child
        {"left": np.array([6, 0, 3, 0, 0, 0, 0], np.int32)},  # a right child beyond the end
        {"feature": np.array([2, 0, 1, 0, 0, 0, 0], np.uint16)},
        {"roots": np.array([[0], [5], [7]], np.int32)},
        {"roots": np.array([[0], [5]], np.int32)},
        {"number": np.zeros(6, np.float32)},
        {"number": np.zeros(7, np.int32)},
    ],
)
def test_arrays_that_lead_nowhere_are_refused(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(ArtefactError, match="x is not a forest"):
        Forest.from_arrays({**by_hand().arrays(), **change}, "x")
