"""Whitening against variances known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.whitening import fit_whitening


def rows(count: int, width: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    spreads = np.array([9.0, 3.0, 1.0, 0.1])[:width]
    turn, _ = np.linalg.qr(rng.normal(size=(width, width)))
    return (rng.normal(size=(count, width)) * spreads) @ turn + 5


def test_what_is_whitened_is_uncorrelated_with_variance_one() -> None:
    given = rows(5000)
    white = fit_whitening(given, kept=1 - 1e-9).apply(given)
    assert white.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-3)
    assert np.cov(white.T) == pytest.approx(np.eye(4), abs=2e-3)


def test_the_fewest_axes_that_hold_the_share_are_kept() -> None:
    """The variances are some 81, 9, 1 and 0.01 of 91."""
    widths = [fit_whitening(rows(5000), kept).matrix.shape[1] for kept in (0.5, 0.95, 0.98, 0.999)]
    assert widths == [1, 2, 2, 3]


def test_fewer_rows_than_values_give_the_same_axes() -> None:
    rng = np.random.default_rng(0)
    given = rng.normal(size=(12, 40)) * np.linspace(1, 8, 40)
    found = fit_whitening(given)
    values = np.linalg.svd(given - given.mean(axis=0), compute_uv=False) ** 2
    count = int(np.searchsorted(np.cumsum(values), 0.9 * values.sum())) + 1
    assert found.matrix.shape == (40, count)
    white = found.apply(given)
    assert white.T @ white / 12 == pytest.approx(np.eye(count), abs=1e-4)


def test_rows_that_are_alike_cannot_be_whitened() -> None:
    with pytest.raises(ValueError, match="alike"):
        fit_whitening(np.ones((5, 3)))
