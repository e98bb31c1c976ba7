"""``emotiw duplicates`` as it is typed, and its list as `align` takes it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from toy import toy_faces
from typer.testing import CliRunner

from emotiw_cli.app import app


@pytest.fixture
def emotiw(tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, [*words, "--work", str(tmp_path)])
        return done.exit_code, done.stdout, done.stderr

    return run


def test_the_list_is_written_shown_and_taken_by_align(
    emotiw: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    toy_faces(tmp_path, train=14, validation=7, noise=3)
    near = tmp_path / "near.csv"
    code, out, _ = emotiw("duplicates", "toy", "--csv", str(near), "--json")
    summary = json.loads(out)
    assert (code, summary["faces"], summary["to_leave_out"]) == (0, 21, 14)
    assert summary["kind"] == {"near": 14}
    assert summary["splits"] == {"train of validation": 14}
    with open(near, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [f"{number:04d}.png" for number in range(14)]
    assert rows[3]["other_path"] == "0017.png"  # the same emotion's pattern
    assert [one["path"] for one in summary["duplicates"]] == [row["path"] for row in rows]

    code, out, err = emotiw("duplicates", "toy")
    assert code == 0
    assert "toy/0000.png repeats toy/0014.png (near, 0." in out
    assert "4 more; --csv FILE.csv writes them all" in err

    source = tmp_path / "source.csv"
    source.write_text("file,label\n0003.png,happy\n0014.png,angry\n")
    align = ["align", str(source), "--no-detect", "--exclude", str(near), "--json"]
    for name, excluded in (("toy", 1), ("another", 0)):
        _, out, _ = emotiw(*align, "--name", name, "--workers", "1", "--overwrite")
        assert json.loads(out)["status"].get("excluded", 0) == excluded


def test_nothing_alike_is_nothing_found(
    emotiw: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    toy_faces(tmp_path, train=14, validation=7)
    code, out, _ = emotiw("duplicates", "toy", "--json")
    assert (code, json.loads(out)["duplicates"]) == (0, [])


def test_faces_that_are_not_there_or_given_twice(
    emotiw: Callable[..., tuple[int, str, str]],
) -> None:
    assert emotiw("duplicates", "toy")[0] == 4
    code, _, err = emotiw("duplicates", "toy", "toy")
    assert (code, "name each once" in err) == (3, True)
