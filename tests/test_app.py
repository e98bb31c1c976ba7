"""The command line as a whole: verbs, help, errors to exit codes, start-up."""

from __future__ import annotations

import os
import shlex
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from emotiw_cli import __main__, __version__, app, errors
from emotiw_cli.errors import EXIT_CODES, EmotiwError

EMOTIW = [sys.executable, "-m", "emotiw_cli"]


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app.app, list(arguments))


def calls() -> dict[str, Any]:
    """What can be called: verb, or verb and sub-verb → its command."""
    found = {}
    for verb in app.VERBS:
        command = app.load_verb(verb)
        subs = getattr(command, "commands", None)
        found |= {f"{verb} {sub}": one for sub, one in subs.items()} if subs else {verb: command}
    return found


CALLS = calls()


@pytest.mark.parametrize("call", CALLS)
def test_help_of_every_verb_says_what_it_does_and_names_its_options(call: str) -> None:
    result = invoke(*call.split(), "--help")
    assert result.exit_code == 0, result.stderr
    first = CALLS[call].help.splitlines()[0]
    assert " ".join(first.split()) in " ".join(result.stdout.split())
    options = [
        name
        for parameter in CALLS[call].params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    ]
    assert "--work" in options
    for option in options:
        assert option in result.stdout


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb ``weather`` with the sub-verbs ``show`` and ``make``."""

    def weather_command() -> None:
        """Tell of the weather.

        At length.
        """

    def show(place: str, hot: bool = False) -> None:
        """Say what it is like somewhere."""
        print(f"{place} is {'hot' if hot else 'cold'}")

    def make() -> None:
        """Make another."""
        raise EmotiwError("nobody can.")

    module = types.ModuleType("emotiw_cli.commands.weather")
    vars(module).update(weather_command=weather_command, SUB_VERBS={"show": show, "make": make})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(app.VERBS, "weather", "Tell of the weather.")


def test_a_sub_verb_runs_with_its_options_and_within_the_error_boundary(weather: None) -> None:
    assert invoke("weather", "show", "Oslo", "--hot").stdout == "Oslo is hot\n"
    result = invoke("weather", "make")
    assert (result.exit_code, result.stderr) == (1, "emotiw: nobody can.\n")


def test_help_of_a_verb_with_sub_verbs_lists_them(weather: None) -> None:
    told = " ".join(invoke("weather", "--help").stdout.split())
    assert "Tell of the weather. At length." in told
    assert "Sub-verbs: show Say what it is like somewhere. make Make another." in told
    bare = invoke("weather")
    assert "Sub-verbs" in bare.stdout + bare.stderr


def test_an_unknown_sub_verb_is_wrong_usage_and_the_nearest_is_offered(weather: None) -> None:
    result = invoke("weather", "shwo")
    assert result.exit_code == 2
    assert "'shwo' is not a sub-verb; did you mean 'show'?" in result.stderr


def test_help_lists_every_verb_with_its_line() -> None:
    listed = " ".join(invoke("--help").stdout.split())
    for verb, line in app.VERBS.items():
        assert f"{verb} {line}" in listed


def test_a_bare_call_shows_the_help() -> None:
    result = invoke()
    assert "Verbs, in the order of the pipeline" in result.stdout + result.stderr


def test_version() -> None:
    assert invoke("--version").stdout == f"emotiw {__version__}\n"


def test_an_unknown_verb_is_wrong_usage_and_the_nearest_is_offered() -> None:
    result = invoke("predct", "photo.jpg")
    assert result.exit_code == 2
    assert "did you mean 'predict'?" in result.stderr


def test_a_verb_like_none_is_answered_with_all() -> None:
    result = invoke("xyz")
    assert result.exit_code == 2
    assert all(verb in result.stderr for verb in app.VERBS)


@pytest.mark.parametrize(
    "arguments", [("--nope",), ("predict",), ("predict", "--nope", "a.jpg"), ("align", "x")]
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert invoke(*arguments).exit_code == 2


def _raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `emotiw status` raise `error`."""

    def read_chain(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("emotiw_cli.status.chain.read_chain", read_chain)


SUBCLASSES = [EmotiwError, *EmotiwError.__subclasses__()]


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_an_error_is_one_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, kind: Callable[[str], EmotiwError]
) -> None:
    error = kind("work/faces/a is not there; make it.")
    _raising(monkeypatch, error)
    result = invoke("status")
    assert result.exit_code == error.exit_code
    assert result.stderr == "emotiw: work/faces/a is not there; make it.\n"
    assert result.stdout == ""


def test_ctrl_c_exits_with_130_and_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    _raising(monkeypatch, KeyboardInterrupt())
    result = invoke("status")
    assert result.exit_code == errors.INTERRUPTED == 130
    assert "run the same command again" in result.stderr


def test_a_fault_of_emotiw_itself_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    _raising(monkeypatch, ZeroDivisionError())
    result = invoke("status")
    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


def test_every_exit_code_is_documented_and_used_once() -> None:
    codes = [kind.exit_code for kind in SUBCLASSES]
    assert len(set(codes)) == len(codes)
    assert set(EXIT_CODES) == {0, 2, 130, *codes}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from emotiw_cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'dlib', 'torch', 'onnxruntime', 'h5py', 'rich', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_help_is_instant() -> None:
    """Twice the bound that the benchmark holds, as tests share their processors."""

    def seconds(command: list[str]) -> float:
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    pairs = [
        (seconds([*EMOTIW, "--help"]), seconds([sys.executable, "-c", "pass"])) for _ in range(7)
    ]
    assert statistics.median(own / least for own, least in pairs) < 16


def test_the_entry_point_leaves_the_collector_running(monkeypatch: pytest.MonkeyPatch) -> None:
    import gc

    monkeypatch.setattr("emotiw_cli.app.main", lambda: None)
    __main__.main()
    gc.unfreeze()
    assert gc.isenabled()


def test_a_terminal_that_is_not_utf_8_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "faces" / "Zoë").mkdir(parents=True)
    done = subprocess.run(
        [*EMOTIW, "status", "--work", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert "faces/Zo\\xeb" in done.stdout


def test_doctor_ends_quietly_though_it_has_torch_loaded() -> None:
    pytest.importorskip("torch")
    done = subprocess.run(
        [*EMOTIW, "doctor", "--json"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("arguments", [["--json"], []])
def test_a_full_disk_behind_standard_output_is_one_sentence(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*EMOTIW, "status", *arguments], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 6
    assert done.stderr.startswith("emotiw: standard output cannot be written: the disk is full")
    assert len(done.stderr.splitlines()) == 1


def test_standard_streams_may_be_closed(tmp_path: Path) -> None:
    program = f"exec {shlex.join(EMOTIW)} predict nothing.jpg --csv rows.csv <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", program], cwd=tmp_path)
    assert done.returncode in (3, 4)  # no such picture; or no default bundle
