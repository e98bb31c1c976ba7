"""The synchrony autoencoder: its gradient, and movements it is to tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.activity import units
from emotiw_cli.clips.synchrony import fit_filters, loss


def test_the_loss_by_hand() -> None:
    """f = 1, h = sigmoid(1): the block 1 is rebuilt as h, and dh/dx = 2 h (1 − h)."""
    h = 1 / (1 + np.exp(-1))
    value, _ = loss(np.ones((1, 1)), np.ones((1, 1)), 0.0)
    assert value == pytest.approx((h - 1) ** 2)
    value, _ = loss(np.ones((1, 1)), np.ones((1, 1)), 3.0)
    assert value == pytest.approx((h - 1) ** 2 + 3 * (2 * h * (1 - h)) ** 2)


@pytest.mark.parametrize("contraction", [0.0, 0.7])
def test_the_gradient_is_that_of_the_loss(contraction: float) -> None:
    rng = np.random.default_rng(0)
    blocks, filters = rng.normal(0, 1, (6, 4)), rng.normal(0, 1, (4, 3))
    _, gradient = loss(blocks, filters, contraction)
    for place in np.ndindex(*filters.shape):
        step = np.zeros_like(filters)
        step[place] = 1e-6
        above, below = (loss(blocks, filters + way * step, contraction)[0] for way in (1, -1))
        assert gradient[place] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-6)


def test_filters_learn_to_rebuild_and_keep_one_length() -> None:
    rng = np.random.default_rng(0)
    blocks = rng.normal(0, 1, (400, 6))
    told: list[str] = []
    filters = fit_filters(blocks, 8, epochs=30, advance=lambda done, total, text: told.append(text))
    first, last = (float(text.removeprefix("loss ")) for text in (told[0], told[-1]))
    assert last < first / 4
    lengths = np.linalg.norm(filters, axis=0)
    assert lengths == pytest.approx(np.full(8, lengths[0]), rel=1e-4)
    assert (fit_filters(blocks, 8, epochs=30) == filters).all()


def test_a_unit_does_not_care_for_the_sign_of_what_it_sees() -> None:
    rng = np.random.default_rng(0)
    rows, filters = rng.normal(0, 1, (5, 4)), rng.normal(0, 1, (4, 3))
    assert units(rows, filters) == pytest.approx(units(-rows, filters))
    assert (units(rows, filters) >= 0.5).all()
