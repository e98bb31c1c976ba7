"""A small set of group photos, made of the two photos in examples, with the traps of real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from group_photos import single
from PIL import Image

from emotiw_cli.data.sharded import StageReport
from emotiw_cli.groups.faces import Groups, make_groups
from emotiw_cli.groups.layout import open_groups


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GAF's layout: faces beside one another, none, a broken file, names of every kind."""
    root = tmp_path_factory.mktemp("gaf")
    one, other = (single(name, 120) for name in ("astronaut.png", "grace_hopper.jpg"))
    empty = np.full((90, 120, 3), 130, np.uint8)
    pictures = {
        "train/Positive/two.jpg": np.hstack([one, other]),
        "train/Positive/two.png": np.hstack([other, one]),
        "train/Neutral/Толпа 1.jpg": one,
        "val/Negative/nobody.JPG": empty,
        "val/Negative/tiny.bmp": np.asarray(Image.fromarray(one).resize((24, 24))),
    }
    for name, pixels in pictures.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=95)
    misnamed = root / "val/Negative/misnamed.png"
    Image.fromarray(other).save(misnamed, format="JPEG", quality=95)
    (root / "val/Negative/broken.jpg").write_bytes(
        (root / "train/Positive/two.jpg").read_bytes()[:300]
    )
    return root


@pytest.fixture(scope="session")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StageReport]:
    """The workspace and the report of the groups called ``gaf``, in shards of three pictures."""
    work = tmp_path_factory.mktemp("work")
    report = make_groups(
        open_groups(photos), work / "groups" / "gaf", workers=1, inputs_per_shard=3
    )
    return work, report


@pytest.fixture(scope="session")
def groups(made: tuple[Path, StageReport]) -> Groups:
    return Groups.open(made[0], "gaf")
