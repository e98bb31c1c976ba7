"""``emotiw align`` as it is typed: exit codes, messages, killing and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from emotiw_cli.artefact import exclusive

EMOTIW = [sys.executable, "-m", "emotiw_cli"]
ROWS = 4000  # four shards


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FER2013's csv in miniature: grey squares of 6×6."""
    path = tmp_path_factory.mktemp("source") / "fer.csv"
    lines = ["emotion,pixels,Usage"]
    for row in range(ROWS):
        pixels = " ".join(str((row * 7 + pixel) % 256) for pixel in range(36))
        lines.append(f"{row % 7},{pixels},{('Training', 'PublicTest')[row % 5 == 0]}")
    lines[5] = "0,1 2 3,Training"
    lines[6] = "7,1 2 3 4,Training"
    path.write_text("\n".join(lines))
    return path


def align(source: Path, work: Path, *options: str, **keywords: Any) -> list[str]:
    return [*EMOTIW, "align", str(source), "--name", "set", "--work", str(work), *options]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def files(work: Path) -> dict[str, bytes]:
    folder = work / "faces" / "set"
    names = ["index.csv", *(path.name for path in folder.glob("shard-*.h5"))]
    return {name: (folder / name).read_bytes() for name in names}


CROPS = ("--no-detect", "--size", "48x64", "--workers", "2")


@pytest.fixture(scope="module")
def whole(crops: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an undisturbed run on one processor."""
    work = tmp_path_factory.mktemp("whole")
    done = run(align(crops, work, *CROPS[:3], "--workers", "1", "--json"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    summary = json.loads(done.stdout)
    assert summary["status"] == {"bad_row": 2, "ok": ROWS - 2}
    assert summary["complete"] is True
    assert summary["images_per_second"] > 0
    return files(work)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_half_way_the_same_command_goes_on(
    crops: Path, whole: dict[str, bytes], tmp_path: Path, how: signal.Signals
) -> None:
    command = align(crops, tmp_path, *CROPS)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    folder = tmp_path / "faces" / "set"
    while not (folder / "shard-00000.csv").exists():
        assert process.poll() is None
        time.sleep(0.002)
    if how == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, how)
    errors = process.communicate(timeout=60)[1]
    assert not (folder / "manifest.json").exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert errors == "emotiw: interrupted; run the same command again to go on from there.\n"

    missing = run([*EMOTIW, "map", "set", "--work", str(tmp_path)])
    assert missing.returncode == 4
    assert "half-written" in missing.stderr

    again = run([*command, "--json"])
    assert again.returncode == 0, again.stderr
    assert 0 < json.loads(again.stdout)["worked_on"] < ROWS
    assert files(tmp_path) == whole
    assert not list(folder.glob(".*.part"))


def test_two_machines_share_the_work(crops: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    first = run(align(crops, tmp_path, *CROPS, "--shard", "1/2"))
    assert (first.returncode, "2 of 4 shards are still missing" in first.stderr) == (0, True)
    second = run(align(crops, tmp_path, *CROPS, "--shard", "2/2"))
    assert (second.returncode, second.stderr) == (0, "")
    assert files(tmp_path) == whole


def test_a_test_split_becomes_validation_when_asked(tmp_path: Path) -> None:
    source = tmp_path / "fer.csv"
    source.write_text("emotion,pixels,Usage\n0,1 2 3 4,Training\n1,5 6 7 8,PrivateTest\n")
    done = run(align(source, tmp_path, *CROPS, "--test-as-validation", "--json"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["split"] == {"train": 1, "validation": 1}
    assert "1 pictures of the test split become the validation split" in done.stderr


def test_a_second_run_at_once_is_refused(crops: Path, tmp_path: Path) -> None:
    with exclusive(tmp_path / "faces" / "set"):
        done = run(align(crops, tmp_path, *CROPS))
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert f"process {os.getpid()}" in done.stderr


def test_a_full_disk_is_one_sentence_and_costs_nothing(
    crops: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    mounted = run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(tmp_path)])
    if mounted.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        full = run(align(crops, tmp_path, *CROPS))
        assert full.returncode == 6
        assert "the disk is full; free some space and run the same command again" in full.stderr
        assert full.stderr.count("\n") == 1
        assert not list(tmp_path.rglob("*.part"))
        assert run(["mount", "-o", "remount,size=50m", str(tmp_path)]).returncode == 0
        again = run(align(crops, tmp_path, *CROPS, "--json"))
        assert json.loads(again.stdout)["worked_on"] < ROWS
        assert files(tmp_path) == whole
    finally:
        run(["umount", str(tmp_path)])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["nowhere"], 3, "nowhere does not exist"),
        (["empty"], 3, "holds no pictures"),
        (["classes"], 3, "did you mean 'surprise'?"),
        (["classes", "--layout", "photos", "--name", "../up"], 3, "is not a usable name"),
        (["classes", "--layout", "photos", "--work", "classes/sad/a.png"], 6, "stands where"),
        (["classes", "--layout", "photos", "--exclude", "no.txt"], 3, "no.txt cannot be read"),
        (["classes", "--size", "12"], 2, "write it as 143x181"),
        (["classes", "--shard", "2"], 2, "write it as 1/2"),
        (["classes", "--split-by-group", "1.5"], 2, "between 0 and 1"),
        (["classes", "--layout", "webface"], 2, "webface"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for emotion in ("angry", "sad", "suprise"):
        (tmp_path / "classes" / emotion).mkdir(parents=True)
        (tmp_path / "classes" / emotion / "a.png").write_bytes(b"")
    done = run([*EMOTIW, "align", "--name", "set", *options])
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_summary_is_a_table_for_readers(crops: Path, tmp_path: Path) -> None:
    near = tmp_path / "near.txt"
    near.write_text("fer.csv:000002\nnowhere.png\n")
    done = run(align(crops, tmp_path, *CROPS, "--exclude", str(near)))
    assert done.returncode == 0
    assert "bad_row 2, excluded 1, ok 3997" in done.stdout
    assert "set" in done.stdout
    assert "1 excluded names are not in" in done.stderr
