"""What verbs show where."""

from __future__ import annotations

import json

import pytest

from emotiw_cli.commands import _console
from emotiw_cli.commands._console import print_json, progress, table


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(_console.time, "monotonic", lambda: now[0])
    with progress("pictures", 50) as bar:
        for second in range(25):
            now[0] = 100.0 + second
            bar(2)
        bar.update(7, 70, "loss 0.5")
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["pictures: 22/50", "pictures: 42/50"]
    assert captured.out == ""


def test_quiet_is_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_console, "EVERY_SECONDS", 0.0)
    with progress("pictures", 2, quiet=True) as bar:
        bar()
        bar()
    assert bar.done == 2
    assert capsys.readouterr() == ("", "")


def test_a_table_leaves_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    table(
        "Done", {"faces_kept": 3, "label": {}, "split": {"train": 2}, "rate": 0.12345678, "x": None}
    )
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["Done", "faces kept  3", "split       train 2", "rate        0.1235"]


def test_a_table_takes_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table("Done", {"path": "a[bold]b"})
    assert "a[bold]b" in capsys.readouterr().out


def test_json_is_readable_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "é", "faces": [1, 2]})
    out = capsys.readouterr().out
    assert "é" in out
    assert json.loads(out) == {"name": "é", "faces": [1, 2]}


def test_a_part_without_a_value_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    table("Evaluated", {"recall": {"happy": 0.5, "sad": None}})
    assert "happy 0.5, sad –" in capsys.readouterr().out
