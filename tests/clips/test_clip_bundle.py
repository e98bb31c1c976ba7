"""Clip bundles: faces and voice made one, whole or refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from clip_maker import FaceOnGround, tone, write_clip
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.artefact import landing_file, write_manifest
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips.bundle import (
    DEFAULT_NAME,
    SHIPPED,
    SHIPPED_FOLDER,
    SPEC,
    ClipBundle,
    load_clip_bundle,
    verify_clip_bundle,
)
from emotiw_cli.clips.draw import plot
from emotiw_cli.clips.evaluate import find_system
from emotiw_cli.clips.predict import predict_clip
from emotiw_cli.clips.voice.features import features
from emotiw_cli.clips.voice.functionals import FUNCTIONALS
from emotiw_cli.clips.voice.linear import LinearVoice
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError, TamperedError

VOICE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.75, 0.25)
"""What the voice module of these tests says of every voice."""

HUM = sum(tone(4, 16000, 150.0 * k) / k for k in range(1, 6)) / 4


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, _tiny_bundle: Path) -> Path:
    """A workspace with a still bundle, a voice module, and a clip bundle ``both`` of the two."""
    work = tmp_path_factory.mktemp("live") / "work"
    shutil.copytree(_tiny_bundle, work / "bundles" / _tiny_bundle.name)
    with np.errstate(divide="ignore"):
        biases = np.log(np.array(VOICE, np.float32))
    zeros = np.zeros(FUNCTIONALS, np.float32)
    weights = np.zeros((FUNCTIONALS, len(EMOTIONS)), np.float32)
    voice = LinearVoice(zeros, zeros + 1, weights, biases, np.float32(1))
    folder = work / "voices" / "calm"
    folder.mkdir(parents=True)
    with landing_file(folder / "model.npz") as file:
        np.savez(file, allow_pickle=False, **voice.arrays())
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    figures = {"accuracy": figure, "mean_recall": figure, "recalls": {"sad": 0.5}}
    write_manifest(
        folder,
        "voices",
        parameters={"variant": "linear", "held_out": ["9"]},
        inputs=[],
        outputs=["model.npz"],
        counts={"training": 10, "validation": 5},
        metrics={**figures, "elsewhere": figures},
        licences=["speech: for tests"],
    )
    words = ("--voice", "calm", "--voice-share", "0.25", "--faces", _tiny_bundle.name)
    made = run("clips", "bundle", *words, "--name", "both", "--work", work, "--json")
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout)["voice_share"] == 0.25
    return work


@pytest.fixture(scope="module")
def face(photo: Path) -> FaceOnGround:
    return FaceOnGround(photo)


def test_of_two_modules_the_weighted_mean_and_of_one_itself(tiny_bundle: Path, work: Path) -> None:
    both = load_clip_bundle("both", work=work)
    faces, voice = (1.0, *[0.0] * 6), (0.0, 1.0, *[0.0] * 5)
    assert both.fuse(faces, voice) == pytest.approx((0.75, 0.25, 0, 0, 0, 0, 0))
    assert both.fuse(faces, ()) == faces
    assert both.fuse((), voice) == voice
    assert both.fuse((), ()) == ()
    nothing = (float("nan"),) * 7
    many = np.array([[faces, nothing, nothing], [voice, voice, nothing]])
    fused = both.module.fusion.posteriors(many)  # type: ignore[attr-defined]
    assert fused[0] == pytest.approx((0.75, 0.25, 0, 0, 0, 0, 0))
    assert fused[1].tolist() == list(voice)
    assert np.isnan(fused[2]).all()
    assert len(load_clip_bundle(tiny_bundle).module.bundles) == 1
    assert load_clip_bundle(tiny_bundle).voice is None
    assert load_clip_bundle("both", work=work, voice=False).voice is None


def test_a_talking_face_is_seen_and_heard(tmp_path: Path, face: FaceOnGround, work: Path) -> None:
    frames = [face.at((60, 20))] * 8
    path = write_clip(tmp_path / "a.mp4", frames, rate=2, sounds=[(HUM, 16000)])
    arguments = ("predict", path, "--bundle", "both", "--work", work)
    result = run(*arguments, "--json", tmp_path / "a.json", "--csv", "-", "--draw", tmp_path / "d")
    assert result.exit_code == 0, result.stderr
    assert "1 face, 1 with a voice" in result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    parts = [row["part"] for row in rows]
    assert parts == ["clip", "tube", *["step"] * 8, "voice", *["span"] * 2]
    assert float(rows[-1]["time"]) == pytest.approx(2.75, abs=0.1)  # from 1.5 s to the end
    shares = [[float(row[emotion]) for emotion in EMOTIONS] for row in rows]
    assert shares[parts.index("voice")] == pytest.approx(VOICE, abs=1e-5)
    expected = 0.75 * np.array(shares[1]) + 0.25 * np.array(VOICE)
    assert shares[0] == pytest.approx(expected, abs=2e-6)
    (told,) = json.loads((tmp_path / "a.json").read_text())["clips"]
    assert list(told["faces"]["posterior"].values()) == pytest.approx(shares[1], abs=2e-6)
    assert told["voice"]["emotion"] == "sad"
    assert len(told["voice"]["spans"]) == 2
    alone = run(*arguments, "--no-voice")
    (clip, *_) = csv.DictReader(io.StringIO(alone.stdout))
    assert [float(clip[emotion]) for emotion in EMOTIONS] == pytest.approx(shares[1], abs=2e-6)
    both = predict_clip(str(path), load_clip_bundle("both", work=work))
    mute = predict_clip(str(path), load_clip_bundle("both", work=work, voice=False))
    assert plot(both).shape[0] > plot(mute).shape[0]  # a panel more


@pytest.mark.parametrize(
    "sound", [np.zeros(32000), np.random.default_rng(0).normal(0, 0.1, 32000), HUM[:2000]]
)
def test_where_nobody_speaks_the_faces_answer_alone(
    tmp_path: Path, face: FaceOnGround, work: Path, sound: np.ndarray
) -> None:
    frames = [face.at((60, 20))] * 4
    path = write_clip(tmp_path / "a.mkv", frames, rate=2, sounds=[(sound, 16000)])
    clip = predict_clip(str(path), load_clip_bundle("both", work=work))
    assert (clip.status, clip.heard) == ("ok", ())
    assert clip.posterior == clip.faces_posterior


def test_without_a_face_the_voice_answers_alone(
    tmp_path: Path, face: FaceOnGround, work: Path
) -> None:
    bundle = load_clip_bundle("both", work=work)
    room = write_clip(tmp_path / "a.mp4", [face.at()] * 8, rate=2, sounds=[(HUM, 16000)])
    sound = write_clip(tmp_path / "b.mp4", sounds=[(HUM, 16000)])
    hush = write_clip(tmp_path / "c.mp4", sounds=[(np.zeros(32000), 16000)])
    seen, heard, nothing = (predict_clip(str(path), bundle) for path in (room, sound, hush))
    assert (seen.status, heard.status, nothing.status) == ("voice_only", "voice_only", "no_video")
    assert seen.posterior == heard.posterior == pytest.approx(VOICE, abs=1e-5)
    assert heard.seconds == pytest.approx(4, abs=0.1)
    assert heard.note == f"{sound} has no pictures: the voice alone answers."
    assert seen.note == ""
    result = run("predict", sound, "--bundle", "both", "--work", work)
    assert result.exit_code == 0
    assert ",voice_only,clip," in result.stdout


def test_it_is_listed_shown_and_verified(work: Path, tmp_path: Path) -> None:
    listed = run("bundles", "list", "--work", work)
    assert f"{DEFAULT_NAME}: shipped, default, version 1, faces-5 + voice.npz" in listed.stdout
    assert "both: workspace, version 1" in listed.stdout
    card = run("bundles", "show", "both", "--work", work).stdout
    assert "the weights 0.75 and 0.25" in card
    assert "speech: for tests" in card
    assert "as if recorded elsewhere | 50.0 % (40.0 to 60.0)" in card
    assert run("bundles", "verify", "--work", work).exit_code == 0
    copied = tmp_path / "copied"
    shutil.copytree(work, copied)
    (copied / "bundles/both/voice.npz").write_bytes(b"other")
    assert run("bundles", "verify", "--work", copied).exit_code == 8
    with pytest.raises(TamperedError, match=r"voice\.npz is not the file"):
        load_clip_bundle("both", work=copied)


def test_a_still_bundle_of_the_same_name_is_not_the_same(work: Path, tmp_path: Path) -> None:
    spec = json.loads((work / "bundles/both" / SPEC).read_text())
    shutil.copytree(work / "bundles/both", tmp_path / "bundles/both")
    with pytest.raises(ArtefactError, match="no bundle"):
        load_clip_bundle("both", work=tmp_path)
    still = tmp_path / "bundles" / spec["faces"]["bundle"]
    shutil.copytree(work / "bundles" / spec["faces"]["bundle"], still)
    (still / "bundle.json").write_text("{}")
    with pytest.raises(TamperedError, match="is another one of that name"):
        load_clip_bundle("both", work=tmp_path)


def test_what_cannot_be_bundled_is_one_sentence(work: Path, tiny_bundle: Path) -> None:
    words = ("clips", "bundle", "--faces", tiny_bundle, "--work", work, "--voice")
    again = run(*words, "calm", "--voice-share", "0.5", "--name", "both")
    assert again.exit_code == 4
    assert "--overwrite" in again.stderr
    still = run(*words, "calm", "--voice-share", "0.5", "--name", tiny_bundle.name, "--overwrite")
    assert still.exit_code == 4
    assert (
        run(*words, "calm", "--voice-share", "2", "--name", "c").exit_code == InputError.exit_code
    )
    assert run(*words, "none", "--voice-share", "0.5", "--name", "c").exit_code == 4


def test_bundles_for_clips_are_told_where_there_is_none_of_a_name(work: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no bundle 'bth'") as told:
        load_clip_bundle("bth", work=work)
    for name in ("both", *SHIPPED, "faces-2"):
        assert name in str(told.value)


def test_what_is_no_clip_bundle_is_refused(work: Path, tmp_path: Path) -> None:
    import hashlib

    for change in ({"schema": 9}, {"emotions": []}, {"files": {}}, {"voice": 3}):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(work / "bundles/both", folder)
        content = json.dumps({**json.loads((folder / SPEC).read_text()), **change}).encode()
        (folder / SPEC).write_bytes(content)
        with pytest.raises(TamperedError):
            verify_clip_bundle(folder)
        (folder / "clips.sha256").write_text(hashlib.sha256(content).hexdigest())
        with pytest.raises(ArtefactError, match="is not a clip bundle's specification"):
            verify_clip_bundle(folder)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_ones_are_whole_and_small(name: str) -> None:
    spec = verify_clip_bundle(SHIPPED_FOLDER / name)
    assert sum(path.stat().st_size for path in (SHIPPED_FOLDER / name).iterdir()) < 200e3
    assert "non-commercial" in spec.licence or "NC" in spec.licence
    assert spec.weights.values[0] > spec.weights.values[1]


def test_an_earlier_one_stays_loadable() -> None:
    assert list(SHIPPED) == ["clips-1", "clips-2"]
    faces = [load_clip_bundle(name).faces for name in SHIPPED]
    assert [one.spec.name for one in faces] == ["faces-2", "faces-5"]
    hum = features(HUM)
    first, second = (load_clip_bundle(name).voices[0].of_windows(hum) for name in SHIPPED)
    assert second == pytest.approx(first, abs=1e-3)


def test_the_default_knows_what_its_parts_were_trained_on(tmp_path: Path) -> None:
    system = find_system("default", tmp_path)
    speech = Seen.read(SHIPPED_FOLDER / DEFAULT_NAME / SEEN)
    assert {"ravdess:1", "ravdess:16"} <= speech.groups
    assert "ravdess:17" not in speech.groups
    assert 800 < len(speech.pixels) <= 832
    assert set(speech.pixels.tolist()) < set(system.seen.pixels.tolist())
    faces = Seen.read(load_bundle().folder / SEEN)
    assert set(faces.pixels.tolist()) < set(system.seen.pixels.tolist())


def test_nothing_else_lies_among_them() -> None:
    assert DEFAULT_NAME in SHIPPED
    assert {path.name for path in SHIPPED_FOLDER.iterdir()} == set(SHIPPED)


def test_a_smile_is_happy_and_a_hum_changes_little(tmp_path: Path, face: FaceOnGround) -> None:
    frames = [face.at((60, 20))] * 4
    path = write_clip(tmp_path / "a.mp4", frames, rate=2, sounds=[(HUM, 16000)])
    default = load_clip_bundle()
    clip = predict_clip(str(path), default)
    faces = predict_clip(str(path), ClipBundle(load_bundle()))
    assert clip.heard
    moved = np.abs(np.array(clip.posterior) - np.array(faces.posterior)).max()
    assert 0 < moved <= default._weights.values[1]
