"""Posteriors of many faces by a finished net; a run that was killed goes on with those it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Subset

from emotiw_cli.artefact import landing_file, make_folder
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.loop import over_crops, softmax
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
