"""Composites: the rule of their labels, and that their splits share no face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import toy_faces
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.data.faces import Faces
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.faces.images import load_image
from emotiw_cli.groups.composites import (
    SIZE,
    draw_group,
    group_label,
    make_composites,
    plan_composites,
    valences,
)
from emotiw_cli.groups.layout import CLASSES


def test_the_rule_by_hand() -> None:
    """Angry -1, happy +1, neutral 0; half happy, half surprise: +.5; happy and sad alike: 0."""
    targets = np.zeros((5, 7))
    targets[0, 0] = targets[1, 3] = targets[2, 4] = 1
    targets[3, [3, 6]] = targets[4, [3, 5]] = 0.5
    np.testing.assert_allclose(valences(targets), [-1, 1, 0, 0.5, 0])
    assert group_label(np.array([-1, 0, 0])) == 0  # minus a third is negative
    assert group_label(np.array([1, 0, 0])) == 2
    assert group_label(np.array([1, -1, 0.5])) == 1


def test_groups_of_every_label_in_equal_number() -> None:
    valence = np.repeat([-1.0, 0.0, 1.0], 30)
    rows = np.arange(90) + 1000
    plan = plan_composites(valence, rows, "train", 60, np.random.default_rng(0))
    assert [sum(one.label == label for one in plan) for label in range(3)] == [20, 20, 20]
    for one in plan:
        assert 2 <= len(one.rows) <= 12
        assert group_label(valence[np.array(one.rows) - 1000]) == one.label


def test_faces_of_one_kind_make_no_groups() -> None:
    with pytest.raises(InputError, match="negative, neutral and positive"):
        plan_composites(np.ones(9), np.arange(9), "train", 3, np.random.default_rng(0))


def test_a_picture_of_people_is_the_same_for_the_same_seed() -> None:
    faces = [np.full((36, 36, 3), shade, np.uint8) for shade in (60, 120, 200, 90, 30)]
    first, again = (draw_group(faces, np.random.default_rng(4)) for _ in range(2))
    assert first.shape == (SIZE[1], SIZE[0], 3)
    np.testing.assert_array_equal(first, again)


def test_the_face_is_where_it_shall_be_and_fits() -> None:
    """One white face: what is drawn near the middle is as bright as its tint lets it be."""
    picture = draw_group([np.full((36, 36, 3), 255, np.uint8)], np.random.default_rng(0))
    middle = picture[
        SIZE[1] * 45 // 100 - 8 : SIZE[1] * 45 // 100 + 8, SIZE[0] // 2 - 8 : SIZE[0] // 2 + 8
    ]
    assert (middle[..., 0] == 255).all()
    assert (middle[..., 2] < middle[..., 0]).all()


def test_written_as_a_labelled_set_whose_splits_share_no_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = Faces(toy_faces(tmp_path / "work", train=70, validation=7))
    used: dict[str, set[str]] = {"train": set(), "val": set()}

    def plan(valence: np.ndarray, rows: np.ndarray, split: str, *rest: object) -> list[object]:
        used[split] = {faces.rows[row].pixels for row in rows}
        return plan_composites(valence, rows, split, *rest)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr("emotiw_cli.groups.composites.plan_composites", plan)
    counts = make_composites(faces, tmp_path / "out", count=9, split="train", held_out=1 / 3)
    assert used["train"]
    assert used["val"]
    assert not used["train"] & used["val"]
    assert (counts["train photos"], counts["val photos"]) == (6, 3)
    pictures = sorted((tmp_path / "out").rglob("*.jpg"))
    assert len(pictures) == 9
    assert {path.parent.name for path in pictures} == set(CLASSES)
    assert load_image(pictures[0]).shape == (SIZE[1], SIZE[0], 3)


def test_a_split_without_faces_is_refused(tmp_path: Path) -> None:
    faces = Faces(toy_faces(tmp_path / "work", train=70, validation=7))
    with pytest.raises(InputError, match="no labelled faces"):
        make_composites(faces, tmp_path / "out", count=3, split="nothing")


def test_a_killed_run_draws_the_rest_as_it_would_have(tmp_path: Path) -> None:
    faces = Faces(toy_faces(tmp_path / "work", train=70, validation=7))
    options: dict[str, Any] = {"count": 9, "split": "train", "seed": 3}
    whole = make_composites(faces, tmp_path / "whole", **options)
    assert whole["drawn"] == 9

    seen: list[int] = []

    def stop(photos: int) -> None:
        seen.append(photos)
        if sum(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_composites(faces, tmp_path / "cut", **options, advance=stop)
    (left,) = (path for path in (tmp_path / "whole").rglob("00004.jpg"))
    torn = tmp_path / "cut" / left.parent.relative_to(tmp_path / "whole") / ".00004.jpg.7.part"
    torn.parent.mkdir(parents=True, exist_ok=True)
    torn.write_bytes(b"torn")
    assert make_composites(faces, tmp_path / "cut", **options)["drawn"] == 5
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert not torn.exists()
    assert make_composites(faces, tmp_path / "cut", **options)["drawn"] == 0

    next((tmp_path / "cut").rglob("00002.jpg")).unlink()
    assert make_composites(faces, tmp_path / "cut", **options)["drawn"] == 9
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    with pytest.raises(ArtefactError, match="begun with seed 3, not 4; choose another folder"):
        make_composites(faces, tmp_path / "cut", **{**options, "seed": 4})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jpg")}


def test_the_verb_writes_photos_once_and_keeps_off_what_is_there(tmp_path: Path) -> None:
    toy_faces(tmp_path / "work", train=70, validation=7)
    words = ["groups", "compose", "toy", "--out", str(tmp_path / "out"), "--count", "9"]
    words += ["--split", "train", "--work", str(tmp_path / "work"), "--json"]
    for drawn in (9, 0):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.stderr
        told = json.loads(result.stdout)
        assert (told["train photos"], told["drawn"]) == (6, drawn)
    (tmp_path / "out" / "plan.json").unlink()
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 6
    assert "not empty" in result.stderr
