"""Image sequences: which pictures, in what order, when; read, predicted, drawn and stored."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from clip_maker import FaceOnGround, grey, write_clip
from PIL import Image
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.clips.bundle import ClipBundle
from emotiw_cli.clips.decode import ClipError, Reading, probe, read_frames, read_sound
from emotiw_cli.clips.predict import predict_clip
from emotiw_cli.clips.sequence import is_pattern, is_sequence, list_sequence
from emotiw_cli.clips.source import open_clips
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.errors import InputError


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def write(folder: Path, *pictures: np.ndarray, name: str = "frame_{:04d}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, start=1):
        Image.fromarray(picture).save(folder / name.format(number))
    return folder


@pytest.fixture(scope="module")
def face(photo: Path) -> FaceOnGround:
    return FaceOnGround(photo)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("names", "order", "places", "holes", "unnumbered"),
    [
        (["f10.jpg", "f9.jpg", "f8.PNG"], ["f8.PNG", "f9.jpg", "f10.jpg"], (0, 1, 2), 0, False),
        (["1.png", "2.png", "5.png"], ["1.png", "2.png", "5.png"], (0, 1, 4), 2, False),
        # Every fifth frame of something: none is missing; of the second, one is.
        (["a05.png", "a10.png", "a15.png"], ["a05.png", "a10.png", "a15.png"], (0, 1, 2), 0, False),
        (["5.png", "10.png", "20.png"], ["5.png", "10.png", "20.png"], (0, 1, 3), 1, False),
        # The last number counts; an earlier one that differs makes two sequences of it.
        (["m3_0002_x.png", "m3_0001_x.png"], ["m3_0001_x.png", "m3_0002_x.png"], (0, 1), 0, False),
        (["b_1.png", "a_1.png", "a_2.png"], ["a_1.png", "a_2.png", "b_1.png"], (0, 1, 2), 0, True),
        (["x.png", "y.png"], ["x.png", "y.png"], (0, 1), 0, True),
        (["1.png", "01.png"], ["01.png", "1.png"], (0, 1), 0, True),
        # Milliseconds, say: more numbers are missing than there are.
        (["0.png", "33.png", "67.png"], ["0.png", "33.png", "67.png"], (0, 1, 2), 0, True),
        (["x.png"], ["x.png"], (0,), 0, False),
        ([], [], (), 0, False),
    ],
)
def test_pictures_follow_by_their_numbers(
    tmp_path: Path,
    names: list[str],
    order: list[str],
    places: tuple[int, ...],
    holes: int,
    unnumbered: bool,
) -> None:
    touch(tmp_path, *names, ".hidden.png", "Thumbs.db", "labels.txt")
    listed = list_sequence(tmp_path)
    assert [file.name for file in listed.files] == order
    assert (listed.places, listed.holes, listed.unnumbered) == (places, holes, unnumbered)


def test_a_pattern_names_what_ffmpeg_would_write(tmp_path: Path) -> None:
    touch(tmp_path, "a0001.png", "a0002.png", "a12345.png", "a3.png", "b0001.png", "a0001.jpg")
    names = [file.name for file in list_sequence(tmp_path / "a%04d.png").files]
    assert names == ["a0001.png", "a0002.png", "a12345.png"]
    assert [file.name for file in list_sequence(tmp_path / "a%d.png").files] == [
        "a3.png",
        "a12345.png",
    ]
    touch(tmp_path, "100%_07.png")
    assert [file.name for file in list_sequence(tmp_path / "100%%_%02d.png").files] == [
        "100%_07.png"
    ]
    assert list_sequence(tmp_path / "gone" / "%d.png").files == ()


def test_what_is_a_pattern(tmp_path: Path) -> None:
    assert is_pattern(tmp_path / "%04d.png")
    assert is_pattern(Path("%d.jpg"))
    for name in ("a.png", "100%.png", "%s.png", "%d_%d.png", "%%d.png", "%0d.png", "%d.mp4"):
        assert not is_pattern(tmp_path / name)
    touch(tmp_path, "real_%04d.png")
    assert not is_sequence(tmp_path / "real_%04d.png")
    assert is_sequence(tmp_path)
    for impossible in (400 * "a" + "%d.png", "a\0%d.png"):
        assert list_sequence(tmp_path / impossible).files == ()
        assert not is_sequence(tmp_path / impossible / "a")


def test_frames_come_at_their_numbers(tmp_path: Path) -> None:
    write(tmp_path, *grey(6))
    (tmp_path / "frame_0003.png").unlink()
    (tmp_path / "frame_0004.png").write_bytes(b"no picture")
    reading = Reading()
    frames = list(read_frames(tmp_path, "clip", reading, fps=10))
    assert [frame.number for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.4, 0.5])
    assert [int(frame.image().mean()) for frame in frames] == [0, 10, 40, 50]
    assert (reading.frames, reading.seconds) == (4, pytest.approx(0.6))
    assert reading.note.startswith(
        "clip: pictures are missing for 1 of its numbers, 1 of 5 pictures cannot"
    )
    assert reading.note.endswith(
        "be read (frame_0004.png is not a JPEG, PNG, WebP, BMP or TIFF "
        "picture, whatever its name says: give a picture)."
    )
    assert list(read_sound(tmp_path, 16000)) == []
    info = probe(tmp_path, fps=10)
    assert (info.width, info.height, info.rate, info.sounds) == (64, 48, 10, ())


def test_other_sizes_are_fitted_into_the_first(tmp_path: Path) -> None:
    white = np.full((48, 64, 3), 255, np.uint8)
    write(tmp_path, white, white[:, :32], white[:24, :32], np.full((96, 128, 3), 255, np.uint8))
    reading = Reading()
    frames = [frame.image() for frame in read_frames(tmp_path, reading=reading, fps=5)]
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert (frames[1][:, 16:48] == 255).all()
    assert frames[1][:, :16].max() == frames[1][:, 48:].max() == 0
    assert (frames[2] == 255).all()
    assert (frames[3] == 255).all()
    assert "3 are of another size than the first" in reading.note


def test_a_video_that_changes_its_size_keeps_the_first(tmp_path: Path) -> None:
    white = [np.full((48, 64, 3), 255, np.uint8)] * 3
    parts = [
        write_clip(tmp_path / "a.mpg", white),
        write_clip(tmp_path / "b.mpg", [np.full((96, 64, 3), 255, np.uint8)] * 3),
    ]
    both = tmp_path / "both.mpg"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    pictures = [frame.image() for frame in read_frames(both)]
    assert {picture.shape for picture in pictures} == {(48, 64, 3)}
    assert pictures[0][24, 2].min() > 240
    assert pictures[-1][24, 2].max() < 15  # beside the narrower picture
    assert pictures[-1][24, 32].min() > 240


def refused(path: Path, fps: float | None = 25) -> tuple[str, str]:
    with pytest.raises(ClipError) as caught:
        list(read_frames(path, "clip", fps=fps))
    assert "\n" not in str(caught.value)
    return caught.value.status, str(caught.value)


def test_bad_sequences_are_one_sentence(tmp_path: Path) -> None:
    assert refused(tmp_path) == ("missing", "clip holds no pictures: check the path.")
    assert refused(tmp_path / "%d.png")[0] == "missing"
    status, sentence = refused(tmp_path, None)
    assert status == "unreadable"
    assert "is a folder or a pattern: give a video, or the frames a second" in sentence
    (tmp_path / "1.png").write_bytes(b"no picture")
    status, sentence = refused(tmp_path)
    assert status == "unreadable"
    assert sentence.startswith("clip has no picture that can be read: 1.png is not")


def test_a_sequence_gives_what_its_clip_gives(
    tmp_path: Path, face: FaceOnGround, tiny_bundle: Path
) -> None:
    bundle = ClipBundle(load_bundle(tiny_bundle))
    frames = [face.at((30 + 2 * number, 20)) for number in range(12)]
    clip = predict_clip(str(write_clip(tmp_path / "a.mp4", frames, rate=12)), bundle)
    sequence = predict_clip(str(write(tmp_path / "a", *frames)), bundle, fps=12)
    assert sequence.posterior == pytest.approx(clip.posterior, abs=0.1)
    assert (sequence.frames, sequence.seconds) == (12, 1.0)
    times = [[step.time for step in tube.steps] for one in (clip, sequence) for tube in one.tubes]
    assert times[0] == pytest.approx(times[1], abs=0.01)


def test_predict_reads_folders_and_patterns_as_clips(
    tmp_path: Path, face: FaceOnGround, tiny_bundle: Path
) -> None:
    pictures = [face.at((60, 20))] * 4
    write(tmp_path / "set" / "one", *pictures)
    write(tmp_path / "set" / "two", *pictures[:1])
    write_clip(tmp_path / "set" / "three.mp4", pictures)
    out = tmp_path / "a.json"
    pattern = tmp_path / "set" / "one" / "frame_%04d.png"
    words = ("predict", "--bundle", tiny_bundle, "--sequence", "8")
    result = run(*words, tmp_path / "set", pattern, "--json", out, "--draw", tmp_path / "drawn")
    assert result.exit_code == 0, result.stderr
    clips = json.loads(out.read_text())["clips"]
    told = [(Path(clip["path"]).name, clip["status"], clip["frames"]) for clip in clips]
    assert told == [
        ("three.mp4", "ok", 4),
        ("one", "ok", 4),
        ("two", "ok", 1),
        ("frame_%04d.png", "ok", 4),
    ]
    assert clips[2]["seconds"] == pytest.approx(0.125)
    drawn = sorted(
        path.relative_to(tmp_path / "drawn").as_posix()
        for path in (tmp_path / "drawn").rglob("*.mp4")
    )
    assert drawn == ["one.mp4", "one/frame_%04d.mp4", "three.mp4", "two.mp4"]
    with av.open(str(tmp_path / "drawn" / "one.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([0, 0.125, 0.25, 0.375], abs=0.01)


def test_without_the_option_a_folder_is_photos(
    tmp_path: Path, face: FaceOnGround, tiny_bundle: Path
) -> None:
    write(tmp_path / "a", *[face.at((60, 20))] * 2)
    result = run("predict", "--bundle", tiny_bundle, tmp_path / "a")
    assert [row["face"] for row in rows_of(result.stdout)] == ["1", "1"]
    result = run("predict", "--bundle", tiny_bundle, tmp_path / "a" / "%d.png")
    assert result.exit_code == 3
    assert "--sequence FPS reads them as a clip" in result.stderr


def test_wrong_usage_of_the_option(tmp_path: Path, tiny_bundle: Path) -> None:
    write(tmp_path / "a", *grey(2))
    for words in (["0"], ["-3"], ["nan"], ["1e9"], ["25", "--no-detect"], ["25", "--group"]):
        assert run("predict", tmp_path / "a", "--sequence", *words).exit_code == 2
    assert run("predict", "--camera", "0", "--sequence", "25").exit_code == 2
    into = run(
        *("predict", tmp_path / "a" / "frame_%04d.png", "--sequence", "25"),
        *("--bundle", tiny_bundle, "--draw", tmp_path / "a"),
    )
    assert into.exit_code == 6
    assert "among the pictures of a clip" in into.stderr
    assert len(list((tmp_path / "a").iterdir())) == 2


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    """A folder per emotion with sequences, one clip, and that clip's faces."""
    root = tmp_path_factory.mktemp("sequences")
    face = FaceOnGround(photo)
    pictures = [face.at((60, 20))] * 4
    write(root / "Train/Happy/a", *pictures)
    write(root / "Train/Sad/b", face.at(), face.at())
    write(root / "Val/Sad/a", *pictures[:2])
    (root / "Train/Angry").mkdir()
    write_clip(root / "Train/Angry/c.mp4", pictures)
    write(root / "Train_Aligned_Faces/c", np.zeros((60, 50, 3), np.uint8))
    return root


