from pathlib import Path

import gaf3
import numpy as np
import pytest

from emotiw_cli.groups.outputs import Outputs


def test_systems_of_known_worth(tmp_path: Path) -> None:
    """One network that knows and three that guess: weights find it, an average drowns it."""
    generator = np.random.default_rng(0)
    labels = np.arange(240) % 3
    logits = generator.normal(0, 1, (4, 240, 3))
    logits[2] += 2.5 * np.eye(3)[labels]
    np.savez(tmp_path / "valid.npz", logits=logits, labels=labels)
    report = gaf3.gaf3(Outputs.read(tmp_path / "valid.npz"), folds=3, repeats=2)
    nested, average = report["fitted, nested cross-validation"], report["plain average"]
    assert isinstance(nested, dict)
    assert isinstance(average, dict)
    assert nested["accuracy"]["value"] > average["accuracy"]["value"]
    gain = report["fitted less average"]
    assert isinstance(gain, dict)
    assert gain["log_loss"]["value"] == pytest.approx(
        nested["log_loss"]["value"] - average["log_loss"]["value"]
    )
    weights = report["weights"]
    assert isinstance(weights, dict)
    assert max(weights, key=weights.get) == "3"
