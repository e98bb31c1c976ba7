"""``emotiw predict`` as its users meet it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.result import COLUMNS

EMOTIW = [sys.executable, "-m", "emotiw_cli", "predict"]


def predict(bundle: Path, *arguments: str, stdin: str = "") -> Result:
    """Run the verb in this process."""
    return CliRunner().invoke(app, ["predict", "--bundle", str(bundle), *arguments], input=stdin)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def place(tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in: photos of a face, one without, and a text that calls itself one."""
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("b.jpg", "deep/a.jpg"):
        (tmp_path / "photos" / name).write_bytes(photo.read_bytes())
    (tmp_path / "photos" / "text.jpg").write_text("this is a text")
    Image.new("RGB", (64, 64), (120, 120, 120)).save(tmp_path / "blank.png")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_into_a_pipe_goes_the_csv(place: Path, tiny_bundle: Path) -> None:
    result = predict(tiny_bundle, "photos", "blank.png", "gone.jpg", "*.gif", "photos/b.jpg")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == ",".join(COLUMNS)
    rows = rows_of(result.stdout)
    assert [(row["path"], row["status"]) for row in rows] == [
        ("photos/b.jpg", "ok"),
        ("photos/text.jpg", "unreadable"),
        ("photos/deep/a.jpg", "ok"),
        ("blank.png", "no_face"),
        ("gone.jpg", "missing"),
        ("*.gif", "missing"),
        ("photos/b.jpg", "ok"),
    ]
    assert rows[0] == rows[-1]
    assert set(rows[3].values()) == {"blank.png", "no_face", ""}
    shares = [float(rows[0][emotion]) for emotion in COLUMNS[7:14]]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert float(rows[0]["confidence"]) == max(shares)
    assert rows[0]["emotion"] == COLUMNS[7:14][shares.index(max(shares))]
    assert "7 photos, 3 not read, 3 faces" in result.stderr
    assert "photos/text.jpg is not a JPEG" in result.stderr


def test_files_for_csv_json_and_drawings(place: Path, tiny_bundle: Path) -> None:
    result = predict(tiny_bundle, "photos", "--csv", "a.csv", "--json", "a.json", "--draw", "drawn")
    assert (result.exit_code, result.stdout) == (0, "")
    rows = rows_of((place / "a.csv").read_text())
    pictures = json.loads((place / "a.json").read_text())["pictures"]
    assert [row["path"] for row in rows] == [picture["path"] for picture in pictures]
    for row, picture in zip(rows, pictures, strict=True):
        for face in picture["faces"]:
            assert {name: f"{share:.6f}" for name, share in face["posterior"].items()} == {
                name: row[name] for name in COLUMNS[7:14]
            }
            assert face["box"] == {name: int(row[name]) for name in COLUMNS[3:7]}
    drawn = sorted(str(path.relative_to(place)) for path in (place / "drawn").rglob("*.*"))
    assert drawn == ["drawn/b.jpg", "drawn/deep/a.jpg"]


def test_json_on_standard_output_is_alone_there(place: Path, tiny_bundle: Path) -> None:
    result = predict(tiny_bundle, "blank.png", "--json", "-")
    assert [picture["status"] for picture in json.loads(result.stdout)["pictures"]] == ["no_face"]


def test_paths_from_standard_input(place: Path, tiny_bundle: Path) -> None:
    result = predict(tiny_bundle, "-", stdin="blank.png\n\nphotos/deep\n")
    assert [row["path"] for row in rows_of(result.stdout)] == ["blank.png", "photos/deep/a.jpg"]


def test_without_detection_each_picture_is_a_face(place: Path, tiny_bundle: Path) -> None:
    (row,) = rows_of(predict(tiny_bundle, "--no-detect", "blank.png").stdout)
    assert [row[name] for name in COLUMNS[1:7]] == ["ok", "1", "0", "0", "64", "64"]


def test_only_faces_missing_is_an_answer(place: Path, tiny_bundle: Path) -> None:
    assert predict(tiny_bundle, "blank.png").exit_code == 0


@pytest.mark.parametrize("given", ["gone.jpg", "photos/text.jpg", "empty", "*.gif"])
def test_nothing_read_is_exit_code_3(place: Path, tiny_bundle: Path, given: str) -> None:
    result = predict(tiny_bundle, given)
    assert result.exit_code == 3
    assert len(rows_of(result.stdout)) == 1
    assert given in result.stderr


def test_no_bundle_is_exit_code_4(place: Path) -> None:
    result = predict(Path("nowhere"), "blank.png")
    assert result.exit_code == 4
    assert "there is no bundle 'nowhere'" in result.stderr
    assert result.stdout == ""