def tubes(*words: object) -> Result:
    return run("clips", "tubes", *words, "--workers", "1")


def test_tubes_of_sequences(sequences: Path, tmp_path: Path) -> None:
    result = tubes(sequences, "--sequence", "4", "--name", "a", "--work", tmp_path)
    assert result.exit_code == 0, result.stderr
    rows = TubeStore.open(tmp_path, "a").rows
    assert [(row.path, row.split, row.label, row.status, row.origin) for row in rows] == [
        ("Train/Angry/c.mp4", "train", "angry", "ok", "given"),
        ("Train/Happy/a", "train", "happy", "ok", "detected"),
        ("Train/Sad/b", "train", "sad", "no_face", ""),
        ("Val/Sad/a", "validation", "sad", "ok", "detected"),
    ]
    assert [(row.frames, row.seconds, row.samples) for row in rows[1:]] == [
        (4, 1.0, 0),
        (2, 0.5, 0),
        (2, 0.5, 0),
    ]
    other = tubes(sequences, "--sequence", "5", "--name", "a", "--work", tmp_path)
    assert other.exit_code == 4
    assert "--overwrite" in other.stderr


def test_a_csv_gives_each_sequence_its_frames_a_second(sequences: Path, tmp_path: Path) -> None:
    table = sequences / "some.csv"
    lines = [
        ("file", "label", "fps"),
        ("Train/Happy/a", "happy", "8"),
        ("Train/Sad/b/frame_%04d.png", "sad", ""),
        ("Train/Angry/c.mp4", "angry", "30"),
    ]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    assert open_clips(table).fps == {"Train/Happy/a": 8}
    assert open_clips(table, fps=2).fps == {"Train/Happy/a": 8, "Train/Sad/b/frame_%04d.png": 2}
    assert tubes(table, "--name", "t", "--work", tmp_path).exit_code == 0
    rows = {row.path: row for row in TubeStore.open(tmp_path, "t").rows}
    assert (rows["Train/Happy/a"].seconds, rows["Train/Happy/a"].status) == (0.5, "ok")
    assert rows["Train/Sad/b/frame_%04d.png"].status == "unreadable"
    assert "frames a second of its pictures" in rows["Train/Sad/b/frame_%04d.png"].note
    before = open_clips(table, fps=2).digest
    extra = sequences / "Train/Sad/b/frame_0003.png"
    Image.new("RGB", (320, 240)).save(extra)
    try:
        assert open_clips(table, fps=2).digest != before
    finally:
        extra.unlink()
        table.unlink()


@pytest.mark.parametrize("fps", ["0", "many", "-1", "nan", "inf"])
def test_bad_frames_a_second_are_one_sentence(tmp_path: Path, fps: str) -> None:
    (tmp_path / "a.csv").write_text(f"file,label,fps\na,sad,{fps}\n")
    with pytest.raises(InputError, match=r"line 2: .* is not frames a second"):
        open_clips(tmp_path / "a.csv")


def test_folders_of_pictures_are_not_silently_clips(sequences: Path, tmp_path: Path) -> None:
    assert [row.path for row in open_clips(sequences).rows] == ["Train/Angry/c.mp4"]
    write(tmp_path / "Sad" / "a", *grey(2))
    with pytest.raises(InputError, match="with --sequence one of folders of pictures"):
        open_clips(tmp_path)
