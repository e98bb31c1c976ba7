from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import h5py
import numpy as np
import pytest

from emotiw_cli.bundle.load import DEFAULT_NAME, load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.data.sharded import StageReport
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError, OutputError
from emotiw_cli.groups import features as module
from emotiw_cli.groups.describe import check_made_for, describe, over_faces
from emotiw_cli.groups.faces import Groups
from emotiw_cli.groups.features import Features, FeaturesReport, make_features
from emotiw_cli.groups.landmarks import distances


def test_the_median_over_faces_goes_number_by_number() -> None:
    faces = np.array([[1, 9, 5], [2, 1, 5], [30, 5, -5]], np.float32)
    assert over_faces(faces).tolist() == [2, 5, 5]
    assert over_faces(faces[:2]).tolist() == [1.5, 5, 5]  # of two, their mean
    assert over_faces(faces[:1]).tolist() == [1, 9, 5]
    assert np.isnan(over_faces(faces[:0])).tolist() == [True] * 3
    assert over_faces(faces).dtype == np.float32


def test_a_description_has_its_parts_from_the_bundle_and_the_landmarks() -> None:
    posteriors = np.full((2, 7), 1 / 7)
    features = {"member": np.array([[1, 2], [3, 6]], np.float32)}
    bundle = cast(Bundle, SimpleNamespace(embed=lambda faces: (posteriors, features)))
    points = np.random.default_rng(0).normal(size=(2, 68, 2))
    found = describe(np.empty((2, 224, 224, 3)), np.empty((2, 8, 8, 3)), points, bundle)
    assert found.embedding["member"].tolist() == [2, 4]
    np.testing.assert_array_equal(found.posterior, posteriors.astype(np.float32))
    np.testing.assert_array_equal(found.landmarks, distances(points))


def make(made: tuple[Path, StageReport], name: str, **options: Any) -> FeaturesReport:
    work = made[0]
    return make_features(work, Groups.open(work, "gaf"), name, workers=1, **options)


@pytest.fixture(scope="module")
def described(made: tuple[Path, StageReport]) -> FeaturesReport:
    return make(made, "gaf")


def members() -> list[str]:
    """Those of the default bundle, all of which count."""
    return [member.name for member in load_bundle().spec.members]


def test_the_file_is_laid_out_as_it_is_written_down(
    described: FeaturesReport, groups: Groups
) -> None:
    with h5py.File(described.artefact.folder / "features.h5") as file:
        found: dict[str, tuple[tuple[int, ...], str]] = {}
        file.visititems(
            lambda name, one: (
                found.update({name: (one.shape, str(one.dtype))})
                if isinstance(one, h5py.Dataset)
                else None
            )
        )
        faces = file["faces/image"][:]
        boxes = file["faces/box"][:]
    assert found == {
        **{f"embedding/{member}": ((7, 1024), "float32") for member in members()},
        "faces/image": ((6,), "int32"),
        "faces/box": ((6, 4), "int32"),
        "faces/posterior": ((6, 7), "float32"),
        "faces/landmarks": ((6, 2278), "float32"),
        "label": ((7,), "int8"),
        "split": ((7,), "object"),
        "name": ((7,), "object"),
        "status": ((7,), "object"),
    }
    assert faces.tolist() == [0, 1, 1, 2, 2, 4]
    np.testing.assert_array_equal(boxes[3:5], groups.of(2, "boxes"))
    assert [path.name for path in described.artefact.folder.glob("shard-*")] == []


def test_a_row_for_every_picture_in_the_order_of_the_index(
    made: tuple[Path, StageReport], described: FeaturesReport, groups: Groups
) -> None:
    features = Features.open(made[0], "gaf")
    assert features.names.tolist() == [row.path for row in groups.rows]
    assert features.statuses.tolist() == [row.status for row in groups.rows]
    assert features.splits.tolist() == ["train"] * 3 + ["validation"] * 4
    assert features.labels.tolist() == [1, 2, 2, 0, 0, 0, 0]
    assert features.keys == dict.fromkeys(members(), 1024)
    without = np.isnan(features.read(f"embedding/{members()[0]}")).all(axis=1)
    assert without.tolist() == [False, False, False, True, False, True, True]
    assert described.artefact.manifest["parameters"]["backbone"] == DEFAULT_NAME
    assert described.artefact.manifest["counts"] == {"images": 7, "with_faces": 4, "faces": 6}


def test_what_is_stored_is_what_the_bundle_says(
    made: tuple[Path, StageReport], described: FeaturesReport, groups: Groups
) -> None:
    features = Features.open(made[0], "gaf")
    bundle = load_bundle()
    aligned = list(groups.of(1, "aligned"))
    posteriors, seen = bundle.embed(aligned)
    assert posteriors.shape == (2, len(EMOTIONS))
    np.testing.assert_allclose(posteriors, bundle.posteriors(aligned), rtol=1e-6)
    np.testing.assert_allclose(features.read("faces/posterior")[1:3], posteriors, rtol=1e-6)
    for member, values in seen.items():
        np.testing.assert_array_equal(
            features.read(f"embedding/{member}")[1], (values[0] + values[1]) / 2
        )
    np.testing.assert_array_equal(
        features.read("faces/landmarks")[1:3], distances(groups.of(1, "points"))
    )


def test_running_again_does_nothing_and_a_killed_run_goes_on(
    made: tuple[Path, StageReport], described: FeaturesReport
) -> None:
    assert make(made, "gaf").made == 0
    killed = make(made, "killed")
    (killed.artefact.folder / "manifest.json").unlink()
    assert make(made, "killed").made == 7  # the parts were joined, so they are made again

    def stop(done: int, total: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(made, "stopped", on_progress=stop)
    assert len(list((made[0] / "features" / "stopped").glob("shard-*.h5"))) == 2
    resumed = make(made, "stopped")
    assert resumed.made == 1
    assert resumed.artefact.digest == described.artefact.digest == killed.artefact.digest


def test_another_bundle_is_another_plan(
    made: tuple[Path, StageReport], described: FeaturesReport
) -> None:
    with pytest.raises(ArtefactError, match=r"gives no features of a face; use the default"):
        make(made, "gaf", bundle="faces-1")


def test_a_full_disk_is_met_before_the_file_is_begun(
    made: tuple[Path, StageReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(OutputError, match="the disk is full"):
        make(made, "full")


def test_faces_of_another_detail_are_refused(groups: Groups) -> None:
    bundle = load_bundle()
    check_made_for(groups.size, groups.detail, bundle, "here")
    with pytest.raises(InputError, match=r"here has .* with --size 144x144 --detail 48\."):
        check_made_for(groups.size, None, bundle, "here")
    other = cast(Bundle, SimpleNamespace(spec=replace(bundle.spec, detail=None)))
    with pytest.raises(InputError, match=r"--detail 0\."):
        check_made_for(groups.size, 48, other, "here")


def test_a_damaged_file_is_named_with_its_remedy(
    made: tuple[Path, StageReport], described: FeaturesReport
) -> None:
    damaged = make(made, "damaged").artefact
    (damaged.folder / "features.h5").write_bytes(b"torn")
    with pytest.raises(ArtefactError, match=r"features\.h5 is missing or damaged; delete it"):
        Features(damaged)
