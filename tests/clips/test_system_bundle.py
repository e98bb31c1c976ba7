"""Bundles of fused systems: what `predict` says is what tubes and `clips apply` say."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from clip_maker import FaceOnGround, tone, write_clip
from mouth_tubes import write_tubes
from tiny_bundle import FACE
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.clips.bundle import load_clip_bundle
from emotiw_cli.clips.make_tubes import make_tubes
from emotiw_cli.clips.modules import open_module
from emotiw_cli.clips.predict import predict_clip
from emotiw_cli.clips.schema import SPEC
from emotiw_cli.clips.source import open_clips
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, TamperedError

pytest.importorskip("sklearn")

HUM = sum(tone(4, 16000, 150.0 * k) / k for k in range(1, 6)) / 4
MEMBERS = {
    "mean": ("train", "faces", "TUBES", "--bundle", "tiny", "--aggregate", "mean"),
    "segments": ("train", "faces", "TUBES", "--bundle", "tiny"),
    "lips": ("train", "mouths", "TUBES", "--words", 12),
    "moves": ("train", "activity", "TUBES", "--words", 12),
    "voice": ("listen", "TUBES"),
    "pair": ("fuse", "--modules", "lips,voice"),
}
FUSED = {
    "by-mean": ("--method", "mean"),
    "by-random-search": ("--method", "random-search", "--draws", 500),
    "by-svm": ("--method", "svm", "--c", 2, "--gamma", 1),
    "by-mlp": ("--method", "mlp"),
}
NEAR = 1e-6
"""Products of matrices of float32 round otherwise than those of their rows."""


def run(work: Path, *words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--work", str(work)])


def done(work: Path, *words: object) -> Result:
    result = run(work, *words)
    assert result.exit_code == 0, f"{words}: {result.stderr} {result.exception!r}"
    return result


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    """Clips in a folder: two faces and a hum; a face alone; and what has less than that."""
    face = FaceOnGround(photo, 160)
    wide = (480, 200)
    two = [face.at((10 + 2 * n, 20), (300, 20 + n), size=wide) for n in range(13)]
    two += [face.at((36 + 2 * n, 20), size=wide) for n in range(12)]
    walk = [face.at((30 + 3 * n, 10), size=wide) for n in range(14)]
    room = [face.at(size=wide)] * 12
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "two.mkv", two, sounds=[(HUM[:36000] * 1.7, 16000)])
    write_clip(folder / "mute.mkv", walk)
    write_clip(folder / "unseen.mkv", room, sounds=[(HUM, 16000)])
    write_clip(folder / "sound.mkv", sounds=[(HUM[16000:], 16000)])
    write_clip(folder / "hush.mkv", room, sounds=[(np.zeros(16000), 16000)])
    lines = ["file,label", *(f"{path.name},happy" for path in sorted(folder.iterdir()))]
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module", params=[False, True], ids=["looks", "every-frame"])
def work(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    root: Path,
    _tiny_bundle: Path,
) -> Path:
    """Systems and their bundles, learned from drawn tubes; and the clips as tubes ``clips``."""
    work = tmp_path_factory.mktemp("work")
    shutil.copytree(_tiny_bundle, work / "bundles" / "tiny")
    write_tubes(work, crops=(12, 20, 0, 4), size=FACE, hums=True, every_frame=request.param)
    for name, words in MEMBERS.items():
        named = ["set" if word == "TUBES" else word for word in words]
        done(work, "clips", *named, "--name", name)
    for name, plan in FUSED.items():
        done(work, "clips", "fuse", "--modules", ",".join(MEMBERS), "--name", name, *plan)
        done(work, "clips", "bundle", "--fused", name, "--name", name)
    make_tubes(
        open_clips(root / "labels.csv"),
        work / "tubes" / "clips",
        size=FACE,
        detail=None,
        every_frame=request.param,
        workers=1,
    )
    return work


@pytest.mark.parametrize("name", FUSED)
def test_predict_says_what_tubes_and_apply_say(work: Path, root: Path, name: str) -> None:
    done(work, "clips", "apply", name, "clips", "--name", f"{name}-clips")
    _, outputs = open_module(work, f"{name}-clips")
    rows = TubeStore.open(work, "clips").rows
    tubes = {row.path: row.tubes for row in rows}
    assert tubes == {"hush.mkv": 0, "mute.mkv": 1, "sound.mkv": 0, "two.mkv": 2, "unseen.mkv": 0}
    bundle = load_clip_bundle(name, work=work)
    statuses = {}
    for row, expected in zip(rows, outputs.posteriors, strict=True):
        clip = predict_clip(str(root / row.path), bundle)
        statuses[row.path] = clip.status
        assert len(clip.tubes) == row.tubes
        if row.path == "hush.mkv":  # nothing was seen or heard, and nothing is answered
            assert clip.posterior == ()
        else:
            assert clip.posterior == pytest.approx(expected, abs=NEAR)
    assert statuses == {
        "hush.mkv": "no_face",
        "mute.mkv": "ok",
        "sound.mkv": "voice_only",
        "two.mkv": "ok",
        "unseen.mkv": "voice_only",
    }


def test_a_clip_with_nothing_for_its_modules_is_told(
    work: Path, root: Path, tmp_path: Path
) -> None:
    done(work, "clips", "bundle", "--fused", "voice", "--name", "hears")
    result = done(work, "predict", root / "mute.mkv", "--bundle", "hears", "--csv", "-")
    clip, *_ = csv.DictReader(io.StringIO(result.stdout))
    assert (clip["status"], clip["emotion"]) == ("ok", "")
    assert "mute.mkv has nothing that the bundle's modules read" in result.stderr


def test_the_rows_are_those_of_any_bundle(work: Path, root: Path, tmp_path: Path) -> None:
    words = ("predict", root / "two.mkv", "--bundle", "by-svm", "--csv", "-")
    result = done(work, *words, "--draw", tmp_path / "drawn", "--json", tmp_path / "a.json")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["part"] for row in rows if row["part"] != "step"] == [
        *("clip", "tube", "tube", "voice", "span")
    ]
    steps = Counter(row["tube"] for row in rows if row["part"] == "step")
    longest = max(steps, key=steps.__getitem__)
    times = [float(row["time"]) for row in rows if (row["part"], row["tube"]) == ("step", longest)]
    assert len(times) == 15  # six looks a second, every frame or not
    assert times == sorted(times)
    shares = {part: [] for part in ("step", "tube")}  # type: ignore[var-annotated]
    for row in rows:
        if row["tube"] == longest:
            shares[row["part"]].append([float(row[emotion]) for emotion in EMOTIONS])
    assert np.mean(shares["step"], axis=0) == pytest.approx(shares["tube"][0], abs=2e-6)
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["two.mp4", "two.png"]
    (told,) = json.loads((tmp_path / "a.json").read_text())["clips"]
    assert told["emotion"] == rows[0]["emotion"]


def test_evaluate_says_what_predict_says(work: Path, root: Path, tmp_path: Path) -> None:
    done(work, "evaluate", "by-svm", "clips", "--out", tmp_path / "out")
    with open(tmp_path / "out" / "predictions.csv", encoding="utf-8", newline="") as file:
        measured = {row["path"]: row for row in csv.DictReader(file)}
    words = [root / name for name in sorted(measured)]
    result = done(work, "predict", *words, "--bundle", "by-svm", "--csv", "-")
    rows = csv.DictReader(io.StringIO(result.stdout))
    told = {Path(row["path"]).name: row for row in rows if row["part"] == "clip"}
    assert told.keys() == measured.keys()
    for name, row in measured.items():
        for column in ("status", "emotion"):
            assert row[column] == told[name][column], name
        shares = [[float(one[emotion] or 0) for emotion in EMOTIONS] for one in (row, told[name])]
        assert shares[0] == pytest.approx(shares[1], abs=2e-6)


def test_to_a_system_that_does_not_listen_a_clip_is_one_without_sound(
    work: Path, root: Path, tmp_path: Path
) -> None:
    frames = [np.full((200, 480, 3), 90, np.uint8)] * 3
    silent = write_clip(tmp_path / "silent.mkv", frames)
    deaf = load_clip_bundle("by-svm", work=work, voice=False)
    clip = predict_clip(str(root / "two.mkv"), deaf)
    assert (clip.status, clip.heard) == ("ok", ())
    heard = predict_clip(str(root / "two.mkv"), load_clip_bundle("by-svm", work=work))
    assert clip.faces_posterior == heard.faces_posterior
    assert clip.posterior != pytest.approx(heard.posterior, abs=1e-3)
    assert predict_clip(str(root / "unseen.mkv"), deaf).status == "no_face"
    assert predict_clip(str(root / "sound.mkv"), deaf).status == "no_video"
    assert predict_clip(str(silent), deaf).posterior == ()


def test_it_is_listed_shown_and_verified(work: Path, tmp_path: Path) -> None:
    listed = done(work, "bundles", "list").stdout
    assert "by-svm: workspace, version 1, mean + segments + lips + moves + voice," in listed
    card = done(work, "bundles", "show", "by-svm").stdout
    assert "by-svm: fused, by svm, of mean, segments, lips, moves, voice, pair" in card
    assert "| by-svm | validation | 8 |" in card
    assert "clips: for tests" in card
    states = json.loads(done(work, "status", "--verify", "--json").stdout)["artefacts"]
    assert {one["state"] for one in states if one["name"] != "tiny"} == {"ok"}
    bundle = next(one for one in states if one["name"] == "by-svm" and one["kind"] == "bundles")
    assert bundle["made_from"] == ["modules/by-svm"]
    copied = tmp_path / "copied"
    shutil.copytree(work, copied)
    file = copied / "bundles/by-svm/modules-lips.npz"
    file.write_bytes(file.read_bytes() + b" ")
    assert run(copied, "bundles", "verify").exit_code == 8
    with pytest.raises(TamperedError, match=r"modules-lips\.npz is not the file"):
        load_clip_bundle("by-svm", work=copied)


def test_one_module_alone_makes_a_bundle(work: Path, root: Path) -> None:
    words = ("clips", "bundle", "--faces", "tiny", "--name", "alone")
    done(work, *words, "--fused", "pair")
    done(work, *words, "--fused", "lips", "--overwrite")  # and nothing is left of the pair
    bundle = load_clip_bundle("alone", work=work)
    assert bundle.faces.spec.name == "tiny"
    assert bundle.voices == ()
    assert [path.name for path in bundle.folder.glob("modules-*")] == ["modules-lips.npz"]
    clip = predict_clip(str(root / "mute.mkv"), bundle)
    assert sum(clip.posterior) == pytest.approx(1)
    assert predict_clip(str(root / "unseen.mkv"), bundle).status == "no_face"


def test_what_cannot_be_bundled_is_one_sentence(work: Path, tmp_path: Path) -> None:
    words = ("clips", "bundle", "--name", "no")
    assert run(work, *words).exit_code == 2
    assert run(work, *words, "--fused", "by-svm", "--voice", "a").exit_code == 2
    assert run(work, *words, "--fused", "none").exit_code == 4
    again = run(work, "clips", "bundle", "--name", "by-svm", "--fused", "by-svm")
    assert (again.exit_code, "--overwrite" in again.stderr) == (4, True)
    copied = tmp_path / "copied"
    shutil.copytree(work, copied)
    shutil.rmtree(copied / "tubes" / "set")
    gone = run(copied, *words, "--fused", "by-svm")
    assert (gone.exit_code, "tubes/set does not exist" in gone.stderr) == (4, True)


def test_what_is_no_system_is_refused(work: Path, tmp_path: Path) -> None:
    import hashlib

    told = json.loads((work / "bundles/by-svm" / SPEC).read_text())
    system = told["system"]
    assert told["schema"] == 2
    first, *rest = system["modules"]
    for change in (
        {**system, "module": "luck"},
        {**system, "file": "other.npz"},
        {**system, "modules": []},
        {**system, "modules": [{**first, "bundle": ""}, *rest]},
        {**system, "modules": rest},
    ):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(work / "bundles/by-svm", folder)
        content = json.dumps({**told, "system": change}).encode()
        (folder / SPEC).write_bytes(content)
        (folder / "clips.sha256").write_text(hashlib.sha256(content).hexdigest())
        with pytest.raises(ArtefactError, match=r"is not a clip bundle's|does not fuse 5 modules"):
            load_clip_bundle(folder, work=work)
