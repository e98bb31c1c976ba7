"""Deep belief nets on functionals: their numbers by hand, and what training makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.voice.features import COUNT
from emotiw_cli.clips.voice.functional_nets import LIMIT, FunctionalNets, components
from emotiw_cli.clips.voice.functionals import FUNCTIONALS, functionals
from emotiw_cli.errors import ArtefactError


def two_nets() -> FunctionalNets:
    """Of one component, the mean of the first feature, and one unit a layer."""
    axes = np.zeros((FUNCTIONALS, 1), np.float32)
    axes[0] = 1
    zeros = np.zeros(FUNCTIONALS, np.float32)
    last = np.zeros((2, 1, 7), np.float32)
    last[:, 0, 3] = np.log(2), np.log(6)
    return FunctionalNets(
        mean=zeros + 1,
        spread=zeros + 2,
        axes=axes,
        first=np.array([[[1.0]], [[-1.0]]], np.float32),
        first_biases=np.zeros((2, 1), np.float32),
        second=np.ones((2, 1, 1), np.float32),
        second_biases=np.array([[100.0], [0.0]], np.float32),
        last=last,
        last_biases=np.zeros((2, 7), np.float32),
    )


def test_the_posterior_by_hand() -> None:
    # The component is (3 − 1) / 2 = 1. The first net's units give 1 and σ(101) = 1, its logit of
    # happy is ln 2, its share 2 / 8; the second's give 0 and σ(0) = ½, ½ ln 6, √6 / (6 + √6).
    posterior = two_nets().posterior(np.full((5, COUNT), 3.0))
    root = np.sqrt(6)
    happy = (2 / 8 + root / (6 + root)) / 2
    assert posterior[3] == pytest.approx(happy)
    assert posterior[[0, 1, 2, 4, 5, 6]] == pytest.approx((1 - happy) / 6)


def test_components_are_standardised_limited_and_turned() -> None:
    axes = np.array([[0.0, 1.0], [1.0, 0.0]])
    rows = np.array([[3.0, 1e9], [1.0, -4.0]])
    found = components(rows, np.array([1.0, 0.0]), np.array([2.0, 4.0]), axes)
    assert found.tolist() == [[LIMIT, 1], [-1, 0]]


def test_what_is_no_set_of_nets_is_refused() -> None:
    arrays = two_nets().arrays()
    again = FunctionalNets.from_arrays(arrays, "v.npz")
    assert all((value == arrays[name]).all() for name, value in again.arrays().items())
    for name in arrays:
        others = {key: value for key, value in arrays.items() if key != name}
        wrong = {**others, name: arrays[name][..., None]}
        for broken in (others, wrong):
            with pytest.raises(ArtefactError, match=r"v\.npz is not a voice module"):
                FunctionalNets.from_arrays(broken, "v.npz")


def test_training_tells_voices_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from emotiw_cli.clips.voice import train_functionals
    from emotiw_cli.clips.voice.dbn import DeepBeliefNet

    monkeypatch.setattr(train_functionals, "NETS", 2)
    rng = np.random.default_rng(0)
    labels = np.arange(42) % 7
    kinds = rng.normal(0, 1, (7, COUNT))
    clips = [kinds[label] + rng.normal(0, 1, (20, COUNT)) for label in labels]
    rows = np.stack([functionals(clip) for clip in clips])
    copies = [rows, rows + 0.01]
    made, again, other = (
        train_functionals.train_functional_nets(copies, labels, seed=seed) for seed in (3, 3, 4)
    )
    posteriors = np.stack([made.posterior(clip) for clip in clips])
    assert (posteriors.argmax(axis=1) == labels).mean() > 0.9
    for name, value in made.arrays().items():
        np.testing.assert_array_equal(value, again.arrays()[name])
    assert (other.first[:, None] != made.first).any(axis=(2, 3)).all()
    # What numpy does is what torch did.
    seen = components(rows, made.mean, made.spread, made.axes)[:, None].astype(np.float32)
    shares = []
    for number in range(2):
        net = DeepBeliefNet(seen.shape[-1], 7, train_functionals.HIDDEN).eval()
        linears = [*net.layers, net.head]
        for linear, layer in zip(linears, ("first", "second", "last"), strict=True):
            linear.weight.data = torch.from_numpy(made.arrays()[layer][number].T)
            linear.bias.data = torch.from_numpy(made.arrays()[f"{layer}_biases"][number])
        shares.append(net(torch.from_numpy(seen)).softmax(1).detach().numpy())
    assert np.mean(shares, axis=0) == pytest.approx(posteriors, abs=1e-5)
