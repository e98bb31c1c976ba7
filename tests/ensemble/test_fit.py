"""The fit, and that its honest figures are honest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.artefact import open_artefact
from emotiw_cli.ensemble.fit import (
    Method,
    Plan,
    cross_validated,
    fit_ensemble,
    fit_fusion,
    fold_numbers,
)
from emotiw_cli.ensemble.members import Member, read_members
from emotiw_cli.errors import InputError
from emotiw_cli.evaluation.metrics import one_hot

EVEN = np.full((3, 7), 1 / 7)


@pytest.fixture
def members(work: Path) -> list[Member]:
    return read_members([open_artefact(work, "models", n) for n in ("good", "fair", "poor")], work)


def _noise(seed: int, members: int, faces: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.ones(7), (members, faces)), generator.integers(7, size=faces)


def test_folds_keep_groups_whole_and_are_even() -> None:
    groups = np.repeat(np.arange(20), 3)
    folds = fold_numbers(groups, 5, seed=1)
    assert np.unique(folds[::3] * 100 + groups[::3]).size == 20
    for start in range(3):
        np.testing.assert_array_equal(folds[start::3], folds[::3])
    np.testing.assert_array_equal(np.bincount(folds), [12] * 5)


def test_a_fold_does_not_see_its_own_labels() -> None:
    """Other labels in a fold leave its own posteriors as they were."""
    posteriors, labels = _noise(0, 3, 60)
    fold = np.arange(60) % 5
    plan = Plan(method="log-loss", prior_strength=None)
    train = np.tile([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], (3, 1))

    def held_out(labels: np.ndarray) -> np.ndarray:
        return cross_validated(posteriors, labels, one_hot(labels), train, plan, fold)

    changed = np.where(fold == 2, (labels + 1) % 7, labels)
    first, second = held_out(labels), held_out(changed)
    np.testing.assert_array_equal(first[fold == 2], second[fold == 2])
    assert (first[fold != 2] != second[fold != 2]).any()


def test_cross_validation_takes_the_luck_out_of_a_search() -> None:
    """On noise a search by class fits well above chance; held out it does not."""
    posteriors, labels = _noise(1, 6, 200)
    plan = Plan(method="random-search-class", draws=4000, calibrate=False)
    targets, priors = one_hot(labels), np.full((6, 7), 1 / 7)
    fitted = fit_fusion(posteriors, labels, targets, priors, plan).posteriors(posteriors)
    honest = cross_validated(posteriors, labels, targets, priors, plan, np.arange(200) % 5)
    assert (fitted.argmax(1) == labels).mean() > 0.21
    assert (honest.argmax(1) == labels).mean() < 0.2


@pytest.mark.parametrize("method", ["log-loss", "random-search", "random-search-class", "equal"])
def test_every_method_gives_posteriors(members: list[Member], method: Method) -> None:
    fit = fit_ensemble(members, Plan(method=method, draws=300))
    fused = fit.fusion.posteriors(np.stack([member.posteriors for member in members]))
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    assert fit.figures["cross_validated"]["accuracy"]["value"] > 0.9
    assert fit.fusion.temperature != 1


def test_figures(members: list[Member]) -> None:
    figures = fit_ensemble(members, Plan(folds=4)).figures
    assert (figures["faces"], figures["labelled"], figures["groups"]) == (70, 70, 70)
    assert figures["support"] == dict.fromkeys(figures["support"], 10)
    assert figures["best_member"] == "good"
    assert list(figures["members"]) == ["good", "fair", "poor"]
    accuracy = {name: line["accuracy"]["value"] for name, line in figures["members"].items()}
    assert accuracy["good"] > accuracy["poor"]
    for line in (figures["fitted"], figures["cross_validated"], figures["equal"]):
        assert line["accuracy"]["low"] <= line["accuracy"]["value"] <= line["accuracy"]["high"]
    difference = figures["cross_validated"]["accuracy"]["value"] - accuracy["good"]
    assert figures["gain"]["accuracy"]["value"] == pytest.approx(difference)


def test_mistakes_are_what_the_confusion_matrix_has_off_its_diagonal(members: list[Member]) -> None:
    """The first ten faces of an emotion that one sure member always takes for the next."""
    labels = members[0].labels
    given = np.where(labels == 2, 6, labels)
    sure = [replace(m, posteriors=np.eye(7)[given] * 0.93 + 0.01) for m in members]
    figures = fit_ensemble(sure, Plan()).figures
    assert figures["mistakes"] == [{"emotion": "fear", "taken_for": "surprise", "share": 1.0}]


def test_fit_is_the_same_again(members: list[Member]) -> None:
    plan = Plan(method="random-search-class", draws=200, seed=3)
    assert fit_ensemble(members, plan).figures == fit_ensemble(members, plan).figures


def test_no_calibration(members: list[Member]) -> None:
    assert fit_ensemble(members, Plan(calibrate=False)).fusion.temperature == 1


def test_class_bias_turns_the_prior_from_the_labelled_mix() -> None:
    posteriors, _ = _noise(2, 2, 70)
    labels = np.repeat([0, 3], [20, 50])
    labels[:5] = -1
    plan = Plan(method="equal", class_bias=True, prior_strength=0.5)
    fusion = fit_fusion(posteriors, labels, one_hot(labels), np.full((2, 7), 1 / 7), plan)
    assert fusion.prior.train == pytest.approx(np.array([16, 1, 1, 51, 1, 1, 1]) / 72)
    assert max(fusion.calibration.bias) == fusion.calibration.bias[3] > 0
    without = fit_fusion(
        posteriors, labels, one_hot(labels), np.full((2, 7), 1 / 7), Plan(method="equal")
    )
    assert not any(without.calibration.bias)


def test_failed_members_are_no_obstacle(members: list[Member]) -> None:
    posteriors = members[0].posteriors.copy()
    posteriors[:10] = np.nan
    failing = replace(members[0], posteriors=posteriors)
    figures = fit_ensemble([failing, *members[1:]], Plan()).figures
    assert figures["members"]["good"]["failures"] == 10
    assert figures["members"]["good"]["log_loss"]["value"] > 0


def test_faces_without_a_label_weigh_but_are_not_counted(members: list[Member]) -> None:
    blank = [replace(m, labels=np.where(np.arange(70) < 35, m.labels, -1)) for m in members]
    figures = fit_ensemble(blank, Plan()).figures
    assert (figures["faces"], figures["labelled"]) == (70, 35)
    assert sum(figures["support"].values()) == 35


def test_nothing_labelled(members: list[Member]) -> None:
    blank = [replace(member, labels=np.full(70, -1)) for member in members]
    with pytest.raises(InputError, match="label"):
        fit_ensemble(blank, Plan())


def test_more_folds_than_groups(members: list[Member]) -> None:
    two = np.array(["ann", "bob"])[np.arange(70) % 2]
    with pytest.raises(InputError, match="70 validation faces form 2 groups"):
        fit_ensemble([replace(member, groups=two) for member in members], Plan())


def test_prior_of_a_mixture_is_the_mixture_of_priors() -> None:
    posteriors, labels = _noise(2, 2, 40)
    priors = np.array([[0.4] + [0.1] * 6, [1 / 7] * 7])
    plan = Plan(method="equal", prior_strength=1.0)
    prior = fit_fusion(posteriors, labels, one_hot(labels), priors, plan).prior
    assert prior.train[0] == pytest.approx((0.4 + 1 / 7) / 2)
    assert prior.target is None


def test_prior_correction_finds_more_of_the_rare() -> None:
    posteriors, labels = _noise(3, 2, 400)
    priors = np.tile([0.04] + [0.16] * 6, (2, 1))

    def given(strength: float) -> int:
        plan = Plan(method="equal", prior_strength=strength)
        fusion = fit_fusion(posteriors, labels, one_hot(labels), priors, plan)
        return int((fusion.posteriors(posteriors).argmax(axis=1) == 0).sum())

    assert given(0) < given(0.5) < given(1)
