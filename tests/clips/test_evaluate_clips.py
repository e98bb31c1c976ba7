"""``emotiw evaluate`` on tubes: modules and bundles of clips, measured as those of faces are."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_maker import write_clip
from mouth_tubes import write_tubes
from tiny_bundle import FACE
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips.index import INDEX, write_index
from emotiw_cli.clips.modules import open_module
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import LeakError

pytest.importorskip("sklearn")

FUSED = "faces,lips,voice"


def run(work: Path, *words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--work", str(work)])


def told(work: Path, *words: object) -> dict[str, Any]:
    result = run(work, *words, "--json")
    assert result.exit_code == 0, f"{words}: {result.stderr} {result.exception!r}"
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, _tiny_bundle: Path) -> Path:
    work = tmp_path_factory.mktemp("evaluate")
    tiny = work / "bundles" / "tiny"
    shutil.copytree(_tiny_bundle, tiny)
    nothing = np.zeros(0, np.uint64)
    Seen(nothing, frozenset(["clips:s8"]), nothing).write(tiny / SEEN)
    write_tubes(work, crops=(12, 20, 0, 4), size=FACE, hums=True, groups=True)
    told(work, "clips", "train", "faces", "set", "--bundle", "tiny", "--name", "faces")
    told(work, "clips", "train", "mouths", "set", "--words", 12, "--name", "lips")
    told(work, "clips", "listen", "set", "--name", "voice")
    told(work, "clips", "fuse", "--modules", FUSED, "--name", "system")
    told(work, "clips", "fuse", "--modules", "lips,voice", "--name", "pair")
    told(work, "clips", "bundle", "--fused", "pair", "--faces", "tiny", "--name", "shown")
    return work


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "work"))


def predictions(folder: Path) -> list[dict[str, str]]:
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["pair", "lips", "shown"])
def test_what_is_measured_is_what_was_said_when_it_was_made(work: Path, name: str) -> None:
    figures = told(work, "evaluate", name, "set", "--split", "validation")
    artefact, outputs = open_module(work, "pair" if name == "shown" else name)
    recorded = artefact.manifest["metrics"]["validation"]
    # Even odds are right of neither happy nor sad, and no answer is wrong as well.
    assert figures["all"]["accuracy"]["value"] == recorded["accuracy"]["value"]
    assert figures["all"]["mean_recall"]["value"] == recorded["mean_recall"]["value"]
    assert figures["counts"]["groups"] == 4
    folder = work / "evaluations" / f"{name}-on-set-validation"
    report = (folder / "report.html").read_text()
    assert figures.pop("report") == str(folder / "report.html")
    assert figures == json.loads((folder / "metrics.json").read_text())
    rows = predictions(folder)
    expected = outputs.posteriors[outputs.splits == "validation"]
    for row, posterior in zip(rows, expected, strict=True):
        if row["emotion"]:
            shares = [float(row[emotion]) for emotion in EMOTIONS]
            assert shares == pytest.approx(posterior, abs=1e-6)
    hears = name != "lips"
    said = [row["status"] for row in rows if row["emotion"]]
    assert said.count("voice_only") == (1 if hears else 0)
    assert [row["status"] for row in rows if not row["emotion"]] == ["no_face"] * (1 + (not hears))
    assert figures["coverage"] == len(said) / 8
    assert figures["confusion"]["columns"][-1] == "no_answer"
    assert "8 labelled of 8 clips" in report
    assert "of 8 with an answer" in report
    assert "picture" not in report.split("Licence:")[0]
    assert "Faces</h2>" not in report
    made = json.loads((folder / "manifest.json").read_text())
    kind = "file" if name == "shown" else "modules"
    assert [one["kind"] for one in made["inputs"]] == [kind, "tubes"]
    states = {f"{one['kind']}/{one['name']}": one for one in told(work, "status")["artefacts"]}
    behind = states[f"evaluations/{folder.name}"]
    assert behind["state"] == "ok"
    room = "bundles" if name == "shown" else "modules"
    assert sorted(behind["made_from"]) == [f"{room}/{name}", "tubes/set"]


def test_clips_and_people_that_were_trained_on_are_refused(work: Path) -> None:
    refused = run(work, "evaluate", "pair", "set")
    assert refused.exit_code == LeakError.exit_code
    assert "trained on 16 of these 24 clips of set" in refused.stderr
    assert "--split validation, or add --allow-seen" in refused.stderr
    assert not (work / "evaluations").exists()
    figures = told(work, "evaluate", "pair", "set", "--allow-seen")
    assert figures["counts"]["trained_on"] == 16
    report = (work / "evaluations/pair-on-set/report.html").read_text()
    assert "Modules were trained on 16 of these clips or their subjects." in report
    # Whom the bundle for photos has seen says little about a module of faces, but nothing about one
    # that only sees mouths.
    shown = run(work, "evaluate", "system", "set", "--split", "validation")
    assert (shown.exit_code, "trained on 2 of these 8" in shown.stderr) == (5, True)


def test_a_clip_is_known_by_what_is_in_it(work: Path) -> None:
    """Not by the name of its file, nor by the tubes or the set that it is in."""
    write_tubes(work, "other", crops=(12, 20, 0, 4), size=FACE, hums=True, note="again")
    store = TubeStore.open(work, "other")
    rows = [replace(row, path=f"x{row.path}", split="test") for row in store.rows]
    write_index(store.artefact.folder / INDEX, rows)
    refused = run(work, "evaluate", "pair", "other")
    # Of sixteen clips that were trained on, one has neither a face nor a sound.
    assert (refused.exit_code, "trained on 15 of these 24" in refused.stderr) == (5, True)
    assert "--split" not in refused.stderr  # there is no other one
    mute = [replace(row, samples=0) for row in rows]
    write_index(store.artefact.folder / INDEX, mute)
    refused = run(work, "evaluate", "pair", "other")
    assert "trained on 12 of these 24" in refused.stderr
    write_tubes(work, "third", crops=(12, 20, 0, 4), size=FACE, hums=True, seed=3)
    assert told(work, "evaluate", "pair", "third")["counts"]["trained_on"] == 0
    write_tubes(work, "fourth", crops=(12,), size=FACE, groups=True, seed=4)
    refused = run(work, "evaluate", "pair", "fourth")  # the subjects s0 to s7 of the same set
    assert "trained on 16 of these 24" in refused.stderr


def test_speech_that_the_voice_was_trained_on_is_refused(work: Path) -> None:
    speech = work / "speech"
    speech.mkdir()
    lines = ["file,emotion,subject"]
    rng = np.random.default_rng(0)
    store = TubeStore.open(work, "set")
    heard = [row for row in store.rows if row.samples]
    for number, row in enumerate(heard):
        sound = store.sound(row).astype(np.float64)
        if row.split == "validation" and number % 2:
            sound += rng.normal(0, 0.1, len(sound))  # another recording
        file = write_clip(speech / f"{number}.wav", sounds=[(sound, 16_000)])
        lines.append(f"{file.name},{row.label},{'a' if number < 12 else 'b'}")
    lines += [f"{number}.wav,happy,c" for number in range(2)]
    (speech / "labels.csv").write_text("\n".join(lines))
    told(work, "clips", "train", "audio", speech, "--held-out", "c", "--name", "own")
    told(work, "clips", "listen", "set", "--voice", "own", "--name", "spoken")
    refused = run(work, "evaluate", "spoken", "set", "--split", "validation")
    assert refused.exit_code == 5, refused.stderr
    assert "trained on 3 of these 8" in refused.stderr
    words = ("--voice", "own", "--voice-share", 0.3, "--faces", "tiny", "--name", "weighed")
    told(work, "clips", "bundle", *words)
    refused = run(work, "evaluate", "weighed", "set", "--split", "validation")
    # Of the subject that the bundle for photos has seen are two clips, of one of which is a sound.
    assert "trained on 4 of these 8" in refused.stderr
    # The bundle keeps what its voice has seen; what the faces' has stays where they are.
    kept, voice, faces = (
        Seen.read(work / of / "seen.npz")
        for of in ("bundles/weighed", "voices/own", "bundles/tiny")
    )
    assert (kept.pixels.tolist(), kept.groups) == (voice.pixels.tolist(), voice.groups)
    assert len(kept.pixels)
    assert not kept.groups & faces.groups
    figures = told(work, "evaluate", "weighed", "set", "--split", "validation", "--allow-seen")
    assert set(figures["members"]) == {"faces", "voice"}


def test_a_bundle_for_photos_reads_tubes_by_the_mean_of_faces(work: Path) -> None:
    words = ("--split", "validation", "--allow-seen")
    told(work, "clips", "train", "faces", "set", "--name", "mean", "--bundle", "tiny",
         "--aggregate", "mean")  # fmt: skip
    figures = told(work, "evaluate", "tiny", "set", *words)
    assert figures["bundle"] == {"name": "tiny", "version": "1"}
    recorded = open_module(work, "mean")[0].manifest["metrics"]["validation"]
    assert figures["all"]["accuracy"]["value"] == recorded["accuracy"]["value"]
    (work / "faces" / "set").mkdir(parents=True)  # what is called so are faces, then
    other = run(work, "evaluate", "tiny", "set", *words)
    assert (other.exit_code, "faces/set is half-written" in other.stderr) == (4, True)
    assert told(work, "evaluate", "pair", "set", *words)["counts"]["rows"] == 8


def test_the_summary_is_of_clips(work: Path) -> None:
    result = run(work, "evaluate", "pair", "set", "--split", "validation")
    assert result.exit_code == 0
    for text in ("8, 8 of them labelled", "with an answer", "no answer counts as wrong"):
        assert text in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["pair", "none"], 4, "tubes/none does not exist"),
        (["pair", "set", "--split", "test"], 3, "no labelled row of split 'test'"),
        (["pair", "set", "--no-detect"], 2, "not for groups or clips"),
        (["default", "set", "--split", "validation"], 4, "make tubes with --size"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    work: Path, words: list[str], code: int, message: str
) -> None:
    result = run(work, "evaluate", *words)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
