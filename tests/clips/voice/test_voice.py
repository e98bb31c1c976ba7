"""From labelled speech to a module on disk and its use."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from clip_maker import write_clip
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.clips.voice.run import VoiceModel, read_voice
from emotiw_cli.clips.voice.speech import find_speech, read_utterances
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError

PITCHES = {"angry": 350.0, "sad": 110.0}


def voice(pitch: float, seed: int) -> np.ndarray:
    """Half a second of harmonics that waver."""
    rng = np.random.default_rng(seed)
    time = np.arange(8000) / RATE
    phase = 2 * np.pi * pitch * rng.uniform(0.95, 1.05) * (time + 0.002 * np.sin(40 * time))
    sound = sum(np.sin(k * phase) / k for k in range(1, 8))
    return 0.1 * sound + rng.normal(0, 0.003, 8000)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four speakers who are angry in a high and sad in a low voice, and calm once."""
    folder = tmp_path_factory.mktemp("speech")
    rows = []
    for actor in range(1, 5):
        for place, (emotion, pitch) in enumerate(PITCHES.items()):
            for take in range(4):
                name = f"{actor}-{emotion}-{take}.wav"
                sound = voice(pitch, 100 * actor + 10 * place + take)
                write_clip(folder / name, sounds=[(sound, RATE)])
                rows.append((name, actor, emotion))
        rows.append((f"{actor}-angry-0.wav", actor, "calm"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "actor", "emotion"), *rows])
    return folder


def test_a_table_of_speech(speech: Path) -> None:
    utterances, left_out = find_speech(speech)
    assert len(utterances) == 32
    assert dict(left_out) == {"calm": 4}
    assert {utterance.subject for utterance in utterances} == {"1", "2", "3", "4"}
    assert utterances[0].label == EMOTIONS.index("angry")
    assert find_speech(speech / "labels.csv") == (utterances, left_out)
    sound = next(read_utterances(utterances[:1]))
    assert len(sound) == pytest.approx(8000, abs=16)


def test_folders_of_speech(speech: Path, tmp_path: Path) -> None:
    for emotion in ("Anger", "sad", "calm"):
        (tmp_path / emotion).mkdir()
        (tmp_path / emotion / "a.wav").write_bytes((speech / "1-sad-0.wav").read_bytes())
        (tmp_path / emotion / "notes.txt").touch()
    utterances, left_out = find_speech(tmp_path)
    assert [(EMOTIONS[u.label], u.file.name) for u in utterances] == [
        ("angry", "a.wav"),
        ("sad", "a.wav"),
    ]
    assert dict(left_out) == {"calm": 1}


def test_speech_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone does not exist"):
        find_speech(tmp_path / "gone")
    with pytest.raises(InputError, match="holds no speech"):
        find_speech(tmp_path)
    table = tmp_path / "a.csv"
    table.write_text("name,what\na.wav,angry\n")
    with pytest.raises(InputError, match="no columns file and emotion"):
        find_speech(table)
    table.write_text("file,emotion\n")
    with pytest.raises(InputError, match="holds no speech"):
        find_speech(table)
    table.write_text("emotion,file\nangry,a.wav\nangry\n")
    with pytest.raises(InputError, match=r"a\.csv, line 3 names no file"):
        find_speech(table)
    table.write_text("file,emotion\ngone.wav,angry\n")
    with pytest.raises(InputError, match=r"gone\.wav does not exist"):
        list(read_utterances(find_speech(table)[0]))


def train(work: Path, speech: Path, *options: str) -> Result:
    arguments = ["clips", "train", "audio", str(speech), "--name", "v", "--work", str(work)]
    return CliRunner().invoke(app, [*arguments, "--held-out", "3,4", *options])


