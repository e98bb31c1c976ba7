from __future__ import annotations

import csv
import sys
from pathlib import Path

import av
import composites
import numpy as np
import pytest
from composites import compose, fade, halves, page
from PIL import Image

from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.clips.voice.speech import Utterance
from emotiw_cli.emotions import EMOTIONS

HUM = 0.5 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)


def write_hum(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((HUM * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return path


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Twenty people, each with two faces; what is in one has their number as its grey."""
    folder = tmp_path / "faces"
    folder.mkdir()
    with open(folder / "labels.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label", "subject"])
        for number in range(40):
            person = number // 2
            Image.new("L", (48, 48), 10 * person).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", "happy" if number % 2 else "neutral", f"p{person}"])
    return folder


def test_nobody_is_in_both_halves(faces: Path) -> None:
    (own, labels), (others, other_labels) = halves([faces])
    greys, other_greys = ({int(face[0, 0, 0]) for face in half} for half in (own, others))
    assert len(own) + len(others) == 40
    assert len(greys) == len(other_greys) == 10
    assert not greys & other_greys
    assert sorted([*labels, *other_labels]) == [EMOTIONS.index("happy")] * 20 + [4] * 20


def test_a_fade_ends_at_the_face() -> None:
    start, face = np.full((40, 40, 3), 10.0), np.full((40, 40, 3), 250, np.uint8)
    pictures = fade(start, face, 2.0, np.random.default_rng(0))
    means = [picture.mean() for picture in pictures]
    assert len(pictures) == 20
    assert means == sorted(means)
    assert (pictures[0] == 58).all()
    assert (pictures[-1] == 250).all()


def test_composites_of_a_split_have_its_subjects_and_its_faces(tmp_path: Path) -> None:
    sound = write_hum(tmp_path / "a.wav")
    utterances = [
        Utterance(sound, label, subject) for label in range(7) for subject in ("1", "2", "3")
    ]
    grey = {"Train": 60, "Val": 180}
    own = [([np.full((48, 48, 3), grey[split], np.uint8)] * 7, np.arange(7)) for split in grey]
    root = tmp_path / "set"
    compose(root, own, utterances, {"Train": ["1", "2"], "Val": ["3"]}, per_emotion=5)
    for split, subjects in (("Train", {"1", "2"}), ("Val", {"3"})):
        clips = [path.stem for path in sorted(root.glob(f"{split}/*/*.avi"))]
        assert len(clips) == 7 * len(subjects)
        assert {clip.split("-")[-1] for clip in clips} == subjects
        for clip in clips:
            pictures = sorted((root / f"{split}_Aligned_Faces" / clip).iterdir())
            assert len(pictures) == 10
            assert (np.asarray(Image.open(pictures[-1])) == grey[split]).all()


def test_what_is_not_here_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], faces: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["composites.py", "nowhere.zip", str(faces)])
    composites.main()
    assert capsys.readouterr().out.startswith("skipped: nowhere.zip is not here")


def test_the_page_has_a_row_a_system() -> None:
    figure = {"value": 0.5, "low": 0.25, "high": 1.0}
    report = {
        "training": 2,
        "validation": 3,
        "seconds": {"tubes": 4},
        "figures": {"mean": {"accuracy": figure, "mean_recall": figure}},
    }
    assert page(report).splitlines()[-1] == (
        "| mean | 50.0 (25.0 to 100.0) | 50.0 (25.0 to 100.0) |"
    )
