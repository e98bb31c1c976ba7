"""A disk that takes no more while a training writes: one sentence, and nothing half-written."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from emotiw_cli.errors import OutputError
from emotiw_cli.training.checkpoint import save_checkpoint
from emotiw_cli.training.model import write_weights


@contextlib.contextmanager
def no_file_larger_than(limit: int) -> Iterator[None]:
    """Writes beyond `limit` bytes fail, as on a full disk; Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_that_finds_no_room_keeps_the_one_before(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"step": 1}, {"step": 1})
    with (
        no_file_larger_than(4096),
        pytest.raises(OutputError, match=r"checkpoint\.pt cannot be written"),
    ):
        save_checkpoint(tmp_path, {"net": torch.zeros(10_000)}, {"step": 2})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "progress.json"]
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True) == {"step": 1}


def test_weights_that_find_no_room_leave_nothing(tmp_path: Path) -> None:
    with (
        no_file_larger_than(4096),
        pytest.raises(OutputError, match=r"weights\.safetensors cannot be written"),
    ):
        write_weights(tmp_path / "weights.safetensors", nn.Linear(100, 100))
    assert not list(tmp_path.iterdir())
