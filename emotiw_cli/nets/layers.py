"""Layers that give the same result on one process and on several at equal global batch.

Under ``torchrun`` each process sees its share of the global batch. Batch statistics are summed
over all processes, and dropout masks are drawn for the whole batch on every process, of which
each keeps its own rows; so how many processes share a batch changes nothing but rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _SumOverProcesses.forward(ctx, gradient)


def _sum_over_processes(part: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(part)
    return total


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the global batch, on CPU as on CUDA.

    ``torch.nn.SyncBatchNorm`` does this on accelerators only. Statistics take two passes, as the
    native layer's do: mean first, then the mean square of the differences.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or _processes() == 1:
            return super().forward(input)
        shape = (1, -1, 1, 1)
        values = torch.full((1,), input.numel() / input.shape[1], device=input.device)
        sums = _sum_over_processes(torch.cat([input.sum((0, 2, 3)), values]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = input - mean.view(shape)
        variance = _sum_over_processes(centred.square().sum((0, 2, 3))) / count
        if self.track_running_stats:
            with torch.no_grad():
                assert self.running_mean is not None
                assert self.running_var is not None
                assert self.num_batches_tracked is not None
                momentum = self.momentum if self.momentum is not None else 0.1
                self.running_mean.lerp_(mean.detach(), momentum)
                self.running_var.lerp_(variance.detach() * count / (count - 1), momentum)
                self.num_batches_tracked += 1
        normed = centred * torch.rsqrt(variance + self.eps).view(shape)
        return normed * self.weight.view(shape) + self.bias.view(shape)


class Dropout(nn.Module):
    """Dropout on (n, features) whose mask is drawn for the global batch.

    Every process must hold the same state of torch's default CPU generator.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        processes = _processes()
        rank = dist.get_rank() if processes > 1 else 0
        rows = input.shape[0]
        mask = torch.rand(rows * processes, *input.shape[1:]) >= self.p
        kept = mask[rank * rows : (rank + 1) * rows].to(input.device)
        return input * kept / (1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"
