"""``emotiw ensemble`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy import toy_workspace
from typer.testing import CliRunner, Result

from emotiw_cli.app import app


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    toy_workspace(work)
    return work


def _run(work: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["ensemble", "--work", str(work), "--name", "trio", *options])


def test_members_by_commas_and_repeated(work: Path) -> None:
    result = _run(work, "--members", "good, fair", "--member", "poor", "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert list(summary["weights"]) == ["good", "fair", "poor"]
    assert sum(summary["weights"].values()) == pytest.approx(1)
    assert summary["cross_validated"]["accuracy"]["value"] > 0.9


def test_summary_for_a_reader(work: Path) -> None:
    result = _run(work, "--members", "good,fair", "--method", "random-search-class", "--draws", "9")
    assert result.exit_code == 0
    for part in ("cross validated", "(optimistic)", "gain over good", "by emotion"):
        assert part in result.stdout


def test_prior_options(work: Path) -> None:
    shares = "1,1,1,3,2,1,1"
    options = ("--members", "good", "--prior-strength", "0.5", "--prior-target", shares)
    assert _run(work, *options).exit_code == 0
    written = json.loads((work / "bundles" / "trio" / "bundle.json").read_text())
    assert written["prior"]["strength"] == 0.5
    assert written["prior"]["target"] == pytest.approx([0.1, 0.1, 0.1, 0.3, 0.2, 0.1, 0.1])
    fitted = _run(work, "--members", "good", "--prior-strength", "fit", "--overwrite")
    assert fitted.exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--members", "best"], 4, "does not exist"),
        (["--members", "good,good"], 3, "given twice"),
        (["--members", "good", "--folds", "71"], 3, "form 70 groups"),
        (["--members", "good", "--prior-strength", "much"], 2, "a number or fit"),
        (["--members", "good", "--prior-target", "1,2"], 2, "7 positive numbers"),
        (["--members", "good", "--method", "voting"], 2, "voting"),
        (["--members", ","], 3, "at least one member"),
    ],
)
def test_what_cannot_be(work: Path, options: list[str], code: int, message: str) -> None:
    result = _run(work, *options)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert not (work / "bundles" / "trio" / "manifest.json").exists()


def test_a_read_only_workspace(work: Path) -> None:
    (work / "bundles").write_text("a file where a folder is needed")
    result = _run(work, "--members", "good")
    assert result.exit_code == 6
    assert "cannot be written" in result.stderr
