"""A tiny faces artefact: seven shades stand for seven emotions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.artefact import write_manifest
from emotiw_cli.data.faces import DATASET, INDEX
from emotiw_cli.data.index import FaceRow, write_index
from emotiw_cli.data.shards import shard_name, write_shard
from emotiw_cli.emotions import EMOTIONS

SIDE = 24


def shaded(kind: int, random: np.random.Generator) -> np.ndarray:
    """A picture (24, 24, 1) uint8 whose shade tells its kind."""
    noisy = 25 + 34 * kind + random.normal(0, 12, (SIDE, SIDE))
    return noisy.clip(0, 255).astype(np.uint8)[:, :, None]


@pytest.fixture
def make_faces(tmp_path: Path) -> Callable[..., Path]:
    """Write faces artefacts into a workspace; returns the workspace."""

    def make(
        name: str = "tiny",
        *,
        training: int = 42,
        validation: int = 14,
        identities: bool = False,
        groups: Callable[[int], str] = lambda number: "",
        seed: int = 0,
        set_name: str = "",
    ) -> Path:
        work = tmp_path / "work"
        folder = work / "faces" / name
        folder.mkdir(parents=True)
        random = np.random.default_rng(seed)
        rows, pictures = [], []
        for number in range(training + validation):
            kind = number % 7
            picture = shaded(kind, random)
            votes = () if identities else tuple(9.0 if k == kind else 1.0 for k in range(7))
            rows.append(
                FaceRow(
                    number,
                    f"{number:03d}.png",
                    split="train" if number < training else "validation",
                    label=f"person {kind}" if identities else EMOTIONS[kind],
                    votes=votes,
                    group=groups(number),
                    width=SIDE,
                    height=SIDE,
                    pixels=f"{seed * 1000 + number:016x}",
                    shard=0,
                    offset=number,
                )
            )
            pictures.append(picture)
        write_shard(folder / shard_name(0), DATASET, np.stack(pictures))
        write_index(folder / INDEX, rows)
        write_manifest(
            folder,
            "faces",
            parameters={"size": [SIDE, SIDE], "detail": None, "set": set_name},
            inputs=[],
            outputs=[INDEX, shard_name(0)],
        )
        return work

    return make
