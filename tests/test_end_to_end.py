"""Every verb in turn on the tiny set of the examples, killed on the way and run again."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.artefact import open_artefact
from emotiw_cli.emotions import EMOTIONS

pytest.importorskip("torch")

EXAMPLES = Path(__file__).parents[1] / "examples"
PHOTOS = EXAMPLES / "photos"
NET = ["--net", "mobilenet_v1.025", "--resize", "36", "--crop", "32", "--threads", "1"]
NET += ["--batch", "4", "--optimizer", "adamw", "--lr", "0.003", "--augment", "none", "--ema", "0"]
GREY = ["finetune", "emotions", "--rep", "grey", *NET, "--epochs", "3"]


def run(*arguments: object) -> str:
    """Run a verb within this process; what it wrote to standard output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, f"{arguments}: {result.stderr} {result.exception!r}"
    return result.stdout


def summary(*arguments: object) -> dict[str, Any]:
    """Run a verb that prints JSON."""
    told: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return told


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tiny sets."""
    spec = importlib.util.spec_from_file_location("tiny", EXAMPLES / "make_tiny_set.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("pictures")
    module.make_tiny_set(folder)
    return folder


@pytest.fixture(scope="module")
def chain(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The summary of each verb, in the order of the pipeline, and the workspace."""
    work = tmp_path_factory.mktemp("work")
    here = ("--work", work)
    told: dict[str, Any] = {"work": work}
    for name in ("people", "emotions"):
        told[f"align {name}"] = summary(
            "align", pictures / name, "--name", name, "--workers", 1, *here
        )
        told[f"map {name}"] = summary("map", name, "--radius", 5, *here)
    told["pretrain"] = summary(
        *("pretrain", "people", "--name", "identities", "--rep", "cyclic-5", *NET),
        *("--epochs", 1, *here),
    )
    told["finetune codes"] = summary(
        *("finetune", "emotions", "--name", "codes", "--rep", "cyclic-5", *NET),
        *("--init", "identities", "--epochs", 2, *here),
    )
    told["finetune grey"] = summary(*GREY, "--name", "grey", *here)
    told["ensemble"] = summary("ensemble", "--members", "codes,grey", "--name", "tiny", *here)
    told["evaluate"] = summary("evaluate", "tiny", "emotions", "--split", "test", *here)
    told["predict"] = run(
        *("predict", PHOTOS, "--bundle", "tiny", "--workers", 1),
        *("--draw", work / "drawn", "--csv", "-", *here),
    )
    told["status"] = summary("status", "--verify", *here)
    return told


