"""The align stage: shards, resuming, shares, and pictures that are none."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from emotiw_cli.artefact import Artefact, exclusive, open_artefact
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.make_faces import make_faces
from emotiw_cli.data.sharded import StageReport
from emotiw_cli.data.sources import open_source
from emotiw_cli.errors import ArtefactError, BusyError, InputError, OutputError
from emotiw_cli.faces.images import load_image, pixel_digest

MakeSet = Callable[..., Path]

FOURTEEN = [
    f"{'train' if n % 3 else 'val'}/{'happy' if n % 2 else 'sad'}/{n}.png" for n in range(14)
]


def crops(folder: Path, work: Path, name: str = "tiny", **changes: Any) -> StageReport:
    options: dict[str, Any] = {
        "size": (8, 8),
        "detector": None,
        "inputs_per_shard": 4,
        "workers": 1,
        **changes,
    }
    return make_faces(open_source(folder), work / "faces" / name, **options)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name == "index.csv" or path.name.startswith("shard-")
    }


def finished(report: StageReport) -> Artefact:
    assert report.artefact is not None
    return report.artefact


def test_every_picture_is_a_row_with_its_face(make_set: MakeSet, tmp_path: Path) -> None:
    folder = make_set(FOURTEEN, grey=False)
    artefact = finished(crops(folder, tmp_path))
    faces = Faces.open(tmp_path, "tiny")
    assert [row.path for row in faces.rows] == sorted(FOURTEEN)
    assert [(row.shard, row.offset) for row in faces.rows] == [(n // 4, n % 4) for n in range(14)]
    for row in faces.rows:
        picture = load_image(folder / row.path)
        assert row.pixels == pixel_digest(picture)
        assert (row.width, row.height, row.w, row.h, row.detector) == (12, 12, 12, 12, "whole")
        np.testing.assert_array_equal(faces.face(row.row), picture[:8, :8])
    assert artefact.manifest["counts"] == {
        "inputs": 14,
        "faces": 14,
        "status": {"ok": 14},
        "split": {"train": 9, "validation": 5},
        "label": {"happy": 7, "sad": 7},
        "other_files": 0,
    }
    assert artefact.manifest["inputs"][0]["name"] == "set"


def test_a_shard_of_grey_faces_has_one_channel(make_set: MakeSet, tmp_path: Path) -> None:
    crops(make_set(FOURTEEN, grey=True), tmp_path, "grey")
    crops(make_set(FOURTEEN, grey=False, root="other"), tmp_path, "rgb")
    for name, shape in (("grey", (4, 8, 8, 1)), ("rgb", (4, 8, 8, 3))):
        with h5py.File(tmp_path / "faces" / name / "shard-00000.h5") as file:
            assert file["faces"].shape == shape
            assert file["faces"].chunks == (1, *shape[1:])
            assert file["faces"].compression is None
    assert Faces.open(tmp_path, "grey").face(3).shape == (8, 8, 3)


def test_the_result_is_the_same_whatever_the_split(make_set: MakeSet, tmp_path: Path) -> None:
    folder = make_set(FOURTEEN)
    whole = finished(crops(folder, tmp_path, "whole"))
    in_one_folder = [crops(folder, tmp_path, "shares", share=(i, 3)) for i in (2, 3, 1)]
    assert [(report.artefact is None, report.missing) for report in in_one_folder] == [
        (True, 3),
        (True, 2),
        (False, 0),
    ]
    for i in (1, 2):
        crops(folder, tmp_path / f"machine {i}", share=(i, 2))
    copied = tmp_path / "faces" / "copied"
    copied.mkdir()
    for file in tmp_path.glob("machine */faces/tiny/*"):
        (copied / file.name).write_bytes(file.read_bytes())
    merged = crops(folder, tmp_path, "copied", share=(1, 2))
    assert merged.made == 0
    parallel = crops(folder, tmp_path, "parallel", workers=2)
    for report in (in_one_folder[-1], merged, parallel):
        assert finished(report).digest == whole.digest
        assert content(report.folder) == content(whole.folder)


def test_running_again_does_nothing_and_repairs_damage(make_set: MakeSet, tmp_path: Path) -> None:
    folder = make_set(FOURTEEN)
    first = finished(crops(folder, tmp_path))
    before = content(first.folder)
    stamp = (first.folder / "manifest.json").stat().st_mtime_ns
    again = crops(folder, tmp_path)
    assert (again.made, finished(again).digest) == (0, first.digest)
    assert (first.folder / "manifest.json").stat().st_mtime_ns == stamp

    os.truncate(first.folder / "shard-00001.h5", 900)
    with pytest.raises(ArtefactError, match=r"shard-00001\.h5 is missing or damaged"):
        Faces.open(tmp_path, "tiny").face(5)
    (first.folder / "shard-00003.csv").write_text("torn")
    (first.folder / "index.csv").write_text("torn")
    repaired = crops(folder, tmp_path)
    assert repaired.made == 4 + 2
    assert content(first.folder) == before
    assert finished(repaired).digest == first.digest


def test_what_a_killed_run_left_is_picked_up(make_set: MakeSet, tmp_path: Path) -> None:
    folder = make_set(FOURTEEN)
    whole = finished(crops(folder, tmp_path, "whole"))
    report = crops(folder, tmp_path)
    for name in ("manifest.json", "index.csv", "shard-00002.csv", "shard-00003.h5"):
        (report.folder / name).unlink()
    (report.folder / ".shard-00002.h5.4711.part").write_bytes(b"half")
    with pytest.raises(ArtefactError, match="half-written"):
        open_artefact(tmp_path, "faces", "tiny")
    resumed = crops(folder, tmp_path)
    assert resumed.made == 6
    assert content(resumed.folder) == content(whole.folder)
    assert not list(resumed.folder.glob(".*.part"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"size": (9, 8)}, "size 8×8, not 9×8"),
        ({"detail": 4}, "detail None, not 4"),
        ({"missed": "whole"}, "missed drop, not whole"),
    ],
)
def test_other_parameters_are_refused(
    make_set: MakeSet, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    folder = make_set(FOURTEEN)
    crops(folder, tmp_path)
    with pytest.raises(ArtefactError, match=f"{named}; choose another --name"):
        crops(folder, tmp_path, **change)
    assert crops(folder, tmp_path, overwrite=True, **change).made == 14


def test_another_source_is_refused(make_set: MakeSet, tmp_path: Path) -> None:
    crops(make_set(FOURTEEN), tmp_path)
    with pytest.raises(ArtefactError, match="begun with pictures 14, not 13"):
        crops(make_set(FOURTEEN[1:], root="fewer"), tmp_path)
    with pytest.raises(ArtefactError, match="begun with list of pictures"):
        crops(make_set([*FOURTEEN[1:], "val/happy/new.png"], root="other"), tmp_path)


def test_two_runs_at_once(make_set: MakeSet, tmp_path: Path) -> None:
    folder = make_set(FOURTEEN)
    with exclusive(tmp_path / "faces" / "tiny"), pytest.raises(BusyError, match="being written by"):
        crops(folder, tmp_path)
    with exclusive(tmp_path / "faces" / "tiny", ".lock-1-of-2"):
        assert crops(folder, tmp_path, share=(2, 2)).missing == 2
        with pytest.raises(BusyError):
            crops(folder, tmp_path, share=(1, 2))


def test_shares_that_are_none(make_set: MakeSet, tmp_path: Path) -> None:
    for share in ((0, 2), (3, 2)):
        with pytest.raises(InputError, match="there is no share"):
            crops(make_set(FOURTEEN), tmp_path, share=share)


@pytest.mark.parametrize("size", [(0, 9), (9, 4097)])
def test_sizes_that_no_face_can_have(
    make_set: MakeSet, tmp_path: Path, size: tuple[int, int]
) -> None:
    with pytest.raises(InputError, match="--size"):
        make_faces(open_source(make_set(FOURTEEN)), tmp_path / "faces", size=size)
    assert not (tmp_path / "faces").exists()


def test_bad_pictures_are_rows_with_a_status(
    make_set: MakeSet, tmp_path: Path, photo: Path
) -> None:
    folder = make_set(["b.png", "x" * 240 + ".png", "Ж – 顔.png"])
    (folder / "text.jpg").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.jpg").write_bytes(photo.read_bytes()[:2000])
    (folder / "gif.png").write_bytes(b"GIF89a" + bytes(40))
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    cv2.imwrite(str(folder / "one.bmp"), np.zeros((1, 1, 3), np.uint8))
    crops(folder, tmp_path)
    rows = {row.path: row for row in Faces.open(tmp_path, "tiny").rows}
    assert {name: row.status for name, row in rows.items()} == {
        "b.png": "ok",
        "x" * 240 + ".png": "ok",
        "Ж – 顔.png": "ok",
        "one.bmp": "ok",
        "text.jpg": "unreadable",
        "empty.png": "unreadable",
        "cut.jpg": "unreadable",
        "gif.png": "unsupported",
        "gone.png": "missing",
    }
    for row in rows.values():
        assert bool(row.note) == (row.status != "ok")
        assert (row.shard == -1) == (row.status != "ok")
        assert str(tmp_path) not in row.note


def test_pixels_that_turn_out_broken_are_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "fer.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\n0,7,Training\n")
    crops(tmp_path / "fer.csv", tmp_path)
    bad, good = Faces.open(tmp_path, "tiny").rows
    assert (bad.status, bad.note) == ("bad_row", "3 pixels make no square picture")
    assert (good.status, good.shard, good.offset) == ("ok", 0, 0)


def test_a_set_without_one_face_is_finished_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "fer.csv").write_text("emotion,pixels\n0,1 2 3\n")
    report = crops(tmp_path / "fer.csv", tmp_path)
    assert finished(report).manifest["counts"]["status"] == {"bad_row": 1}
    assert Faces.open(tmp_path, "tiny").select() == []


def test_a_photo_is_detected_and_aligned(tmp_path: Path, photo: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    picture = load_image(photo)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), picture[:, :, ::-1])
    cv2.imwrite(str(folder / "c.png"), np.full((60, 50, 3), 127, np.uint8))
    report = crops(folder, tmp_path, size=(143, 181), detector="hog", workers=2)
    faces = Faces.open(tmp_path, "tiny")
    first, second, blank = faces.rows
    assert (first.status, first.faces, first.points().shape) == ("ok", 1, (68, 2))
    assert first.detector.startswith("hog")
    assert faces.face(0).shape == (181, 143, 3)
    np.testing.assert_array_equal(faces.face(0), faces.face(1))
    assert (second.pixels, second.x, second.landmarks) == (first.pixels, first.x, first.landmarks)
    assert (blank.status, blank.width, blank.height, blank.shard) == ("no_face", 50, 60, -1)
    assert finished(report).manifest["counts"]["status"] == {"no_face": 1, "ok": 2}

    crops(folder, tmp_path, "whole", size=(20, 20), detector="hog", missed="whole")
    whole = Faces.open(tmp_path, "whole").rows[2]
    assert (whole.status, whole.faces, whole.detector, whole.w) == ("ok", 0, "whole", 50)


def test_a_file_where_the_folder_should_be(make_set: MakeSet, tmp_path: Path) -> None:
    (tmp_path / "faces").write_text("in the way")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        crops(make_set(FOURTEEN), tmp_path)


def test_a_folder_that_takes_no_files(make_set: MakeSet) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("there is no /proc to stand for a read-only file system")
    with pytest.raises(OutputError, match="cannot be written"):
        crops(make_set(FOURTEEN), Path("/proc"))


def test_the_index_is_a_plain_csv(make_set: MakeSet, tmp_path: Path) -> None:
    report = crops(make_set(["a, b.png", 'c "d".png']), tmp_path)
    with open(report.folder / "index.csv", encoding="utf-8", newline="") as file:
        assert [line["path"] for line in csv.DictReader(file)] == ["a, b.png", 'c "d".png']
