"""One process or several: the same code. ``torchrun`` starts the several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from emotiw_cli.errors import InputError


@dataclass(frozen=True)
class Process:
    """This process's place: its rank among `processes`, and its device."""

    rank: int
    processes: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def gather(self, part: Any) -> list[Any]:
        """Every process's `part`, in order of rank."""
        if self.processes == 1:
            return [part]
        parts: list[Any] = [None] * self.processes
        dist.all_gather_object(parts, part)
        return parts

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.processes > 1:
            dist.barrier()


@contextmanager
def joined(device: str = "auto", threads: int = 0) -> Iterator[Process]:
    """Join the processes that ``torchrun`` started, if it did.

    Parameters
    ----------
    device : ``auto``, ``cpu`` or ``cuda``.
    threads : of torch on CPU; 0 leaves torch's choice.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda was asked for, but torch sees no CUDA device; use cpu.")
    kind = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if threads:
        torch.set_num_threads(threads)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield Process(0, 1, torch.device(kind))
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    place = torch.device(kind, local) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield Process(rank, processes, place)
    finally:
        dist.destroy_process_group()
