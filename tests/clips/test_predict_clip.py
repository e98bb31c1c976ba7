"""From clips to predictions, bad clips and all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from clip_maker import FaceOnGround, tone, write_clip
from PIL import Image
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.clips.bundle import ClipBundle
from emotiw_cli.clips.draw import _ticks, plot
from emotiw_cli.clips.predict import predict_clip
from emotiw_cli.clips.result import COLUMNS, ClipPrediction, Step, TubePrediction
from emotiw_cli.emotions import EMOTIONS


@pytest.fixture(scope="module")
def face(photo: Path) -> FaceOnGround:
    return FaceOnGround(photo)


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory, face: FaceOnGround) -> Path:
    """A second of a face, with sound."""
    frames = [face.at((30 + 2 * number, 20)) for number in range(12)]
    path = tmp_path_factory.mktemp("clips") / "talking.mp4"
    return write_clip(path, frames, rate=12, sounds=[(np.stack([tone(1, 44100)] * 2), 44100)])


@pytest.fixture
def bundle(tiny_bundle: Path) -> ClipBundle:
    return ClipBundle(load_bundle(tiny_bundle))


def predict(bundle: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["predict", "--bundle", str(bundle), *arguments])


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_clip_is_the_mean_of_its_steps(talking: Path, bundle: ClipBundle) -> None:
    heard: list[float] = []
    clip = predict_clip(str(talking), bundle, advance=heard.append)
    (tube,) = clip.tubes
    assert (clip.status, clip.frames, clip.note) == ("ok", 12, "")
    assert clip.seconds == pytest.approx(1, abs=0.01)
    times = [step.time for step in tube.steps]
    assert times == pytest.approx([0, 2 / 12, 4 / 12, 6 / 12, 8 / 12, 10 / 12], abs=0.01)
    mean = np.mean([step.posterior for step in tube.steps], axis=0)
    assert clip.posterior == pytest.approx(tuple(mean))
    assert sum(clip.posterior) == pytest.approx(1)
    assert clip.took > 0
    assert len(heard) == 12


def test_every_face_counts_for_its_steps(
    tmp_path: Path, face: FaceOnGround, bundle: ClipBundle
) -> None:
    frames = [face.at((0, 20), (300, 20), size=(520, 240))] * 3
    frames += [face.at((0, 20), size=(520, 240))] * 6
    clip = predict_clip(str(write_clip(tmp_path / "a.mp4", frames)), bundle)
    assert sorted(len(tube.steps) for tube in clip.tubes)[0] < 4
    assert len(clip.tubes) == 2
    every = [step.posterior for tube in clip.tubes for step in tube.steps]
    assert clip.posterior == pytest.approx(tuple(np.mean(every, axis=0)))


def test_a_turned_clip_gives_what_the_upright_one_gives(
    tmp_path: Path, face: FaceOnGround, bundle: ClipBundle
) -> None:
    frames = [face.at((60, 20))] * 6
    upright = predict_clip(str(write_clip(tmp_path / "a.mp4", frames)), bundle)
    turned = [np.rot90(frame, -1) for frame in frames]
    other = predict_clip(str(write_clip(tmp_path / "b.mp4", turned, rotation=90)), bundle)
    assert other.posterior == pytest.approx(upright.posterior, abs=0.1)
    (a,), (b,) = upright.tubes, other.tubes
    assert (b.steps[0].x, b.steps[0].y) == pytest.approx((a.steps[0].x, a.steps[0].y), abs=12)


def test_the_csv_has_a_row_for_clip_tube_and_step(talking: Path, tiny_bundle: Path) -> None:
    result = predict(tiny_bundle, str(talking))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == ",".join(COLUMNS)
    rows = rows_of(result.stdout)
    assert [row["part"] for row in rows] == ["clip", "tube", *["step"] * 6]
    assert rows[0]["tube"] == rows[0]["time"] == ""
    assert {row["tube"] for row in rows[1:]} == {"1"}
    for row in rows:
        assert sum(float(row[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-5)
        assert float(row["confidence"]) == max(float(row[emotion]) for emotion in EMOTIONS)
    assert int(rows[2]["width"]) > 80
    assert "1 clip, 1 face, 1.0 s of video in" in result.stderr
    assert "real-time factor" in result.stderr


def test_json_and_csv_agree(talking: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    files = str(tmp_path / "a.csv"), str(tmp_path / "a.json")
    assert predict(tiny_bundle, str(talking), "--csv", files[0], "--json", files[1]).exit_code == 0
    (clip,) = json.loads(Path(files[1]).read_text())["clips"]
    rows = rows_of(Path(files[0]).read_text())
    told = [clip, clip["tubes"][0], *clip["tubes"][0]["steps"]]
    for row, part in zip(rows, told, strict=True):
        assert {name: f"{share:.6f}" for name, share in part["posterior"].items()} == {
            emotion: row[emotion] for emotion in EMOTIONS
        }
    assert clip["tubes"][0]["steps"][0]["box"] == {
        name: int(rows[2][name]) for name in ("x", "y", "width", "height")
    }


def test_the_annotated_copy_has_pictures_sound_and_a_plot(
    talking: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    result = predict(tiny_bundle, str(talking), "--draw", str(tmp_path / "drawn"))
    assert result.exit_code == 0, result.stderr
    with av.open(str(tmp_path / "drawn" / "talking.mp4")) as drawn, av.open(str(talking)) as source:
        assert [stream.type for stream in drawn.streams] == ["video", "audio"]
        assert drawn.streams.audio[0].layout.name == "stereo"
        times = [frame.time for frame in drawn.decode(video=0)]
        assert times == pytest.approx([frame.time for frame in source.decode(video=0)], abs=0.01)
        assert drawn.duration == pytest.approx(source.duration, rel=0.1)
    shown = np.asarray(Image.open(tmp_path / "drawn" / "talking.png"))
    assert shown.shape[2] == 3
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "talking.mp4",
        "talking.png",
    ]


def test_a_clip_is_not_drawn_over_itself(talking: Path, tiny_bundle: Path) -> None:
    before = talking.read_bytes()
    result = predict(tiny_bundle, str(talking), "--draw", str(talking.parent))
    assert result.exit_code == 6
    assert talking.read_bytes() == before


def made(tmp_path: Path, face: FaceOnGround) -> dict[str, Path]:
    """A clip of each bad kind: its name and status are told apart by a dot."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), dtype=np.uint8)
    paths = {
        "missing": tmp_path / "gone.mp4",
        "unreadable.text": tmp_path / "text.mp4",
        "unreadable.empty": tmp_path / "empty.mp4",
        "unreadable.truncated": write_clip(tmp_path / "truncated.mp4", noise),
        "no_video": write_clip(tmp_path / "sound.mp4", sounds=[(tone(1, 16000), 16000)]),
        "no_face": write_clip(tmp_path / "empty-room.mp4", [face.at()] * 3),
        "ok.moment": write_clip(tmp_path / "moment.mp4", [face.at((60, 20)), *[face.at()] * 7]),
        "ok.one": write_clip(tmp_path / "one.mp4", [face.at((60, 20))]),
    }
    paths["unreadable.text"].write_text("a text")
    paths["unreadable.empty"].touch()
    whole = paths["unreadable.truncated"].read_bytes()
    paths["unreadable.truncated"].write_bytes(whole[: len(whole) // 2])
    return paths


def test_bad_clips_are_rows_with_a_status(
    tmp_path: Path, face: FaceOnGround, tiny_bundle: Path
) -> None:
    paths = made(tmp_path, face)
    result = predict(tiny_bundle, *map(str, paths.values()))
    assert result.exit_code == 0, result.stderr
    clips = [row for row in rows_of(result.stdout) if row["part"] == "clip"]
    assert [row["status"] for row in clips] == [name.partition(".")[0] for name in paths]
    assert "8 clips, 5 not read, 2 faces" in result.stderr
    for name, path in paths.items():
        sentences = [line for line in result.stderr.splitlines() if str(path) in line]
        assert len(sentences) == (0 if name.startswith(("ok", "no_face")) else 1)


def test_sound_that_is_named_is_a_clip_without_pictures(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.wav", sounds=[(tone(1, 16000), 16000)])
    write_clip(tmp_path / "b.wav", sounds=[(np.zeros(16000), 16000)])
    named = [str(tmp_path / name) for name in ("a.wav", "b.wav")]
    result = CliRunner().invoke(app, ["predict", *named])
    assert result.exit_code == 0, result.stderr
    clips = [row["status"] for row in rows_of(result.stdout) if row["part"] == "clip"]
    assert clips == ["voice_only", "no_video"]  # a tone passes for a voice
    result = CliRunner().invoke(app, ["predict", str(tmp_path)])
    assert "holds no pictures" in result.stderr
    taken = ["predict", str(tmp_path / "a.wav"), "--csv", str(tmp_path / "a.wav")]
    assert CliRunner().invoke(app, taken).exit_code == 2


def test_a_clip_cut_short_is_read_as_far_as_it_goes(
    tmp_path: Path, face: FaceOnGround, bundle: ClipBundle
) -> None:
    frames = [face.at((30 + number, 20)) for number in range(40)]
    path = write_clip(tmp_path / "a.mp4", frames, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = predict_clip(str(path), bundle)
    assert clip.status == "ok"
    assert "is cut short" in clip.note


def test_no_clip_read_is_exit_code_3(tmp_path: Path, tiny_bundle: Path) -> None:
    result = predict(tiny_bundle, str(tmp_path / "gone.mp4"))
    assert result.exit_code == 3
    assert "not one clip could be read" in result.stderr


def test_photos_and_clips_in_one_call_are_wrong_usage(
    talking: Path, photo: Path, tiny_bundle: Path
) -> None:
    result = predict(tiny_bundle, str(talking), str(photo))
    assert result.exit_code == 2
    assert "call once for each" in " ".join(result.stderr.split())
    assert predict(tiny_bundle, str(talking), "--no-detect").exit_code == 2
    assert predict(tiny_bundle, str(talking), "--csv", str(talking)).exit_code == 2


def test_a_folder_of_clips(talking: Path, tiny_bundle: Path) -> None:
    rows = rows_of(predict(tiny_bundle, str(talking.parent)).stdout)
    assert {row["path"] for row in rows} == {str(talking)}


def test_a_large_frame(tmp_path: Path, face: FaceOnGround, bundle: ClipBundle) -> None:
    """4K: searched reduced, with boxes in the frame's own pixels."""
    small = Image.fromarray(face.at((60, 20)))
    large = np.asarray(small.resize((2880, 2160)))
    (tube,) = predict_clip(str(write_clip(tmp_path / "a.mp4", [large])), bundle).tubes
    step = tube.steps[0]
    assert 500 < step.x < 1300
    assert 700 < step.width < 1800


def prediction(*tubes: TubePrediction) -> ClipPrediction:
    return ClipPrediction("a/clip.mp4", "ok", (0.4, 0.6, 0, 0, 0, 0, 0), tubes, (), 10.0, 100)


def test_the_plot_stacks_the_emotions_from_below() -> None:
    half = (0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0)
    steps = tuple(Step(time, 0, 0, 10, 10, half) for time in (0.0, 10.0))
    picture = plot(prediction(TubePrediction(1, (0,), np.zeros((1, 4)), steps)))
    middle = picture[:, 400]
    angry = np.flatnonzero((middle == (229, 72, 77)).all(axis=1))
    disgust = np.flatnonzero((middle == (140, 186, 66)).all(axis=1))
    assert len(angry) == pytest.approx(110, abs=5)
    assert len(disgust) == pytest.approx(110, abs=5)
    assert disgust.max() < angry.min()


def test_a_plot_without_faces_and_of_many() -> None:
    step = Step(1.0, 0, 0, 10, 10, (1.0, 0, 0, 0, 0, 0, 0))
    many = [TubePrediction(n, (0,), np.zeros((1, 4)), (step,) * n) for n in range(1, 10)]
    assert plot(prediction()).shape[0] < plot(prediction(*many)).shape[0]
    assert plot(prediction(*many)).shape == plot(prediction(*many[:6])).shape


def test_ticks_are_round_and_few() -> None:
    assert _ticks(5) == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    assert _ticks(1200) == [0, 200, 400, 600, 800, 1000, 1200]
    assert _ticks(0.1) == [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
