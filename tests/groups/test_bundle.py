"""What a group bundle says of the faces it is given, by hand; what is not one is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.errors import ArtefactError
from emotiw_cli.groups.bundle import GroupBundle, GroupReading, find_group_bundle, load_group_bundle
from emotiw_cli.groups.forest import Forest
from emotiw_cli.groups.fusion import GroupFusion, Part
from emotiw_cli.groups.schema import GroupSpec

SCENE = np.zeros((8, 8, 3), np.uint8)


def half() -> Forest:
    """Of one feature: up to a half is negative, more is positive."""
    return Forest(
        roots=np.array([[0], [3], [4]], np.int32),
        feature=np.zeros(7, np.uint16),
        number=np.array([0.5, 1, 0, 0, 0.5, 0, 1], np.float32),
        left=np.array([1, 0, 0, 0, 5, 0, 0], np.int32),
        width=np.asarray(1),
    )


def bundle(values: list[float], part: Part = "embedding", scene: object = None) -> GroupBundle:
    """A bundle whose faces have the embeddings `values`."""
    embedding = np.array(values, np.float32).reshape(-1, 1)
    emotions = np.full((len(values), 7), 1 / 7)
    faces = SimpleNamespace(embed=lambda aligned: (emotions, {"net": embedding}))
    members: tuple[str, ...] = ("net",)
    parts: tuple[Part, ...] = (part,)
    weights: tuple[float, ...] = (1.0,)
    if scene is not None:
        members, parts, weights = ("net", "scene"), (part, "scene"), (1.0, 0.0)
    fusion = GroupFusion(parts, weights, prior=(0.2, 0.5, 0.3))
    spec = GroupSpec("toy", "1", "tiny", "", "hog-haar", members, fusion)
    return GroupBundle(Path("toy"), spec, cast(Bundle, faces), {"net": half()}, scene)  # type: ignore[arg-type]


def read(values: list[float], scene: object = None) -> GroupReading:
    points = np.random.default_rng(0).random((len(values), 68, 2))
    crops = np.zeros((len(values), 224, 224, 3), np.uint8)
    return bundle(values, scene=scene).read(crops, crops[:, :8, :8], points, SCENE)


def test_a_group_is_the_median_of_its_faces_and_shares_are_what_each_moves() -> None:
    """0, 1 and 1 are positive by the median; without a 1 it is .5, which is negative."""
    found = read([0, 1, 1])
    np.testing.assert_allclose(found.posterior, [0, 0, 1])
    np.testing.assert_allclose(found.alone, [[1, 0, 0], [0, 0, 1], [0, 0, 1]])
    np.testing.assert_allclose(found.share, [0, 1, 1])


def test_a_single_face_is_measured_against_the_prior() -> None:
    found = read([1])
    np.testing.assert_allclose(found.posterior, [0, 0, 1])
    np.testing.assert_allclose(found.share, [1 - 0.3])


def test_without_a_face_the_whole_image_answers_or_the_prior() -> None:
    np.testing.assert_allclose(read([]).posterior, [0.2, 0.5, 0.3])
    found = read([], scene=lambda picture: np.array([0.1, 0.8, 0.1]))
    np.testing.assert_allclose(found.posterior, [0.1, 0.8, 0.1])
    found = read([1], scene=lambda picture: np.array([0.1, 0.8, 0.1]))
    np.testing.assert_allclose(found.posterior, [0, 0, 1])


def test_what_is_no_group_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no group bundle 'nothing'"):
        find_group_bundle("nothing", tmp_path)
    (tmp_path / "bundles" / "still").mkdir(parents=True)
    with pytest.raises(ArtefactError, match="not a whole group bundle"):
        load_group_bundle("still", work=tmp_path)
    with pytest.raises(ArtefactError, match="not a group bundle's specification"):
        GroupSpec.from_json({"schema": 9}, "x")
