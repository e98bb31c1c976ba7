"""Layers that give the same result on one process and on several at equal global batch.

Under ``torchrun`` each process sees its share of the global batch. Batch statistics are summed
over all processes, and dropout masks are drawn for the whole batch on every process, of which
each keeps its own rows; so how many processes share a batch changes nothing but rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
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


class LocalResponseNorm(nn.Module):
    """Normalisation across channels, as Caffe does it: x / (k + α/n · Σ x²)^β over n channels.

    Krizhevsky et al. 2012 write α without the division; Caffe, torch and ONNX divide. It is
    exported as the one ONNX operator it is.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():
            made: Tensor = _OnnxLrn.apply(input, self.size, self.alpha, self.beta, self.k)
            return made
        return _across_channels(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _across_channels(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    around = F.pad(x.square().unsqueeze(1), (0, 0, 0, 0, size // 2, (size - 1) // 2))
    mean = F.avg_pool3d(around, (size, 1, 1), stride=1).squeeze(1)
    return x / (k + alpha * mean) ** beta


class _OnnxLrn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        return _across_channels(x, size, alpha, beta, k)

    @staticmethod
    def symbolic(g: Any, x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
        made = g.op("LRN", x, size_i=size, alpha_f=alpha, beta_f=beta, bias_f=k)
        return made.setType(x.type())


def replace_layers(net: nn.Module) -> None:
    """Put this module's normalisation and dropout in the place of torch's, in place."""
    for name, child in net.named_children():
        if type(child) is nn.BatchNorm2d:
            own = BatchNorm2d(
                child.num_features,
                child.eps,
                child.momentum,
                child.affine,
                child.track_running_stats,
            )
            own.load_state_dict(child.state_dict())
            setattr(net, name, own)
        elif type(child) is nn.Dropout:
            setattr(net, name, Dropout(child.p))
        else:
            replace_layers(child)
