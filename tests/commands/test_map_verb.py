"""``emotiw map`` as it is typed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from emotiw_cli.artefact import exclusive
from emotiw_cli.data.make_faces import make_faces
from emotiw_cli.data.sources import open_source

EMOTIW = [sys.executable, "-m", "emotiw_cli"]
FACES = 40


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with forty faces of noise, 40 pixels wide and 50 high, in ten shards."""
    lines = ["emotion,pixels"]
    random = np.random.default_rng(0)
    for _ in range(FACES):
        lines.append("0," + " ".join(map(str, random.integers(0, 256, 100))))
    (tmp_path / "fer.csv").write_text("\n".join(lines))
    make_faces(
        open_source(tmp_path / "fer.csv"),
        tmp_path / "work" / "faces" / "set",
        size=(40, 50),
        detector=None,
        workers=1,
        inputs_per_shard=4,
    )
    return tmp_path / "work"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EMOTIW, "map", *options], capture_output=True, text=True, timeout=120, check=False
    )


def test_each_radius_has_its_cache_and_a_picture_is_drawn(work: Path) -> None:
    picture = work / "sheet.png"
    done = run(
        *("set", "--work", str(work), "--radius", "1", "--radius", "10", "--json"),
        *("--picture", str(picture), "--face", "3"),
    )
    assert done.returncode == 0, done.stderr
    assert [each["size"] for each in json.loads(done.stdout)["codes"]] == [[38, 48], [20, 30]]
    for radius, shape in ((1, (4, 48, 38)), (10, (4, 30, 20))):
        with h5py.File(work / "codes" / f"set-r{radius}" / "shard-00009.h5") as file:
            assert file["codes"].shape == shape
    assert cv2.imread(str(picture)).std() > 10
    assert f"{picture} shows fer.csv:000005" in done.stderr


def test_the_papers_radii_are_the_default(work: Path) -> None:
    done = run("set", "--work", str(work))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (work / "codes").iterdir()) == [
        "set-r1",
        "set-r10",
        "set-r5",
    ]
    assert "38×48" in done.stdout


def test_killed_half_way_the_same_command_goes_on(work: Path) -> None:
    command = [*EMOTIW, "map", "set", "--work", str(work), "--radius", "2"]
    folder = work / "codes" / "set-r2"
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (folder / "shard-00000.h5").exists():
        assert process.poll() is None
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    if (folder / "manifest.json").exists():
        pytest.skip("the run ended before it could be killed")
    again = run("set", "--work", str(work), "--radius", "2", "--json")
    assert json.loads(again.stdout)["codes"][0]["worked_on"] < FACES
    assert not list(folder.glob(".*.part"))


def test_the_palettes_are_derived_again() -> None:
    done = run("--recompute", "--json")
    assert done.returncode == 0, done.stderr
    derived = {each["metric"]: each for each in json.loads(done.stdout)["palettes"]}
    assert set(derived) == {"regular", "cyclic", "circular"}
    assert derived["regular"]["equals_the_shipped"]
    assert derived["cyclic"]["equals_the_shipped"]
    # Its many ties are decided by rounding, which differs between processors.
    assert derived["circular"]["most_levels_apart"] <= 3
    assert (derived["regular"]["iterations"], derived["cyclic"]["iterations"]) == (60, 41)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "name the faces to map"),
        (["set", "--recompute"], 2, "leave NAME out"),
        (["nobody"], 4, "does not exist (there are: set); make it first with `emotiw align"),
        (["set", "--radius", "20"], 3, "use another --radius, or align at a larger --size"),
        (["set", "--radius", "0"], 2, "0 is not in the range"),
        (["set", "--radius", "1", "--picture", "p.gif"], 2, "a name that ends in .png"),
        (["set", "--radius", "1", "--picture", "p.png", "--face", "99"], 3, "no face in row 99"),
        (["set", "--radius", "1", "--picture", "no/p.png"], 6, "the folder does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    work: Path, options: list[str], code: int, said: str
) -> None:
    done = run(*options, "--work", str(work))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_run_at_once_is_refused(work: Path) -> None:
    with exclusive(work / "codes" / "set-r1"):
        done = run("set", "--work", str(work), "--radius", "1")
    assert (done.returncode, done.stderr.count("\n")) == (7, 1)
