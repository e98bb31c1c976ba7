"""From a set of clips to tubes on disk, killed and resumed, bad clips and all."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from clip_maker import FaceOnGround, tone, write_clip
from PIL import Image
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.clips import make_tubes
from emotiw_cli.clips.source import open_clips
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.errors import ArtefactError, InputError


@pytest.fixture(scope="module")
def afew(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    """Two splits with the same clip id, one of which brings its faces, and bad clips."""
    root = tmp_path_factory.mktemp("afew")
    face = FaceOnGround(photo)
    for place in ("Train/Happy", "Val/Sad", "Train/Angry", "Train_Aligned_Faces/002"):
        (root / place).mkdir(parents=True)
    frames = [face.at((60, 20))] * 4
    sounds = [(tone(2, 16000), 16000)]
    write_clip(root / "Train/Happy/001.avi", frames, rate=2, sounds=sounds)
    write_clip(root / "Val/Sad/001.avi", [face.at()] * 4, rate=2)
    write_clip(root / "Val/Sad/002.avi", [*frames, *frames], rate=4)
    write_clip(root / "Train/Happy/002.avi", [face.at()] * 4, rate=2, sounds=sounds)
    (root / "Train/Angry/003.avi").write_text("a text")
    for number in (2, 1):
        picture = Image.new("RGB", (50, 60), (40 * number, 0, 0))
        picture.save(root / f"Train_Aligned_Faces/002/002_{number:03d}.png")
    return root


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["clips", "tubes", *map(str, words)])


@pytest.fixture(scope="module")
def work(afew: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("tubes") / "work"
    result = run(afew, "--name", "afew", "--work", work, "--workers", "1", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["status"] == {"no_face": 1, "ok": 3, "unreadable": 1}
    assert (told["with_sound"], told["split"]) == (2, {"train": 2, "validation": 1})
    return work


def test_every_clip_is_a_row_known_by_split_and_id(work: Path) -> None:
    rows = TubeStore.open(work, "afew").rows
    assert [(row.path, row.split, row.label, row.status, row.origin) for row in rows] == [
        ("Train/Angry/003.avi", "train", "angry", "unreadable", ""),
        ("Train/Happy/001.avi", "train", "happy", "ok", "detected"),
        ("Train/Happy/002.avi", "train", "happy", "ok", "given"),
        ("Val/Sad/001.avi", "validation", "sad", "no_face", ""),
        ("Val/Sad/002.avi", "validation", "sad", "ok", "detected"),
    ]
    assert "003.avi is not a video" in rows[0].note
    assert [row.shard for row in rows] == [-1, 0, 0, -1, 0]


def test_faces_lie_with_their_time_and_sound(work: Path) -> None:
    store = TubeStore.open(work, "afew")
    assert (store.size, store.detail) == ((144, 144), 48)
    seen = store.clip(store.rows[1])
    assert seen.crops.shape == (4, 96, 96, 3)
    assert seen.faces.shape == (4, 144, 144, 3)
    assert seen.tube.tolist() == [1] * 4
    assert seen.time == pytest.approx([0, 0.5, 1, 1.5], abs=0.01)
    assert len(seen.sound) == pytest.approx(32000, abs=100)
    assert np.abs(seen.sound).max() == pytest.approx(0.5, abs=0.02)
    given = store.clip(store.rows[2])
    assert given.crops[:, 0, 0, 0].tolist() == [40, 80]  # by name
    assert given.time == pytest.approx([0, 1], abs=0.01)
    assert len(store.clip(store.rows[0]).crops) == 0
    assert len(store.clip(store.rows[4]).sound) == 0


def test_a_killed_run_goes_on_to_the_same_bytes(
    afew: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_tubes, "CLIPS_PER_SHARD", 2)
    whole = tmp_path / "whole"
    assert run(afew, "--name", "a", "--work", whole, "--workers", "1").exit_code == 0
    shards = sorted(path.name for path in (whole / "tubes/a").glob("shard-*.h5"))
    assert len(shards) == 3
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    for name in ("manifest.json", "index.csv", shards[1], shards[2]):
        (cut / "tubes/a" / name).unlink()
    (cut / "tubes/a" / f".{shards[1]}.7.part").write_bytes(b"half")
    with pytest.raises(ArtefactError, match="half-written"):
        TubeStore.open(cut, "a")
    kept = (cut / "tubes/a" / shards[0]).stat().st_mtime_ns
    assert run(afew, "--name", "a", "--work", cut, "--workers", "1").exit_code == 0
    for name in (*shards, "index.csv"):
        assert (cut / "tubes/a" / name).read_bytes() == (whole / "tubes/a" / name).read_bytes()
    assert (cut / "tubes/a" / shards[0]).stat().st_mtime_ns == kept
    assert not list((cut / "tubes/a").glob(".*.part"))
    other = run(afew, "--name", "a", "--work", cut, "--detail", "40")
    assert other.exit_code == 4
    assert "--overwrite" in other.stderr


def test_a_csv_of_clips(afew: Path, tmp_path: Path) -> None:
    table = afew / "some.csv"
    lines = [("file", "label", "subject", "split"), ("Val/Sad/002.avi", "fear", "7", "val")]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([*lines, ("gone.mp4", "contempt", "", "")])
    (row, gone) = open_clips(table).rows
    assert (row.label, row.group, row.split) == ("fear", "7", "validation")
    assert (gone.path, gone.label, gone.row) == ("gone.mp4", "", 1)
    table.unlink()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,what\na.mp4,happy\n", "no columns file and label"),
        ("file,label\na.mp4,hapy\n", "line 2: 'hapy' is not one"),
        ("file,label,split\na.mp4,sad,some\n", "'some' is no split"),
        ("file,label\na.mp4,sad\na.mp4,sad\n", "names a.mp4 twice"),
        ("", "no columns file and label"),
        ("file,label\n", "holds no clips"),
        ("file,label\na.mp4,sad\n,sad\n", "line 3 names no file"),
    ],
)
def test_a_bad_csv_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        open_clips(tmp_path / "a.csv")


def test_a_source_without_clips_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no clips"):
        open_clips(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        open_clips(tmp_path / "gone")
    (tmp_path / "Hapy").mkdir()
    for folder in ("Hapy", "Sad", "Angry"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "a.mp4").touch()
    with pytest.raises(InputError, match="did you mean 'happy'"):
        open_clips(tmp_path)
