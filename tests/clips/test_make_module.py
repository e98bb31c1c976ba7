"""Modules made of tubes, and what fuses them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.artefact import bundle_reference, reference, write_manifest
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips import make_module, module_maker
from emotiw_cli.clips.bundle import DEFAULT_NAME
from emotiw_cli.clips.fusion import Fusion
from emotiw_cli.clips.index import INDEX, ClipRow, write_index
from emotiw_cli.clips.make_tubes import CROPS, FACES, SOUND, TIME, TUBE
from emotiw_cli.clips.modules import OUTPUTS, Outputs, folds_of, open_module
from emotiw_cli.clips.voice.run import VoiceModel
from emotiw_cli.data.shards import landing_hdf5, shard_name, store
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError

WIDTH, HEIGHT = 48, 60
HUM = sum(np.sin(2 * np.pi * 150 * k * np.arange(16_000) / 16_000) / k for k in range(1, 6)) / 8


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["clips", *map(str, words)])


@pytest.fixture(scope="module")
def bundle(_tiny_bundle: Path) -> Path:
    return _tiny_bundle


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tubes of bright, happy and dark, sad faces; a hum in half of them; two without a face."""
    work = tmp_path_factory.mktemp("modules") / "work"
    folder = work / "tubes" / "set"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows, faces, sound = [], [], []
    for number in range(24):
        happy, crops = number % 2 == 0, 0 if number >= 22 else 3
        samples = len(HUM) if number % 4 < 2 else 0
        rows.append(
            ClipRow(
                f"{number:02d}.mp4",
                number,
                "ok" if crops else "no_face",
                split="train" if number < 16 else "validation",
                label="happy" if happy else "sad",
                shard=0,
                start=len(faces),
                crops=crops,
                sound_start=len(sound) * len(HUM),
                samples=samples,
            )
        )
        grey = 200 if happy else 60
        for _ in range(crops):
            faces.append(rng.integers(grey - 20, grey + 20, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        if samples:
            sound.append(HUM.astype(np.float16))
    with landing_hdf5(folder / shard_name(0)) as file:
        store(file, CROPS, np.zeros((len(faces), 96, 96, 3), np.uint8))
        store(file, FACES, np.array(faces))
        file[TUBE], file[TIME] = np.ones(len(faces), np.int16), np.zeros(len(faces), np.float32)
        file[SOUND] = np.concatenate(sound)
    write_index(folder / INDEX, rows)
    write_manifest(
        folder,
        "tubes",
        parameters={"size": [WIDTH, HEIGHT], "detail": None},
        inputs=[],
        outputs=[INDEX, shard_name(0)],
        licences=["clips: for tests"],
    )
    return work


def test_the_mean_is_that_of_a_clips_faces(work: Path, bundle: Path) -> None:
    words = ("--bundle", bundle, "--aggregate", "mean", "--work", work, "--json")
    result = run("train", "faces", "set", "--name", "mean", *words)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["clips"], told["training"], told["without_answer"]) == (24, 16, 2)
    assert (told["validation"]["clips"], told["validation"]["without_answer"]) == (8, 2)
    artefact, outputs = open_module(work, "mean")
    tubes = make_module.TubeStore.open(work, "set")
    own = load_bundle(bundle).posteriors(list(tubes.clip(tubes.rows[1]).faces))
    assert outputs.posteriors[1] == pytest.approx(own.mean(axis=0))
    assert np.isnan(outputs.posteriors[22:]).all()
    assert outputs.labels[:2].tolist() == [EMOTIONS.index("happy"), EMOTIONS.index("sad")]
    assert artefact.manifest["licences"] == ["clips: for tests"]
    assert artefact.manifest["inputs"][1] == bundle_reference(bundle / "bundle.json")
    assert json.loads(run("train", "faces", "set", "--name", "mean", *words).stdout) == told
    other = run("train", "faces", "set", "--name", "mean", "--work", work, "--bundle", bundle)
    assert other.exit_code == 4
    assert "--overwrite" in other.stderr


def test_the_machine_tells_bright_from_dark(work: Path, bundle: Path) -> None:
    pytest.importorskip("sklearn")
    words = ("--bundle", bundle, "--work", work, "--json", "--c", "1000", "--gamma", "10")
    result = run("train", "faces", "set", "--name", "segments", *words)
    assert result.exit_code == 0, result.stderr
    # Of eight clips, six have faces; of the two without, even odds are right for neither.
    assert json.loads(result.stdout)["validation"]["accuracy"]["value"] == pytest.approx(6 / 8)
    _, outputs = open_module(work, "segments")
    there = np.isfinite(outputs.posteriors).all(axis=1)
    assert there.tolist() == [True] * 22 + [False] * 2
    assert (outputs.posteriors[there].argmax(axis=1) == outputs.labels[there]).all()


def test_what_is_said_of_training_clips_is_said_without_them() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    rows = [
        ClipRow(str(k), k, split="train", label=EMOTIONS[label]) for k, label in enumerate(labels)
    ]
    outputs = Outputs.of(rows, np.full((40, 7), np.nan))
    features = rng.normal(0, 1, (40, 3))

    def remember(rows: np.ndarray, labels: np.ndarray) -> tuple[object, dict[str, np.ndarray]]:
        """One that knows every clip by heart and takes others for disgust."""
        known = {row.tobytes(): label for row, label in zip(rows, labels, strict=True)}
        return (lambda other: np.eye(7)[[known.get(row.tobytes(), 1) for row in other]]), {}

    _, spoken = module_maker.crossed(features, outputs, np.ones(40, bool), remember, 0)  # type: ignore[arg-type]
    assert (spoken.argmax(axis=1) == 1).all()


def test_a_group_is_in_one_fold() -> None:
    groups = np.array(["a", "b", "a", "c", "b", "d", "e"])
    folds = folds_of(groups, 5, 0)
    assert sorted(set(folds.tolist())) == [0, 1, 2, 3, 4]
    assert folds[0] == folds[2]
    assert folds[1] == folds[4]


def test_a_voice_is_heard_where_there_is_one(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def heard(**_: object) -> object:
        return type("Heard", (), {"voice": VoiceModel(lambda windows: np.eye(7)[3])})

    monkeypatch.setattr(make_module, "load_clip_bundle", heard)
    result = run("listen", "set", "--name", "voice", "--work", work, "--json")
    assert result.exit_code == 0, result.stderr
    _, outputs = open_module(work, "voice")
    assert np.isfinite(outputs.posteriors).all(axis=1).tolist() == [True, True, False, False] * 6
    assert (outputs.posteriors[0] == np.eye(7)[3]).all()
    names = [one["name"] for one in open_module(work, "voice")[0].manifest["inputs"]]
    assert names == ["set", f"{DEFAULT_NAME}/clips.json"]
    assert run("listen", "set", "--name", "w", "--voice", "none", "--work", work).exit_code == 4


def say(work: Path, name: str, sure: np.ndarray, digest: str = "d") -> None:
    """A module that is right of the clips where `sure` holds, and says nothing of the others."""
    rows = [
        ClipRow(
            str(k),
            k,
            split="train" if k < 40 else "validation",
            label=EMOTIONS[k % 3],
            group=f"g{k}",
        )
        for k in range(60)
    ]
    posteriors = np.full((60, 7), 0.05)
    posteriors[np.arange(60), np.arange(60) % 3] = 0.7
    posteriors[~sure] = np.nan
    folder = work / "modules" / name
    folder.mkdir(parents=True)
    Outputs.of(rows, posteriors).write(folder / OUTPUTS)
    nothing = np.zeros(0, np.uint64)
    Seen(nothing, frozenset(), nothing).write(folder / SEEN)
    inputs = [{"kind": "tubes", "name": "set", "digest": digest}]
    write_manifest(folder, "modules", parameters={}, inputs=inputs, outputs=[OUTPUTS])


@pytest.mark.parametrize("method", ["mean", "random-search", "svm", "mlp"])
def test_modules_that_know_other_clips_are_right_together(tmp_path: Path, method: str) -> None:
    pytest.importorskip("sklearn")
    even = np.arange(60) % 2 == 0
    say(tmp_path, "a", even)
    say(tmp_path, "b", ~even)
    say(tmp_path, "c", even, digest="other")
    words = ("--work", tmp_path, "--draws", "1000", "--json", "--method", method)
    words += ("--c", "2", "--gamma", "2") if method == "svm" else ()
    result = run("fuse", "--modules", "a,b", "--name", "both", *words)
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)["validation"]
    assert figures["accuracy"]["value"] == pytest.approx(1)
    _, outputs = open_module(tmp_path, "both")
    assert outputs.posteriors.sum(axis=1) == pytest.approx(np.ones(60))
    artefact = open_module(tmp_path, "both")[0]
    members = [open_module(tmp_path, name)[0] for name in ("a", "b")]
    assert artefact.manifest["inputs"][:2] == [reference(member) for member in members]
    fusion = Fusion.from_arrays(read_arrays(artefact.folder / module_maker.MODEL), 2, "both")
    given = np.stack([open_module(tmp_path, name)[1].posteriors for name in ("a", "b")])
    held = outputs.splits != "train"
    assert (fusion.posteriors(given)[held] == outputs.posteriors[held]).all()
    again = run("fuse", "--modules", "a,both", "--name", "more", *words)
    assert again.exit_code == 0, again.stderr
    for modules in ("a", "a,c"):
        refused = run("fuse", "--modules", modules, "--name", "no", *words)
        assert refused.exit_code == InputError.exit_code
        assert "made from the same tubes" in refused.stderr


def test_what_cannot_be_made_is_one_sentence(work: Path, bundle: Path, tmp_path: Path) -> None:
    words = ("--name", "no", "--work", work)
    assert "size" in run("train", "faces", "set", *words).stderr
    assert run("train", "faces", "none", *words, "--bundle", bundle).exit_code == 4
    few = tmp_path / "few"
    shutil.copytree(work, few)
    tubes = make_module.TubeStore.open(few, "set")
    rows = [replace(row, label="") for row in tubes.rows]
    write_index(few / "tubes" / "set" / INDEX, rows)
    with pytest.raises(InputError, match="too little to train on: 0 labelled"):
        make_module.make_faces_module(few, "set", "no", bundle=str(bundle))
    (few / "a.npz").write_bytes(b"other")
    with pytest.raises(ArtefactError):
        Outputs.read(few / "a.npz")
