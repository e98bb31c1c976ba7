"""Group photos, through the library and the verb, with the bundle that is shipped."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from group_photos import PHOTOS, single
from PIL import Image
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.faces.images import load_image
from emotiw_cli.groups.bundle import (
    DEFAULT_NAME,
    SHIPPED,
    SHIPPED_FOLDER,
    GroupBundle,
    load_group_bundle,
    verify_group_bundle,
)
from emotiw_cli.groups.draw import GROUP_COLOURS, annotate_group
from emotiw_cli.groups.predict import predict_group, predict_groups
from emotiw_cli.groups.result import COLUMNS, GroupFace, GroupPrediction


@pytest.fixture(scope="module")
def default() -> GroupBundle:
    return load_group_bundle()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, nobody, and a broken file."""
    root = tmp_path_factory.mktemp("photos")
    pair = np.hstack([single(name, 160) for name in ("astronaut.png", "grace_hopper.jpg")])
    Image.fromarray(pair).save(root / "a pair.png")
    Image.fromarray(np.full((60, 80, 3), 130, np.uint8)).save(root / "nobody.png")
    (root / "torn.jpg").write_bytes((PHOTOS / "grace_hopper.jpg").read_bytes()[:200])
    return root


def test_every_byte_is_the_recorded_one_and_there_are_few() -> None:
    assert DEFAULT_NAME in SHIPPED
    assert {path.name for path in SHIPPED_FOLDER.iterdir()} == set(SHIPPED)
    for name in SHIPPED:
        verify_group_bundle(SHIPPED_FOLDER / name)
        assert sum(path.stat().st_size for path in (SHIPPED_FOLDER / name).iterdir()) < 5e6


def test_a_smile_is_positive(default: GroupBundle) -> None:
    found = predict_group(load_image(PHOTOS / "astronaut.png"), default)
    assert found.emotion == "positive"
    assert found.faces[0].expression == "happy"
    by_net = predict_group(load_image(PHOTOS / "astronaut.png"), default, detector="yunet")
    assert by_net.emotion == "positive"


def test_nobody_is_no_face_the_prior_and_no_emotion(default: GroupBundle) -> None:
    found = predict_group(np.full((60, 80, 3), 130, np.uint8), default, path="x.png")
    assert found.status == "no_face"
    assert found.posterior == default.spec.fusion.prior
    assert found.emotion == ""
    assert "mix of the labels" in found.note


def test_processes_give_the_same_answers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, default: GroupBundle
) -> None:
    paths = [str(path) for path in sorted(folder.iterdir())]
    alone = list(predict_groups(paths))
    monkeypatch.setattr("emotiw_cli.groups.predict.POOL_FROM", 2)
    assert list(predict_groups(paths, workers=2)) == alone
    assert [group.status for group in alone] == ["ok", "no_face", "unreadable"]


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["predict", "--group", *words])


def test_the_verb_writes_a_row_for_each_and_draws(folder: Path, tmp_path: Path) -> None:
    result = run(str(folder), "--csv", "-", "--draw", str(tmp_path / "drawn"))
    assert result.exit_code == 0, result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert tuple(rows[0]) == COLUMNS
    groups = [row for row in rows if row["part"] == "group"]
    assert [row["status"] for row in groups] == ["ok", "no_face", "unreadable"]
    pair = [row for row in rows if row["part"] == "face"]
    assert len(pair) == 2
    for row in (groups[0], *pair):
        shares = [float(row[name]) for name in ("negative", "neutral", "positive")]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
    drawn = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert drawn == ["a pair.png", "nobody.png"]


def test_the_verb_tells_json(folder: Path) -> None:
    result = run(str(folder / "a pair.png"), "--json", "-")
    (group,) = json.loads(result.stdout)["groups"]
    assert group["status"] == "ok"
    assert set(group["posterior"]) == {"negative", "neutral", "positive"}
    assert set(group["faces"][0]["emotions"]) >= {"happy", "sad"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--no-detect", "x.png"), 2),
        (("x.mp4",), 2),
        (("--camera", "0"), 2),
        (("--bundle", "faces-2", "x.png"), 4),
    ],
)
def test_wrong_usage(words: tuple[str, ...], code: int) -> None:
    assert run(*words).exit_code == code


def test_a_group_bundle_wants_group(folder: Path) -> None:
    words = ["predict", str(folder / "nobody.png"), "--bundle", DEFAULT_NAME]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert f"{DEFAULT_NAME} reads photos of groups; add --group" in " ".join(result.stderr.split())


def test_a_drawing_has_a_frame_for_each_face_and_a_strip() -> None:
    image = np.full((500, 600, 3), 90, np.uint8)
    face = GroupFace(1, 200, 150, 120, 120, (0.1, 0.2, 0.7), 0.3, (0.0,) * 6 + (1.0,))
    drawn = annotate_group(image, GroupPrediction("x", "ok", (0.1, 0.2, 0.7), (face,)))
    assert drawn.shape[0] > 500
    assert drawn.shape[1:] == (600, 3)
    positive = (drawn == GROUP_COLOURS["positive"]).all(axis=2)
    assert positive[200, 198:204].any()  # the frame's left side
    bar = [(drawn[500:] == GROUP_COLOURS[name]).all(axis=2).sum() for name in GROUP_COLOURS]
    assert bar[2] > bar[1] > bar[0] > 0