def test_align_stores_each_face_and_tells_of_the_one_without(chain: dict[str, Any]) -> None:
    people, emotions = chain["align people"], chain["align emotions"]
    assert (people["layout"], people["identities"], people["faces"]) == ("identities", 2, 40)
    assert emotions["layout"] == "classes"
    assert emotions["status"] == {"no_face": 1, "ok": 63}
    assert emotions["split"] == {"test": 12, "train": 36, "validation": 15}
    with open(chain["work"] / "faces/emotions/index.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 64
    assert [row["path"] for row in rows if row["status"] != "ok"] == ["test/neutral/no-face.png"]


def test_map_makes_codes_of_the_faces_size_less_the_radius(chain: dict[str, Any]) -> None:
    (codes,) = chain["map emotions"]["codes"]
    assert (codes["faces"], codes["size"]) == (63, [133, 171])


def test_trainings_tell_what_they_used(chain: dict[str, Any]) -> None:
    assert chain["pretrain"]["identities"] == 2
    assert (chain["finetune codes"]["training"], chain["finetune codes"]["validation"]) == (36, 15)
    model = open_artefact(chain["work"], "models", "codes")
    assert {entry["name"] for entry in model.manifest["inputs"]} == {
        "emotions",
        "emotions-r5",
        "identities",
    }


def test_the_ensemble_weighs_both_members(chain: dict[str, Any]) -> None:
    assert chain["ensemble"]["faces"] == 15
    assert set(chain["ensemble"]["weights"]) == {"codes", "grey"}
    assert sum(chain["ensemble"]["weights"].values()) == pytest.approx(1)


def test_evaluation_counts_the_picture_without_a_face(chain: dict[str, Any]) -> None:
    counts = chain["evaluate"]["counts"]
    assert (counts["labelled"], counts["labelled_found"]) == (13, 12)
    assert chain["evaluate"]["coverage"] == pytest.approx(12 / 13)
    assert Path(chain["evaluate"]["report"]).stat().st_size > 10_000


def test_predict_answers_for_both_photos_and_draws_them(chain: dict[str, Any]) -> None:
    rows = list(csv.DictReader(chain["predict"].splitlines()))
    assert [Path(row["path"]).name for row in rows] == ["astronaut.png", "grace_hopper.jpg"]
    for row in rows:
        assert row["status"] == "ok"
        assert sum(float(row[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-4)
    assert sorted(path.name for path in (chain["work"] / "drawn").iterdir()) == [
        "astronaut.png",
        "grace_hopper.jpg",
    ]


def test_status_finds_the_whole_chain_as_it_was_written(chain: dict[str, Any]) -> None:
    artefacts = {f"{one['kind']}/{one['name']}": one for one in chain["status"]["artefacts"]}
    assert {one["state"] for one in artefacts.values()} == {"ok"}
    assert artefacts["bundles/tiny"]["made_from"] == ["models/codes", "models/grey"]
    assert artefacts["bundles/tiny"]["used_by"] == ["evaluations/tiny-on-emotions-test"]


def test_the_same_commands_again_find_their_work_done(
    chain: dict[str, Any], pictures: Path
) -> None:
    here = ("--work", chain["work"])
    again = summary("align", pictures / "people", "--name", "people", "--workers", 1, *here)
    assert again["worked_on"] == 0
    (codes,) = summary("map", "people", "--radius", 5, *here)["codes"]
    assert codes["worked_on"] == 0
    before = open_artefact(chain["work"], "models", "grey").manifest
    summary(*GREY, "--name", "grey", *here)
    assert open_artefact(chain["work"], "models", "grey").manifest == before


def test_pictures_that_were_trained_on_are_refused(chain: dict[str, Any]) -> None:
    arguments = ["evaluate", "tiny", "emotions", "--split", "train", "--work", str(chain["work"])]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 5
    assert "36" in result.stderr


def killed(command: list[str], when: Path) -> None:
    """Start `command` and kill it as soon as the file `when` appears."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "emotiw_cli", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not when.exists() and time.monotonic() < deadline:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def state(work: Path, key: str) -> tuple[str, str]:
    for one in summary("status", "--work", work)["artefacts"]:
        if f"{one['kind']}/{one['name']}" == key:
            return one["state"], one["note"]
    raise AssertionError(f"status does not know {key}")


def test_align_killed_and_run_again_gives_the_same_faces(
    chain: dict[str, Any], pictures: Path, tmp_path: Path
) -> None:
    command = ["align", str(pictures / "people"), "--name", "people", "--workers", "1"]
    command += ["--work", str(tmp_path)]
    killed(command, tmp_path / "faces/people/plan.json")
    assert state(tmp_path, "faces/people") == ("half-written", "0 of 1 shards")
    refused = CliRunner().invoke(app, ["map", "people", "--work", str(tmp_path)])
    assert refused.exit_code == 4
    run(*command)
    whole = open_artefact(chain["work"], "faces", "people")
    assert open_artefact(tmp_path, "faces", "people").digest == whole.digest


def test_finetune_killed_and_run_again_ends_with_the_same_weights(chain: dict[str, Any]) -> None:
    work = chain["work"]
    command = [*GREY, "--name", "killed", "--work", str(work)]
    folder = work / "models" / "killed"
    killed(command, folder / "checkpoint" / "progress.json")
    found, note = state(work, "models/killed")
    assert found == "half-written"
    assert note.startswith("checkpoint at epoch ")
    refused = CliRunner().invoke(
        app, ["ensemble", "--members", "killed,grey", "--name", "b", "--work", str(work)]
    )
    assert refused.exit_code == 4
    assert "half-written" in refused.stderr
    run(*command)
    outputs = [
        open_artefact(work, "models", name).manifest["outputs"]["weights.safetensors"]
        for name in ("killed", "grey")
    ]
    assert outputs[0] == outputs[1]
