"""Nets that hear clips piece by piece: their numbers by hand, and what training makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.voice.context_nets import (
    ABOVE,
    CONTEXT,
    INPUTS,
    LEAST_STEPS,
    LIMIT,
    ContextNets,
    steps,
)
from emotiw_cli.clips.voice.features import COUNT, NAMES
from emotiw_cli.errors import ArtefactError

LEVEL = 44
"""Its place among the inputs, after 22 cepstra and their differences."""


def two_nets() -> ContextNets:
    """Of one unit a layer: the level of a piece's first step; it and its last neighbour."""
    first = np.zeros((2, CONTEXT * INPUTS, 1), np.float32)
    first[:, LEVEL] = 1
    second = np.zeros((2, ABOVE, 1), np.float32)
    second[:, 0], second[:, 2] = 1, 10
    last = np.zeros((2, 2, 7), np.float32)
    last[0, 0, 3], last[1, 1, 3] = 1, 1
    return ContextNets(
        mean=np.ones(INPUTS, np.float32),
        spread=np.full(INPUTS, 2, np.float32),
        first=first,
        first_biases=np.zeros((2, 1), np.float32),
        second=second,
        second_biases=np.full((2, 1), -20, np.float32),
        last=last,
        last_biases=np.zeros((2, 7), np.float32),
    )


def of_levels(levels: list[float]) -> np.ndarray:
    """Windows of these levels, two of each."""
    windows = np.zeros((2 * len(levels), COUNT), np.float32)
    windows[:, NAMES.index("level")] = np.repeat(levels, 2)
    return windows


def test_steps_are_means_of_two_windows_and_cepstra_lose_the_mean_of_the_clip() -> None:
    windows = np.zeros((5, COUNT), np.float32)
    windows[:, NAMES.index("mfcc-0")] = 1, 3, 5, 7, 9
    windows[:, NAMES.index("delta2-mfcc-0")] = 7
    windows[:, NAMES.index("level")] = 1, 3, 5, 7, 9
    seen = steps(windows)
    assert seen.shape == (2, INPUTS)
    assert seen.dtype == np.float32
    assert seen[:, 0].tolist() == [-3, 1]
    assert seen[:, LEVEL].tolist() == [2, 6]
    assert np.abs(seen).sum() == 12


def test_the_posterior_by_hand() -> None:
    # Pieces begin at steps 0, 2, 4, 6; of levels 1, 3, 5 and 101 there, and so many spreads from
    # the mean: 0, 1, 2 and 5, the limit. The second layer finds 0 + 20 − 20 = 0, 1 + 50 − 20 = 31.
    levels = [1.0, 0, 3, 0, 5, 0, 101, *[0] * (CONTEXT - 1)]
    happy = np.array([np.exp(15.5), np.exp(31)])
    expected = (happy / (happy + 6)).mean()
    assert LIMIT == 5
    posterior = two_nets().posterior(of_levels(levels))
    assert posterior[3] == pytest.approx(expected)
    assert posterior.sum() == pytest.approx(1)


def test_a_clip_too_short_for_one_piece_is_heard_over_and_over() -> None:
    nets = two_nets()
    short = [1.0, 3, 5, 7, 9]
    long = [short[place % 5] for place in range(LEAST_STEPS)]
    assert nets.posterior(of_levels(short)) == pytest.approx(nets.posterior(of_levels(long)))


def test_what_is_no_set_of_nets_is_refused() -> None:
    arrays = two_nets().arrays()
    again = ContextNets.from_arrays(arrays, "v.npz")
    assert all((value == arrays[name]).all() for name, value in again.arrays().items())
    for name in arrays:
        others = {key: value for key, value in arrays.items() if key != name}
        wrong = {**others, name: arrays[name][..., None]}
        for broken in (others, wrong):
            with pytest.raises(ArtefactError, match=r"v\.npz is not a voice module"):
                ContextNets.from_arrays(broken, "v.npz")


def test_training_tells_movements_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from emotiw_cli.clips.voice import train_context

    for name, value in (("NETS", 2), ("HIDDEN", 16), ("CROP", 30), ("BATCH", 7)):
        monkeypatch.setattr(train_context, name, value)
    rng = np.random.default_rng(0)
    labels = np.arange(42) % 7
    # Of one mean and spread over the clip: only the order of steps tells them apart.
    kinds = rng.normal(0, 1, (7, 8, COUNT))
    kinds -= kinds.mean(axis=1, keepdims=True)
    clips = [
        (np.tile(kinds[label], (12, 1)) + rng.normal(0, 0.5, (96, COUNT))).astype(np.float32)
        for label in labels
    ]
    copies = [clips, [clip + np.float32(0.01) for clip in clips]]
    made, again, other = (
        train_context.train_context_nets(copies, labels, seed=seed) for seed in (3, 3, 4)
    )
    posteriors = np.stack([made.posterior(clip) for clip in clips])
    assert (posteriors.argmax(axis=1) == labels).mean() > 0.9
    for name, value in made.arrays().items():
        np.testing.assert_array_equal(value, again.arrays()[name])
    assert (other.first[:, None] != made.first).any(axis=(2, 3)).all()


def test_what_numpy_does_is_what_torch_did() -> None:
    torch = pytest.importorskip("torch")
    from emotiw_cli.clips.voice.train_context import ContextNet

    torch.manual_seed(0)
    net = ContextNet()
    windows = np.random.default_rng(0).normal(0, 1, (101, COUNT)).astype(np.float32)
    seen = torch.from_numpy(steps(windows).T[None].copy())
    for _ in range(3):
        net(seen.repeat(4, 1, 1) + torch.randn(4, INPUTS, 50))  # batch norms learn what is usual
    net.eval()
    mean, spread = np.zeros(INPUTS, np.float32), np.ones(INPUTS, np.float32)
    made = ContextNets(mean, spread, *(part[None] for part in net.weights()))
    expected = net(seen.clamp(-LIMIT, LIMIT)).softmax(1)[0].detach().numpy()
    assert made.posterior(windows) == pytest.approx(expected, abs=1e-5)
