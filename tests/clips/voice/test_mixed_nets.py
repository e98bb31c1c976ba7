"""Nets on functionals and on pieces together: the mean of both, and what an npz holds of them."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.voice.context_nets import ABOVE, CONTEXT, INPUTS, ContextNets
from emotiw_cli.clips.voice.features import COUNT
from emotiw_cli.clips.voice.functional_nets import FunctionalNets
from emotiw_cli.clips.voice.functionals import FUNCTIONALS
from emotiw_cli.clips.voice.mixed_nets import MixedNets
from emotiw_cli.errors import ArtefactError


def drawn_nets(rng: np.random.Generator) -> MixedNets:
    """Two nets and one, of chance weights."""

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    functional = FunctionalNets(
        np.zeros(FUNCTIONALS, np.float32),
        np.ones(FUNCTIONALS, np.float32),
        drawn(FUNCTIONALS, 3),
        *(drawn(*shape) for shape in ((2, 3, 4), (2, 4), (2, 4, 5), (2, 5), (2, 5, 7), (2, 7))),
    )
    sizes = ((1, CONTEXT * INPUTS, 4), (1, 4), (1, ABOVE * 4, 5), (1, 5), (1, 10, 7), (1, 7))
    context = ContextNets(
        np.zeros(INPUTS, np.float32),
        np.ones(INPUTS, np.float32),
        *(drawn(*shape) for shape in sizes),
    )
    return MixedNets(functional, context)


def test_both_kinds_count_alike_however_many_nets_they_are() -> None:
    rng = np.random.default_rng(0)
    nets = drawn_nets(rng)
    windows = rng.normal(0, 1, (60, COUNT))
    one, other = nets.functional.posterior(windows), nets.context.posterior(windows)
    assert np.abs(one - other).max() > 0.01
    assert nets.posterior(windows) == pytest.approx((one + other) / 2)


def test_arrays_come_back_and_both_kinds_have_to_be_there() -> None:
    nets = drawn_nets(np.random.default_rng(1))
    arrays = nets.arrays()
    again = MixedNets.from_arrays(arrays, "v.npz").arrays()
    assert again.keys() == arrays.keys()
    assert all((value == arrays[name]).all() for name, value in again.items())
    for kind in (nets.functional.arrays(), {k: v for k, v in arrays.items() if "context" in k}):
        with pytest.raises(ArtefactError, match=r"v\.npz is not a voice module"):
            MixedNets.from_arrays(kind, "v.npz")
