"""``emotiw bundles`` as a user meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.bundle.load import DEFAULT_NAME
from emotiw_cli.clips import bundle as clips
from emotiw_cli.groups import bundle as groups


@pytest.fixture
def work(tiny_bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_bundle, tmp_path / "work/bundles/mine")
    return tmp_path / "work"


def run(work: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bundles", *words, "--work", str(work)])
    return result.exit_code, result.stdout, result.stderr


def test_shipped_and_own_bundles_are_listed(work: Path) -> None:
    code, out, _ = run(work, "list", "--json")
    listed = {one["name"]: one for one in json.loads(out)["bundles"]}
    assert code == 0
    assert [name for name, one in listed.items() if one["default"]] == [
        DEFAULT_NAME,
        clips.DEFAULT_NAME,
        groups.DEFAULT_NAME,
    ]
    mine = listed["mine"]
    assert (mine["shipped"], mine["state"], mine["version"]) == (False, "verified", "1")
    assert mine["members"] == ["m0-rgb", "m1-cyclic-2"]
    assert f"{DEFAULT_NAME}: shipped, default, version" in run(work, "list")[1]


def test_show_prints_the_card(work: Path) -> None:
    assert run(work, "show", "mine")[:2] == (0, "# a bundle for tests\n")
    assert run(work, "show", "none")[0] == 4


def test_a_changed_file_is_found(work: Path) -> None:
    assert run(work, "verify", "mine")[:2] == (0, "mine: verified\n")
    (work / "bundles/mine/m0-rgb.onnx").write_bytes(b"other")
    code, out, err = run(work, "verify")
    assert code == 8
    assert f"{DEFAULT_NAME}: verified" in out
    assert "mine: damaged" in out
    assert "m0-rgb.onnx" in out
    assert "mine: damaged" in err
    assert run(work, "show", "mine")[0] == 8
