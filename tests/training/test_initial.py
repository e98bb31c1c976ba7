"""Where a training starts from: nothing but the weights that were trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotiw_cli.artefact import write_manifest
from emotiw_cli.errors import ArtefactError, TamperedError
from emotiw_cli.training.initial import WEIGHTS, find_initial


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "backbone"
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(b"tensors")
    write_manifest(folder, "models", parameters={}, inputs=[], outputs=[WEIGHTS])
    return folder / WEIGHTS


def test_a_model_is_found_by_name(tmp_path: Path, weights: Path) -> None:
    found = find_initial("backbone", tmp_path)
    assert found.path == weights
    assert found.reference["name"] == "backbone"


def test_weights_that_were_changed_are_refused(tmp_path: Path, weights: Path) -> None:
    weights.write_bytes(b"Tensors")
    with pytest.raises(TamperedError, match="is not the file its manifest records"):
        find_initial("backbone", tmp_path)


def test_weights_that_are_gone_are_named(tmp_path: Path, weights: Path) -> None:
    weights.unlink()
    with pytest.raises(ArtefactError, match=r"weights\.safetensors is missing"):
        find_initial("backbone", tmp_path)