def test_a_tampered_bundle_is_exit_code_8(place: Path, tiny_bundle: Path) -> None:
    (tiny_bundle / "m1-cyclic-2.onnx").write_bytes(b"other")
    result = predict(tiny_bundle, "blank.png")
    assert result.exit_code == 8
    assert "m1-cyclic-2.onnx is not the file" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--csv", "gone/a.csv"],
        ["--json", "blank.png/a.json"],
        ["--csv", "empty"],
        ["--draw", "blank.png"],
        ["--draw", "photos"],
    ],
)
def test_an_output_that_cannot_be_written_is_exit_code_6(
    place: Path, tiny_bundle: Path, arguments: list[str]
) -> None:
    result = predict(tiny_bundle, "photos", *arguments)
    assert result.exit_code == 6
    assert arguments[1] in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["--csv", "blank.png"], ["--csv", "a", "--json", "a"], ["--workers", "0"], []]
)
def test_wrong_usage_is_exit_code_2(place: Path, tiny_bundle: Path, arguments: list[str]) -> None:
    before = (place / "blank.png").read_bytes()
    photos = ["photos"] if arguments else []
    assert predict(tiny_bundle, *photos, *arguments).exit_code == 2
    assert (place / "blank.png").read_bytes() == before


def test_help_tells_columns_and_exit_codes() -> None:
    result = CliRunner().invoke(app, ["predict", "--help"])
    text = " ".join(result.stdout.replace("│", " ").split())
    assert ", ".join(COLUMNS) in text
    assert "Exit codes: 0 if at least one picture or clip could be read" in text


def on_terminal(*arguments: str, columns: int) -> str:
    """Run the verb on a terminal of its own; return what it shows."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    process = subprocess.Popen([*EMOTIW, *arguments], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


@pytest.mark.parametrize("columns", [80, 160])
def test_on_a_terminal_stands_a_table(place: Path, tiny_bundle: Path, columns: int) -> None:
    shown = on_terminal(
        "photos", "blank.png", "--bundle", str(tiny_bundle), columns=columns
    ).replace("\r", "")
    plain = "".join(part.partition("m")[2] for part in ("m" + shown).split("\x1b["))
    table = plain.partition("emotiw:")[0].splitlines()
    assert all(len(line) <= columns for line in table)
    assert sum("photos/b.jpg" in line and "%" in line for line in table) == 1
    assert sum("blank.png" in line and "no_face" in line for line in table) == 1
    assert "path,status" not in plain
    assert "4 photos, 1 not read, 2 faces" in plain


def test_a_reader_that_stops_early_is_no_fault(place: Path, tiny_bundle: Path) -> None:
    process = subprocess.Popen(
        [*EMOTIW, "--bundle", str(tiny_bundle), *["blank.png"] * 1000],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"path,")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_the_rows_so_far(
    place: Path, photo: Path, tiny_bundle: Path, workers: int
) -> None:
    process = subprocess.Popen(
        [*EMOTIW, "-", "--csv", "a.csv", "--workers", str(workers), "--bundle", str(tiny_bundle)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(b"blank.png\n" * 100_000)
    process.stdin.close()
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size for file in place.glob(".a.csv.*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    assert process.stderr is not None
    message = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 130
    rows = rows_of((place / "a.csv.partial").read_text())
    assert {(row["path"], row["status"]) for row in rows} == {("blank.png", "no_face")}
    assert len(message.splitlines()) == 1
    assert f"interrupted after {len(rows)} of 100000 pictures" in message
    assert "a.csv.partial" in message
    assert not list(place.glob(".a.csv*"))
    assert not (place / "a.csv").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB; skips where none may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_one_sentence(place: Path, tiny_bundle: Path, small_disk: Path) -> None:
    target = small_disk / "a.csv"
    path = "./" * 100 + "blank.png"
    result = predict(tiny_bundle, "-", "--csv", str(target), stdin=f"{path}\n" * 400)
    assert result.exit_code == 6
    assert result.stderr.splitlines() == [
        f"emotiw: {target} cannot be written: the disk is full; "
        "free some space and run the same command again."
    ]
    assert not target.exists()

    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / "noise.png")
    (small_disk / "a.csv.partial").unlink()
    result = predict(tiny_bundle, "noise.png", "--no-detect", "--draw", str(small_disk / "drawn"))
    assert result.exit_code == 6
    assert "the disk is full" in result.stderr
    assert list((small_disk / "drawn").iterdir()) == []


@pytest.mark.parametrize("words", [("--camera", "0"), ("a.mp4",)])
def test_a_detector_is_named_for_photos_alone(
    place: Path, tiny_bundle: Path, words: tuple[str, ...]
) -> None:
    result = predict(tiny_bundle, *words, "--detector", "yunet")
    assert result.exit_code == 2
    assert "--detector is for photos" in result.stderr
