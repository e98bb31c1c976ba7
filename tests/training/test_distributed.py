"""What several processes share, as far as one process can show it; see also test_model.py."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from emotiw_cli.training import loop
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.measured import over_crops


@dataclass(frozen=True)
class Pretended(Process):
    """A process that keeps what it would send, and finds what the others sent before."""

    sent: list[Any] = field(default_factory=list)

    def gather(self, part: Any) -> list[Any]:
        self.sent.append(part)
        return [*self.sent[::-1]]  # the others ran first, the last rank before all


@pytest.mark.parametrize("count", [1, 2, 5, 7])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_each_face_is_measured_once_whatever_the_number_of_processes(
    count: int, processes: int
) -> None:
    seen: list[int] = []

    class Crops(Dataset):
        def __len__(self) -> int:
            return count

        def __getitem__(self, position: int) -> torch.Tensor:
            seen.append(position)
            return torch.full((2, 3, 1, 1), position) + torch.tensor([0, 1.0]).view(2, 1, 1, 1)

    def look(net: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, :2, 0, 0]

    sent: list[Any] = []
    device = torch.device("cpu")
    for rank in range(processes - 1, -1, -1):
        place = Pretended(rank, processes, device, sent)
        merged = over_crops(nn.Identity(), Crops(), place, look, batch=2)
    assert sorted(seen) == list(range(count))
    np.testing.assert_array_equal(merged, np.arange(count)[:, None] + [[0.5, 0.5]])


def test_precision_is_mixed_on_cuda_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(torch, "autocast", lambda *words: asked.append(words))
    assert isinstance(loop._precision(torch.device("cpu")), nullcontext)
    assert asked == []
    loop._precision(torch.device("cuda"))
    assert asked == [("cuda", torch.bfloat16)]
