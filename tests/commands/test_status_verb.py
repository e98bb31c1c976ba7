"""``emotiw status`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.artefact import reference, write_manifest


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for kind, name in (("faces", "set"), ("codes", "set-r1")):
        folder = tmp_path / kind / name
        folder.mkdir(parents=True)
        (folder / "content").write_text(name)
    faces = write_manifest(
        tmp_path / "faces/set",
        "faces",
        parameters={"size": [143, 181]},
        inputs=[{"kind": "file", "name": "photos.zip", "digest": "0"}],
        outputs=["content"],
        counts={"inputs": 12, "faces": 11},
        licences=["free"],
    )
    write_manifest(
        tmp_path / "codes/set-r1",
        "codes",
        parameters={"radius": 1},
        inputs=[reference(faces)],
        outputs=["content"],
    )
    return tmp_path


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["status", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_chain_is_drawn_as_whole_lines(work: Path) -> None:
    code, out, _ = run("--work", work)
    lines = out.splitlines()
    assert code == 0
    assert lines[1].startswith("faces/set")
    assert "11 faces of 12 pictures, 143×181; from photos.zip" in lines[1]
    assert lines[2].startswith("└─ codes/set-r1")


def test_an_empty_workspace_tells_how_to_begin(tmp_path: Path) -> None:
    code, out, _ = run("--work", tmp_path / "none")
    assert code == 0
    assert "holds no artefacts yet" in out
    assert "emotiw align" in out


def test_a_name_tells_all_about_it(work: Path) -> None:
    code, out, _ = run("set", "--work", work)
    assert code == 0
    for told in ("faces/set", "11 faces of 12 pictures", "photos.zip", "codes/set-r1", "free"):
        assert told in out


def test_an_unknown_name_is_refused_with_those_there_are(work: Path) -> None:
    code, _, err = run("sets", "--work", work)
    assert code == 4
    assert "'sets'" in err
    assert "faces/set, codes/set-r1" in err


def test_json_is_all_there_is_on_stdout(work: Path) -> None:
    code, out, _ = run("--work", work, "--json")
    faces, codes = json.loads(out)["artefacts"]
    assert code == 0
    assert (faces["state"], faces["used_by"], faces["sources"]) == (
        "ok",
        ["codes/set-r1"],
        ["photos.zip"],
    )
    assert codes["made_from"] == ["faces/set"]
    assert codes["parameters"] == {"radius": 1}


def test_verify_exits_with_8_if_a_file_has_changed(work: Path) -> None:
    assert run("--work", work, "--verify")[0] == 0
    (work / "faces/set/content").write_text("other")
    code, out, err = run("--work", work, "--verify")
    assert code == 8
    assert "content has changed" in out
    assert "faces/set" in err


def test_it_runs_without_the_libraries_of_other_verbs(work: Path) -> None:
    code = (
        "import sys; from emotiw_cli.app import app\n"
        f"try: app(['status', '--work', {str(work)!r}])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'cv2', 'h5py'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
