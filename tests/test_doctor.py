"""Each look at the machine, at one that is well and at one that is not."""

from __future__ import annotations

import json
import resource
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emotiw_cli import doctor
from emotiw_cli.app import app
from emotiw_cli.doctor import Check
from emotiw_cli.errors import TamperedError

Usage = namedtuple("Usage", "total used free")


def test_required_libraries_are_those_of_the_project_file() -> None:
    core = dict(doctor._required(""))
    assert {"numpy", "opencv-python-headless", "dlib-bin", "onnxruntime", "typer"} <= set(core)
    assert "torch" not in core
    assert core["pillow"] == "11"
    assert "torch" in dict(doctor._required("train"))


def test_a_library_that_is_there_is_ok() -> None:
    assert doctor._library("numpy", "1.26", doctor.FAULT).state == "ok"


def test_a_missing_library_is_a_fault_with_its_remedy() -> None:
    check = doctor._library("no-such-distribution", "1", doctor.FAULT)
    assert (check.state, check.exit_code) == ("fault", 9)
    assert "pip install" in check.remedy


def test_an_old_library_is_a_fault() -> None:
    check = doctor._library("numpy", "999", doctor.FAULT)
    assert (check.state, check.found) == (
        "fault",
        f"{metadata.version('numpy')}, older than 999",
    )


def test_a_library_that_does_not_load_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError("libGL.so.1: cannot open shared object file\nmore")

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    check = doctor._library("numpy", "1", doctor.WARNING)
    assert check.state == "warning"
    assert check.found.endswith("does not load: libGL.so.1: cannot open shared object file")


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.13.0+cpu", (2, 13, 0)), ("0.9.7.post1", (0, 9, 7)), ("x", ())]
)
def test_numbers_of_a_version(version: str, numbers: tuple[int, ...]) -> None:
    assert doctor._numbers(version) == numbers


def test_face_detector_and_landmarks_work_here() -> None:
    assert doctor._tried("detectors", doctor._detectors).state == "ok"
    assert doctor._tried("landmarks", doctor._landmarks).found.startswith("5 and 68 points")


def test_an_error_of_emotiw_is_the_remedy() -> None:
    def attempt() -> str:
        raise TamperedError("x is not the file it was; copy it again.")

    assert doctor._tried("model", attempt) == Check(
        "model", "fault", "does not work", "x is not the file it was; copy it again.", 8
    )


def test_any_other_error_is_a_fault_too() -> None:
    def attempt() -> str:
        raise ZeroDivisionError

    assert doctor._tried("model", attempt).found == "does not work: ZeroDivisionError"


@pytest.mark.parametrize(
    ("content", "quota"), [("max 100000", None), ("150000 100000", 1.5), ("odd", None)]
)
def test_processor_quota_of_a_container(tmp_path: Path, content: str, quota: float | None) -> None:
    place = tmp_path / "cpu.max"
    place.write_text(content)
    assert doctor._processor_quota(place) == quota
    assert doctor._processor_quota(tmp_path / "none") is None


def test_a_quota_below_the_processors_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_processor_quota", lambda: 0.5)
    check = doctor._processors()
    assert check.state == "warning"
    assert "--workers 1" in check.remedy


@pytest.mark.parametrize(
    ("threads", "state"), [("1", "ok"), ("0", "warning"), ("many", "warning"), ("9999", "warning")]
)
def test_thread_counts_that_hurt(monkeypatch: pytest.MonkeyPatch, threads: str, state: str) -> None:
    monkeypatch.setattr(doctor, "_processor_quota", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert doctor._processors().state == state


def test_a_nearly_full_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(2e9, 1.9e9, 1e8))
    check = doctor._disk(tmp_path / "not" / "yet")
    assert (check.state, check.found) == (
        "warning",
        f"0.1 GB free for {tmp_path / 'not' / 'yet'}",
    )


def test_a_workspace_that_can_be_written_is_ok(tmp_path: Path) -> None:
    check = doctor._writable(tmp_path / "not" / "yet")
    assert (check.state, check.found) == ("ok", f"{tmp_path} can be written")
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_cannot_be_written_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(dir: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    check = doctor._writable(tmp_path)
    assert check.state == "warning"
    assert "Read-only file system" in check.found


def test_a_low_limit_of_open_files_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))
    assert doctor._open_files().remedy.endswith("ulimit -n 4096.")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert doctor._open_files().state == "ok"


def test_another_encoding_than_utf_8_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    assert doctor._encoding().state == "warning"


def _examined(*checks: Check) -> object:
    return lambda work: iter(checks)


def test_warnings_leave_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = (Check("a", "ok", "fine"), Check("b", "warning", "slow", "Do this."))
    monkeypatch.setattr(doctor, "examine", _examined(*checks))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "→ Do this." in result.stdout
    assert result.stdout.endswith("0 faults, 1 warning.\n")


def test_a_fault_leaves_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = (Check("a", "fault", "gone", "Get it.", 9), Check("b", "fault", "bad", "Mend.", 8))
    monkeypatch.setattr(doctor, "examine", _examined(*checks))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    told = json.loads(result.stdout)
    assert result.exit_code == 9
    assert (told["fault"], told["warning"], told["ok"]) == (2, 0, 0)
    assert told["checks"][1]["remedy"] == "Mend."


def test_a_missing_library_stops_the_looks_that_need_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "_required", lambda extra: [] if extra else [("none-such", "1")])
    names = [check.name for check in doctor.examine(tmp_path)]
    assert names[:2] == ["Python", "none-such"]
    assert "face detector" not in names
    assert names[-1] == "text"
