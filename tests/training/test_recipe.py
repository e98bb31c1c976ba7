from __future__ import annotations

import pytest

from emotiw_cli.training.recipe import Recipe, plan_digest


def test_cosine_rises_then_falls_to_zero() -> None:
    recipe = Recipe("n", "grey", epochs=10, learning_rate=0.4, warmup=2)
    assert recipe.rate(1) == pytest.approx(0.2)
    assert recipe.rate(2) == pytest.approx(0.4)
    assert recipe.rate(6) == pytest.approx(0.2)
    assert recipe.rate(10) == pytest.approx(0, abs=1e-12)


def test_step_falls_tenfold_at_each_third() -> None:
    recipe = Recipe("n", "grey", epochs=9, learning_rate=1, warmup=0, schedule="step")
    rates = [recipe.rate(epoch) for epoch in (0, 2.9, 3, 5.9, 6, 9)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_digest_tells_plans_apart() -> None:
    plans = [{"recipe": Recipe("n", "grey", seed=seed).to_json()} for seed in (0, 0, 1)]
    digests = [plan_digest(plan) for plan in plans]
    assert digests[0] == digests[1] != digests[2]
