from __future__ import annotations

import numpy as np

from emotiw_cli.ensemble.weights import log_loss_weights


def test_a_member_that_only_harms_gets_no_weight_at_all() -> None:
    random = np.random.default_rng(0)
    targets = np.eye(7)[random.integers(0, 7, 400)]
    good = 0.7 * targets + 0.3 / 7
    noise = random.dirichlet(np.ones(7), 400)
    weights = log_loss_weights(np.stack([good, noise]), targets)
    assert weights.values.tolist() == [1, 0]
    assert weights.counting == (0,)
