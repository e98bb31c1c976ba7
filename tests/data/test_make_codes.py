"""The map stage: codes, palette, resuming, staleness."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from emotiw_cli.artefact import exclusive
from emotiw_cli.data.codes import Codes
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.make_codes import make_codes
from emotiw_cli.data.make_faces import make_faces
from emotiw_cli.data.sources import open_source
from emotiw_cli.errors import ArtefactError, BusyError, InputError
from emotiw_cli.lbp.codes import lbp_codes, to_grey
from emotiw_cli.lbp.palettes import palette

MakeFaces = Callable[..., Faces]


@pytest.fixture
def faces_of(tmp_path: Path) -> MakeFaces:
    """Align eleven noisy crops, the third broken, in shards of four."""

    def make(*, grey: bool = False, seed: int = 0) -> Faces:
        folder = tmp_path / f"set-{grey}-{seed}"
        folder.mkdir()
        random = np.random.default_rng(seed)
        for number in range(11):
            picture = random.integers(0, 256, (20, 16, 1 if grey else 3), dtype=np.uint8)
            cv2.imwrite(str(folder / f"{number:02d}.png"), picture)
        (folder / "02.png").write_bytes(b"broken")
        make_faces(
            open_source(folder),
            tmp_path / "faces" / "noise",
            size=(16, 20),
            detector=None,
            workers=1,
            overwrite=True,
            inputs_per_shard=4,
        )
        return Faces.open(tmp_path, "noise")

    return make


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("radius", [1, 7])
def test_codes_are_those_of_each_face(
    faces_of: MakeFaces, tmp_path: Path, grey: bool, radius: int
) -> None:
    faces = faces_of(grey=grey)
    report = make_codes(tmp_path, faces, radius=radius)
    assert (report.made, report.counts) == (10, {"faces": 10})
    codes = Codes.open(tmp_path, faces, radius)
    assert codes.radius == radius
    for row in faces.select():
        wanted = lbp_codes(to_grey(faces.face(row)), radius)
        assert wanted.shape == (20 - 2 * radius, 16 - 2 * radius)
        np.testing.assert_array_equal(codes.codes(row), wanted)


def test_the_palette_follows_the_hdf5_convention(faces_of: MakeFaces, tmp_path: Path) -> None:
    made = make_codes(tmp_path, faces_of(), radius=1, metric="regular", compat_255=True)
    with h5py.File(made.artefact.folder / "shard-00000.h5") as file:
        stored = file["codes"]
        assert stored.attrs["CLASS"] == b"IMAGE"
        assert stored.attrs["IMAGE_SUBCLASS"] == b"IMAGE_INDEXED"
        assert (stored.attrs["radius"], stored.attrs["metric"]) == (1, "regular")
        colours = file[stored.attrs["PALETTE"][0]]
        assert colours.attrs["CLASS"] == b"PALETTE"
        np.testing.assert_array_equal(colours[:], palette("regular", compat_255=True))
    assert made.artefact.manifest["parameters"] == {
        "radius": 1,
        "metric": "regular",
        "compat_255": True,
    }


def test_running_again_repairs_only_what_is_damaged(faces_of: MakeFaces, tmp_path: Path) -> None:
    faces = faces_of()
    first = make_codes(tmp_path, faces, radius=2)
    shard = first.artefact.folder / "shard-00001.h5"
    before = shard.read_bytes()
    os.truncate(shard, 700)
    (first.artefact.folder / "manifest.json").unlink()
    (first.artefact.folder / ".shard-00001.h5.4711.part").write_bytes(b"half")
    with pytest.raises(ArtefactError, match="half-written"):
        Codes.open(tmp_path, faces, 2)
    again = make_codes(tmp_path, faces, radius=2)
    assert (again.made, again.artefact.digest) == (4, first.artefact.digest)
    assert shard.read_bytes() == before
    assert not list(first.artefact.folder.glob(".*.part"))
    assert make_codes(tmp_path, faces, radius=2).made == 0


def test_codes_of_changed_faces_are_stale_and_made_anew(
    faces_of: MakeFaces, tmp_path: Path
) -> None:
    make_codes(tmp_path, faces_of(seed=0), radius=2)
    changed = faces_of(seed=1)
    with pytest.raises(ArtefactError, match="stale"):
        Codes.open(tmp_path, changed, 2)
    assert make_codes(tmp_path, changed, radius=2).made == 10
    row = changed.select()[0]
    wanted = lbp_codes(to_grey(changed.face(row)), 2)
    np.testing.assert_array_equal(Codes.open(tmp_path, changed, 2).codes(row), wanted)


def test_another_palette_is_refused_until_told(faces_of: MakeFaces, tmp_path: Path) -> None:
    faces = faces_of()
    make_codes(tmp_path, faces, radius=2)
    with pytest.raises(ArtefactError, match="metric cyclic, not regular"):
        make_codes(tmp_path, faces, radius=2, metric="regular")
    assert make_codes(tmp_path, faces, radius=2, metric="regular", overwrite=True).made == 10


@pytest.mark.parametrize("radius", [0, 8])
def test_a_radius_the_faces_are_too_small_for(
    faces_of: MakeFaces, tmp_path: Path, radius: int
) -> None:
    with pytest.raises(InputError, match="faces of 16×20 pixels"):
        make_codes(tmp_path, faces_of(), radius=radius)


def test_two_runs_at_once(faces_of: MakeFaces, tmp_path: Path) -> None:
    faces = faces_of()
    with exclusive(tmp_path / "codes" / "noise-r1"), pytest.raises(BusyError):
        make_codes(tmp_path, faces, radius=1)


def test_a_damaged_shard_of_faces_is_named(faces_of: MakeFaces, tmp_path: Path) -> None:
    faces = faces_of()
    os.truncate(faces.artefact.folder / "shard-00002.h5", 700)
    with pytest.raises(ArtefactError, match=r"shard-00002\.h5 is missing or damaged"):
        make_codes(tmp_path, faces, radius=1)
