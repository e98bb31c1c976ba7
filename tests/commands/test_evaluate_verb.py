"""``emotiw evaluate`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy import toy_workspace
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.ensemble.fit import Plan
from emotiw_cli.ensemble.make import make_bundle


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    make_bundle(work, "trio", toy_workspace(work), Plan())
    return work


def _run(work: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *options, "--work", str(work), "--workers", "1"])


def test_json_is_the_metrics(work: Path) -> None:
    result = _run(work, "trio", "toy", "--split", "validation", "--json")
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    report = Path(printed.pop("report"))
    assert report == work / "evaluations" / "trio-on-toy-validation" / "report.html"
    assert printed == json.loads((report.parent / "metrics.json").read_text())


def test_summary_for_a_reader(work: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere"
    result = _run(work, "trio", "toy", "--split", "validation", "--out", str(out))
    assert result.exit_code == 0
    assert (out / "report.html").is_file()
    for part in ("accuracy", "coverage", "chosen on", "recall"):
        assert part in result.stdout


def test_a_bundle_by_its_folder(work: Path) -> None:
    folder = str(work / "bundles" / "trio")
    assert _run(work, folder, "toy", "--split", "validation").exit_code == 0


def test_leak(work: Path) -> None:
    result = _run(work, "trio", "toy")
    assert result.exit_code == 5
    assert "--allow-seen" in result.stderr
    assert not (work / "evaluations").exists()
    assert _run(work, "trio", "toy", "--allow-seen").exit_code == 0


def test_tampered_bundle(work: Path) -> None:
    with open(work / "bundles" / "trio" / "good.onnx", "ab") as file:
        file.write(b" ")
    result = _run(work, "trio", "toy", "--split", "validation")
    assert result.exit_code == 8
    assert "good.onnx" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["duo", "toy"], 4, "no bundle 'duo'"),
        (["trio", "tots"], 3, "'tots' is neither"),
        (["trio", "toy", "--split", "test"], 3, "split 'test'"),
    ],
)
def test_what_is_not_there(work: Path, arguments: list[str], code: int, message: str) -> None:
    result = _run(work, *arguments)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())


def test_output_that_cannot_be_written(work: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    result = _run(work, "trio", "toy", "--split", "validation", "--out", str(file / "out"))
    assert result.exit_code == 6
