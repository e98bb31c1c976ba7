"""``forests.npz``: the forests of several members in one file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import landing_file
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.groups.forest import Forest
from emotiw_cli.groups.fusion import Part

FORESTS = "forests.npz"
LANDMARKS, POSTERIOR = "landmarks", "posterior"
"""Members that read something else than an embedding."""


def part_of(member: str) -> Part:
    """What a forest called `member` reads."""
    return "landmarks" if member == LANDMARKS else "embedding"


def write_forests(path: Path, forests: Mapping[str, Forest]) -> None:
    """Write forests by member as one npz, whole or not at all."""
    with landing_file(path) as file:
        file.write(packed(forests))


def packed(forests: Mapping[str, Forest]) -> bytes:
    """Forests by member as an npz, with the arrays ``MEMBER/roots`` and so on."""
    arrays = {
        f"{member}/{name}": values
        for member, forest in forests.items()
        for name, values in forest.arrays().items()
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def read_forests(path: Path, content: bytes | None = None) -> dict[str, Forest]:
    """Read what :func:`write_forests` wrote; `content`: its bytes, if they are read already."""
    arrays = read_arrays(path) if content is None else read_arrays(path, content)
    members: dict[str, dict[str, np.ndarray]] = {}
    for key, values in arrays.items():
        member, _, name = key.rpartition("/")
        members.setdefault(member, {})[name] = values
    return {
        member: Forest.from_arrays(parts, f"{path}, {member}") for member, parts in members.items()
    }
