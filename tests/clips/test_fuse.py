"""Ways of fusing modules, on modules whose right weight is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.clips.fuse import cross_validated, fit_fusion
from emotiw_cli.clips.fusion import METHODS, Fusion, Method, side_by_side
from emotiw_cli.clips.mlp import Mlp, MlpPlan, _gradients, fit_mlp
from emotiw_cli.errors import ArtefactError

DRAWS = 500


def modules(count: int = 140, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One module that knows the odd classes, one that knows the even ones; labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 7
    posteriors = rng.dirichlet(np.ones(7), (2, count))
    for module in range(2):
        knows = labels % 2 == module
        posteriors[module, knows] = 0.3 * posteriors[module, knows]
        posteriors[module, knows, labels[knows]] += 0.7
    return posteriors, labels


def test_side_by_side() -> None:
    posteriors = np.arange(28.0).reshape(2, 2, 7)
    posteriors[1, 0, 3] = np.nan
    zero = side_by_side(posteriors, missing="zero")
    assert zero[0].tolist() == [0, 1, 2, 3, 4, 5, 6, *[0] * 7]
    assert zero[1].tolist() == [7, 8, 9, 10, 11, 12, 13, 21, 22, 23, 24, 25, 26, 27]
    assert side_by_side(posteriors, missing="uniform")[0, 7:] == pytest.approx(np.full(7, 1 / 7))
    assert np.isnan(posteriors).sum() == 1  # a copy


def test_the_mean() -> None:
    posteriors = np.zeros((2, 1, 7))
    posteriors[0, 0, 1] = posteriors[1, 0, 2] = 1
    fused = fit_fusion("mean", posteriors, np.array([1])).posteriors(posteriors)
    assert fused[0].tolist() == [0, 0.5, 0.5, 0, 0, 0, 0]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_fuses_and_stands_a_module_that_failed(method: Method) -> None:
    pytest.importorskip("sklearn")
    posteriors, labels = modules()
    fused = fit_fusion(method, posteriors, labels, draws=DRAWS, c=2.0, gamma=1.0)
    other, truth = modules(seed=1)
    found = fused.posteriors(other)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(truth)))
    best_alone = max((module.argmax(1) == truth).mean() for module in other)
    assert (found.argmax(1) == truth).mean() > best_alone
    other[0, 0] = np.nan
    failed = fused.posteriors(other)
    assert np.isfinite(failed).all()
    assert failed[0].sum() == pytest.approx(1)
    assert failed[1:] == pytest.approx(found[1:])


@pytest.mark.parametrize("method", METHODS)
def test_what_was_fitted_is_arrays_and_comes_back(method: Method, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    posteriors, labels = modules()
    fused = fit_fusion(method, posteriors, labels, draws=DRAWS, c=2.0, gamma=1.0)
    np.savez(tmp_path / "a.npz", allow_pickle=False, **fused.arrays())
    arrays = read_arrays(tmp_path / "a.npz")
    other, _ = modules(seed=1)
    other[0, 0] = np.nan
    back = Fusion.from_arrays(arrays, 2, "a")
    assert (back.posteriors(other) == fused.posteriors(other)).all()
    for changed in (arrays | {"method": np.asarray("luck")}, {"method": arrays["method"]}):
        with pytest.raises(ArtefactError, match=r"a (does not hold|is not)"):
            Fusion.from_arrays(changed, 2, "a")
    with pytest.raises(ArtefactError, match="does not fuse 3 modules"):
        Fusion.from_arrays(arrays, 3, "a")


def test_the_cross_validated_figure_comes_from_the_other_folds() -> None:
    """Modules that know nothing: what is fitted to luck does not last."""
    rng = np.random.default_rng(0)
    posteriors, labels = rng.dirichlet(np.ones(7), (3, 70)), rng.integers(0, 7, 70)
    own = fit_fusion("random-search", posteriors, labels, draws=4000).posteriors(posteriors)
    held = cross_validated("random-search", posteriors, labels, draws=4000)
    assert (own.argmax(1) == labels).mean() > (held.argmax(1) == labels).mean() + 0.05
    assert held.sum(axis=1) == pytest.approx(np.ones(70))


def test_the_gradient_of_the_net_is_that_of_its_loss() -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(0, 1, shape) for shape in ((4, 5), (5,), (5, 3), (3,))]
    features, targets = rng.normal(0, 1, (6, 4)), np.eye(3)[rng.integers(0, 3, 6)]

    def loss() -> float:
        p = Mlp(*values).posteriors(features)
        return float(-(targets * np.log(p)).sum() / 6)

    for value, gradient in zip(values, _gradients(values, features, targets), strict=True):
        place = tuple(size // 2 for size in value.shape)
        value[place] += 1e-5
        above = loss()
        value[place] -= 2e-5
        slope = (above - loss()) / 2e-5
        value[place] += 1e-5
        assert gradient[place] == pytest.approx(slope, abs=1e-6)


def test_the_net_by_hand() -> None:
    net = Mlp(np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2))
    assert net.posteriors(np.array([[3.0]]))[0] == pytest.approx(softmax(np.array([[3.0, 0.0]]))[0])
    assert net.posteriors(np.array([[-3.0]]))[0] == pytest.approx(
        softmax(np.array([[0.0, 6.0]]))[0]
    )


def test_columns_keep_within_their_norm_and_a_seed_gives_the_same_net() -> None:
    posteriors, labels = modules(70)
    features = side_by_side(posteriors, missing="uniform")
    plan = MlpPlan(hidden=20, column_norm=0.5, epochs=10)
    net, again = (fit_mlp(features, labels, 7, plan) for _ in range(2))
    assert np.linalg.norm(net.hidden, axis=0).max() <= 0.5 + 1e-9
    assert (net.out == again.out).all()
    assert (Mlp.from_arrays(net.arrays(), "a").out == net.out).all()
    with pytest.raises(ArtefactError, match="a is not a fusing net"):
        Mlp.from_arrays({**net.arrays(), "out_bias": np.zeros(3)}, "a")
