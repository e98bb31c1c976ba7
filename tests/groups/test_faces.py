from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from group_photos import single

from emotiw_cli.artefact import open_artefact
from emotiw_cli.data.sharded import StageReport
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.images import load_image, pixel_digest
from emotiw_cli.groups import faces as module
from emotiw_cli.groups.faces import Groups, crop_face, find_group, make_groups
from emotiw_cli.groups.layout import open_groups

ROWS = {
    "train/Neutral/Толпа 1.jpg": ("ok", 1, "train", "neutral"),
    "train/Positive/two.jpg": ("ok", 2, "train", "positive"),
    "train/Positive/two.png": ("ok", 2, "train", "positive"),
    "val/Negative/broken.jpg": ("unreadable", 0, "validation", "negative"),
    "val/Negative/misnamed.png": ("ok", 1, "validation", "negative"),
    "val/Negative/nobody.JPG": ("no_face", 0, "validation", "negative"),
    "val/Negative/tiny.bmp": ("no_face", 0, "validation", "negative"),
}


def test_every_picture_is_a_row_with_its_faces_counted(
    made: tuple[Path, StageReport], groups: Groups
) -> None:
    found = {row.path: (row.status, row.faces, row.split, row.label) for row in groups.rows}
    assert found == ROWS
    assert list(found) == sorted(ROWS)
    assert made[1].counts == {
        "inputs": 7,
        "with_faces": 4,
        "faces": 6,
        "most_faces": 2,
        "status": {"no_face": 2, "ok": 4, "unreadable": 1},
        "split": {"train": 3, "validation": 3},
        "label": {"negative": 3, "neutral": 1, "positive": 2},
        "other_files": 0,
    }
    assert "broken.jpg" in groups.rows[3].note


def test_what_is_stored_of_a_picture_is_what_is_found_in_it(photos: Path, groups: Groups) -> None:
    row = groups.rows[2]
    picture = load_image(photos / row.path)
    group = find_group(picture)
    assert (len(group), row.pixels) == (2, pixel_digest(picture))
    for what in ("crops", "aligned", "boxes", "points"):
        np.testing.assert_array_equal(groups.of(2, what), getattr(group, what))
    assert group.crops.shape == (2, 224, 224, 3)
    assert group.aligned.shape == (2, 144, 144, 3)
    for (x, y, w, h), crop in zip(group.boxes, group.crops, strict=True):
        np.testing.assert_array_equal(
            crop, crop_face(picture, Detection(x, y, w, h, 0.0, "hog_x2"))
        )
    # The first row of its shard that could not be read has no scene; those behind it have theirs.
    nobody = load_image(photos / groups.rows[5].path)
    np.testing.assert_array_equal(groups.scene(5), find_group(nobody).scene)
    assert [groups.of(5, what).shape for what in ("crops", "boxes")] == [(0, 224, 224, 3), (0, 4)]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists open files")
def test_no_more_than_a_shard_is_open(groups: Groups) -> None:
    def opened() -> int:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return sum("shard-" in str(link.readlink()) for link in links)

    before = opened()
    for row in range(len(groups.rows)):
        groups.of(row, "boxes")
        groups.of(row, "crops")
    assert opened() - before <= 2


def test_landmarks_lie_in_the_crop(groups: Groups) -> None:
    jaw_to_brow = groups.of(1, "points")
    assert jaw_to_brow.shape == (2, 68, 2)
    eyes, mouth = jaw_to_brow[:, 36:48].mean(axis=1), jaw_to_brow[:, 48:].mean(axis=1)
    assert (mouth[:, 1] - eyes[:, 1] > 50).all()
    assert (abs(mouth[:, 0] - 112) < 40).all()


def test_running_again_does_nothing_and_another_detail_is_refused(
    photos: Path, made: tuple[Path, StageReport]
) -> None:
    folder = made[0] / "groups" / "gaf"
    again = make_groups(open_groups(photos), folder, workers=1, inputs_per_shard=3)
    assert (again.made, again.artefact) == (0, made[1].artefact)
    with pytest.raises(ArtefactError, match="was begun with detail 48, not 96"):
        make_groups(open_groups(photos), folder, detail=96, inputs_per_shard=3)


def test_what_a_killed_run_left_is_picked_up(photos: Path, tmp_path: Path) -> None:
    def run() -> StageReport:
        return make_groups(open_groups(photos), tmp_path / "g", workers=1, inputs_per_shard=4)

    whole = run()
    before = (tmp_path / "g" / "shard-00001.h5").read_bytes()
    (tmp_path / "g" / "manifest.json").unlink()
    os.truncate(tmp_path / "g" / "shard-00001.h5", 900)
    resumed = run()
    assert (whole.made, resumed.made) == (7, 3)
    assert (tmp_path / "g" / "shard-00001.h5").read_bytes() == before


def test_the_result_is_the_same_whatever_the_split(
    photos: Path, made: tuple[Path, StageReport], tmp_path: Path
) -> None:
    for share in ((2, 2), (1, 2)):
        report = make_groups(
            open_groups(photos), tmp_path / "g", workers=1, share=share, inputs_per_shard=3
        )
    assert report.artefact is not None
    assert made[1].artefact is not None
    assert report.artefact.digest == made[1].artefact.digest


def test_a_crowd_is_taken_whole(tmp_path: Path) -> None:
    crowd = np.tile(single("astronaut.png", 60), (5, 20, 1))
    group = find_group(crowd)
    assert len(group) >= 95
    assert len(group.crops) == len(group.points) == len(group.aligned) == len(group)


def test_a_fault_in_one_picture_never_ends_a_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: np.ndarray) -> list[Detection]:
        raise RuntimeError("no\nluck")

    monkeypatch.setattr(module, "find_detector", lambda name: fail)
    report = make_groups(open_groups(photos), tmp_path / "groups" / "g", workers=1)
    assert report.counts["status"] == {"unreadable": 7}
    rows = Groups.open(tmp_path, "g").rows
    assert rows[0].note == "RuntimeError: no luck"


def test_groups_that_are_not_there_are_named_with_their_verb(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"make it first with `emotiw groups faces SOURCE"):
        open_artefact(tmp_path, "groups", "nowhere")


def test_faces_of_no_size_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one pixel"):
        make_groups(open_groups(photos), tmp_path / "g", size=(0, 1))