@pytest.mark.parametrize(
    ("variant", "file"),
    [("linear", "model.npz"), ("dbn", "model.onnx"), ("dbn-functionals", "model.npz")],
)
def test_a_module_is_trained_measured_and_used(
    speech: Path, tmp_path: Path, variant: str, file: str
) -> None:
    if variant != "linear":
        pytest.importorskip("torch")
        pytest.importorskip("onnx")
    options = ("--variant", variant, "--epochs", "10", "--json", "--licence", "none")
    result = train(tmp_path, speech, *options)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["training"], told["validation"], told["left_out"]) == (16, 16, {"calm": 4})
    assert told["mean_recall"]["value"] > 0.9
    assert set(told["recalls"]) == {"angry", "sad"}
    model = read_voice(tmp_path / "voices" / "v" / file)
    for emotion, pitch in PITCHES.items():
        posterior = model.posterior(voice(pitch, 9).astype(np.float32))
        assert posterior is not None
        assert posterior.sum() == pytest.approx(1)
        assert EMOTIONS[int(posterior.argmax())] == emotion
    again = train(tmp_path, speech, *options)
    assert json.loads(again.stdout) == told
    other = train(tmp_path, speech, "--variant", variant, "--seed", "1")
    assert other.exit_code == 4
    assert "--overwrite" in other.stderr
    assert model.posterior(np.zeros(8000, np.float32)) is None
    assert model.posterior(voice(200, 1)[:500].astype(np.float32)) is None


@pytest.mark.parametrize("held_out", ["", "9", "1,2,3,4"])
def test_some_subjects_have_to_be_held_out(speech: Path, tmp_path: Path, held_out: str) -> None:
    result = train(tmp_path, speech, "--held-out", held_out)
    assert result.exit_code == 3
    assert "there are: 1, 2, 3, 4" in result.stderr


def test_what_is_no_voice_module_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from tiny_bundle import random_net

    for name, content in (("a.onnx", b"other"), ("a.onnx", random_net(0)), ("a.npz", b"other")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ArtefactError, match=rf"{name} is not a voice module"):
            read_voice(tmp_path / name)
    np.savez(tmp_path / "b.npz", mean=np.zeros(3))
    with pytest.raises(ArtefactError, match=r"b\.npz is not a voice module"):
        read_voice(tmp_path / "b.npz")


def test_a_silent_utterance_is_named(speech: Path, tmp_path: Path) -> None:
    lines = (speech / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text("\n".join([*lines, "silent.wav,3,sad"]))
    for line in lines[1:]:
        name = line.split(",")[0]
        (tmp_path / name).write_bytes((speech / name).read_bytes())
    write_clip(tmp_path / "silent.wav", sounds=[(np.zeros(8000), RATE)])
    result = train(tmp_path / "work", tmp_path)
    assert result.exit_code == 3
    assert "silent.wav is silent or too short" in result.stderr
    assert not (tmp_path / "work" / "voices" / "v" / "manifest.json").exists()


def test_a_long_sound_is_read_span_by_span() -> None:
    model = VoiceModel(lambda windows: np.full(7, 1 / 7))
    sound = np.concatenate([voice(200, seed) for seed in range(20)]).astype(np.float32)

    def times(sound: np.ndarray) -> list[float]:
        blocks = (sound[start : start + 24_000] for start in range(0, len(sound), 24_000))
        return [time for time, posterior in model.over_time(blocks) if posterior.shape == (7,)]

    assert times(sound) == [1.5, 3.0, 4.5, 6.0, 7.5, 8.75]  # ten seconds: from 0, 1.5, … 7.5
    assert times(sound[:12_000]) == [0.375]
    sound[5 * RATE :] = 0
    assert times(sound) == [1.5, 3.0, 4.5, 6.0]  # the span from 6 on is silent
    assert times(np.zeros(0, np.float32)) == []


def test_what_is_no_voice_gets_no_answer() -> None:
    model = VoiceModel(lambda windows: np.full(7, 1 / 7))
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert model.posterior(noise) is None
    assert model.posterior(voice(200, 0).astype(np.float32)) is not None


def test_copies_recorded_elsewhere_are_trained_and_measured_on(
    speech: Path, tmp_path: Path
) -> None:
    told = json.loads(train(tmp_path, speech, "--elsewhere", "1", "--json").stdout)
    assert told["elsewhere"]["mean_recall"]["value"] > 0.8
    manifest = json.loads((tmp_path / "voices" / "v" / "manifest.json").read_text())
    assert manifest["parameters"]["elsewhere"] == 1
    assert train(tmp_path, speech).exit_code == 4  # that is another module
