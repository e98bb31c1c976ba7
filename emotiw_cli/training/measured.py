"""What a net says of many faces, shared among processes and kept while it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from emotiw_cli.artefact import landing_file, make_folder
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.samples import Views


@dataclass(frozen=True)
class Kept:
    """Where posteriors are kept while they are made: a file, and the digest of what is made."""

    path: Path
    digest: str

    def read(self) -> np.ndarray | None:
        """(n, C) float64 of the first n faces; None where there are none of this digest."""
        if not self.path.is_file():
            return None
        arrays = read_arrays(self.path)
        return arrays["posteriors"] if str(arrays["plan"]) == self.digest else None

    def write(self, posteriors: np.ndarray) -> None:
        """Keep those of the first faces."""
        make_folder(self.path.parent)
        with landing_file(self.path) as file:
            np.savez(file, plan=np.array(self.digest), posteriors=posteriors)


def posteriors(
    net: nn.Module,
    views: Views,
    classes: int,
    kept: Kept,
    *,
    batch: int,
    chunk: int,
    process: Process,
    workers: int = 0,
    on_face: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """The net's posteriors of all faces of `views`, (n, classes) float64, crops averaged.

    A run that was killed goes on with those it has.

    Parameters
    ----------
    batch : faces that the net sees at once. chunk : so many faces, and what was made is kept.
    """
    net.to(process.device).to(memory_format=torch.channels_last)
    found = process.gather(kept.read() if process.leads else None)[0]
    done = np.zeros((0, classes)) if found is None else found
    while len(done) < len(views):
        some = range(len(done), min(len(views), len(done) + chunk))
        new = over_crops(net, Subset(views, some), process, softmax, batch=batch, workers=workers)
        done = np.concatenate([done, new])
        if process.leads:
            kept.write(done)
        on_face(len(done), len(views))
    return done


def softmax(net: nn.Module, inputs: Tensor) -> Tensor:
    """The net's posterior of each input: (k, 3, s, s) → (k, C)."""
    return net(inputs).float().softmax(1)


@torch.no_grad()
def over_crops(
    net: nn.Module,
    views: Dataset[Tensor],
    process: Process,
    look: Callable[[nn.Module, Tensor], Tensor],
    *,
    batch: int = 32,
    workers: int = 0,
) -> np.ndarray:
    """Mean over each face's crops of what `look` takes of the net, computed on all processes.

    Each face is seen by one process only, and each once.

    Parameters
    ----------
    views : position → (k, 3, s, s) float32, as :class:`~emotiw_cli.training.samples.Views`.
    look : (net, (n, 3, s, s)) → (n, d).
    workers : processes that make the inputs; 0: this one.

    Returns
    -------
    (faces, d) float64, the same on every process.
    """
    net.eval()
    count = len(views)  # type: ignore[arg-type]
    loader = DataLoader(
        views,
        batch,
        sampler=range(process.rank, count, process.processes),
        num_workers=workers,
        generator=torch.Generator(),  # its own, see fit
    )
    parts: list[np.ndarray] = []
    for crops in loader:
        inputs = crops.flatten(0, 1).to(process.device, memory_format=torch.channels_last)
        seen = look(net, inputs).cpu().numpy().astype(np.float64)
        parts.append(seen.reshape(*crops.shape[:2], -1).mean(1))
    shares = process.gather(np.concatenate(parts) if parts else np.zeros((0, 0)))
    merged = np.zeros((count, max(share.shape[1] for share in shares)))
    for rank, share in enumerate(shares):
        if len(share):
            merged[rank :: process.processes][: len(share)] = share
    return merged
