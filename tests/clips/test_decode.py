"""Clips of every kind, the bad ones too."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clip_maker import grey, tone, write_clip
from PIL import Image

from emotiw_cli.clips.decode import ClipError, Reading, probe, read_frames, read_sound
from emotiw_cli.clips.names import is_clip


def levels(path: Path) -> list[int]:
    """The mean grey of each frame, to the nearest ten."""
    return [10 * round(frame.image().mean() / 10) for frame in read_frames(path)]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
def test_frames_come_in_order_with_their_times(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"a{suffix}", grey(12))
    reading = Reading()
    frames = list(read_frames(path, reading=reading))
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(12) / 10, abs=2e-3)
    assert levels(path) == [10 * number for number in range(12)]
    assert (reading.frames, reading.note) == (12, "")
    assert reading.seconds == pytest.approx(1.2, abs=0.01)
    info = probe(path)
    assert (info.width, info.height, info.rate, info.sounds) == (64, 48, 10.0, ())
    assert info.seconds == pytest.approx(1.2, abs=0.01)


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 1, 2, 10, 11, 20]
    path = write_clip(tmp_path / "a.mkv", grey(6), times=times)
    found = [frame.time for frame in read_frames(path)]
    assert found == pytest.approx(np.array(times) / 10, abs=2e-3)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_a_turned_clip_is_read_upright(tmp_path: Path, rotation: int) -> None:
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:24, :32] = 255  # bright at the upper left
    stored = np.rot90(upright, -rotation // 90)
    path = write_clip(tmp_path / "a.mp4", [stored] * 3, rotation=rotation)
    info = probe(path)
    assert (info.width, info.height) == (64, 48)
    for frame in read_frames(path):
        assert frame.size == (64, 48)
        picture = frame.image()
        assert picture.shape == (48, 64, 3)
        assert picture[4:20, 4:28].mean() > 230
        assert picture[28:, 36:].mean() < 25
        assert frame.image(32).shape == (24, 32, 3)
        assert frame.image(32)[:10, :14].mean() > 230


@pytest.mark.parametrize("rotation", [0, 90])
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, rotation: int) -> None:
    """As those of DVDs: a face in them is otherwise too narrow."""
    frames = [np.full((48, 64, 3), 255, np.uint8)] * 2
    path = write_clip(tmp_path / "a.mkv", frames, aspect=Fraction(3, 2), rotation=rotation)
    size = (48, 96) if rotation else (96, 48)
    info = probe(path)
    assert (info.width, info.height) == size
    for frame in read_frames(path):
        assert frame.size == size
        assert frame.image().shape == (*size[::-1], 3)
        assert frame.image(48).shape == (*[side // 2 for side in size[::-1]], 3)
        assert frame.image(90).min() > 240


def test_pixels_of_an_absurd_shape_are_taken_for_square(tmp_path: Path) -> None:
    (frame,) = read_frames(write_clip(tmp_path / "a.mkv", grey(1), aspect=Fraction(50)))
    assert frame.size == (64, 48)


def test_a_frame_is_reduced_but_never_enlarged(tmp_path: Path) -> None:
    (frame,) = read_frames(write_clip(tmp_path / "a.mp4", grey(1)))
    assert frame.image(32).shape == (24, 32, 3)
    assert frame.image(1000).shape == (48, 64, 3)


def test_no_frame_is_kept(tmp_path: Path) -> None:
    """What is held at once does not grow with the length of the clip."""
    peaks = []
    for count in (40, 400):
        path = write_clip(tmp_path / f"{count}.avi", grey(count, (320, 240)))
        tracemalloc.start()
        for frame in read_frames(path):
            frame.image()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 320 * 240 * 3 * 2


@pytest.mark.parametrize("hertz", [8000, 11025, 44100, 48000])
def test_sound_of_any_rate_is_resampled(tmp_path: Path, hertz: int) -> None:
    path = write_clip(tmp_path / "a.mkv", grey(10), sounds=[(tone(1, hertz), hertz)])
    assert probe(path).sounds == (hertz,)
    (sound,) = read_sound(path, 16000)
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(16000, abs=32)
    middle = sound[2000:14000]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.02)
    assert np.abs(np.fft.rfft(middle)).argmax() * 16000 / len(middle) == pytest.approx(440, abs=2)


def test_sound_comes_in_blocks_and_of_the_stream_asked_for(tmp_path: Path) -> None:
    loud, faint = tone(1, 16000), 0.1 * tone(1, 16000)
    path = write_clip(tmp_path / "a.mkv", grey(10), sounds=[(loud, 16000), (faint, 16000)])
    blocks = list(read_sound(path, 16000, block=6000))
    assert [len(block) for block in blocks] == [6000, 6000, 4000]
    (second,) = read_sound(path, 16000, stream=1)
    assert np.abs(second).max() == pytest.approx(0.05, abs=0.005)
    assert list(read_sound(path, 16000, stream=2)) == []


def test_two_channels_are_mixed(tmp_path: Path) -> None:
    stereo = np.stack([tone(1, 16000), np.zeros(16000)])
    path = write_clip(tmp_path / "a.mkv", grey(10), sounds=[(stereo, 16000)])
    (sound,) = read_sound(path, 16000)
    assert np.abs(sound[1000:-1000]).max() == pytest.approx(0.25, abs=0.01)


def test_a_clip_without_sound_gives_none(tmp_path: Path) -> None:
    assert list(read_sound(write_clip(tmp_path / "a.mp4", grey(3)), 16000)) == []


def refused(path: Path) -> tuple[str, str]:
    with pytest.raises(ClipError) as caught:
        list(read_frames(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.status, str(caught.value)


def test_a_missing_clip(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.mp4")[0] == "missing"
    assert refused(tmp_path)[0] == "unreadable"


def test_an_empty_file_and_a_text(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("this is a text, not a video\n" * 100)
    assert refused(empty) == ("unreadable", f"{empty} is empty (0 bytes): copy it again.")
    status, sentence = refused(text)
    assert status == "unreadable"
    assert "not a video" in sentence


def test_a_picture_that_calls_itself_a_clip(tmp_path: Path, photo: Path) -> None:
    for kind in ("JPEG", "PNG", "GIF"):
        path = tmp_path / f"{kind}.mp4"
        Image.open(photo).convert("RGB").save(path, kind)
        status, sentence = refused(path)
        assert status == "unreadable"
        assert "not a video" in sentence


def test_sound_alone(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", sounds=[(tone(1, 16000), 16000)])
    assert refused(path) == ("no_video", f"{path} has sound but no pictures: give a video.")
    assert probe(path).width == 0


def test_a_clip_cut_before_its_index(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", grey(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    status, sentence = refused(path)
    assert status == "unreadable"
    assert "cut short" in sentence


def test_a_clip_cut_behind_its_index_gives_what_there_is(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = write_clip(tmp_path / "a.mp4", noise, options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reading = Reading()
    count = sum(1 for _ in read_frames(path, reading=reading))
    assert 10 < count == reading.frames < 30
    assert f"{path} is cut short" in reading.note
    assert "of 4.0 s" in reading.note


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi"])
def test_sound_that_outlasts_the_pictures_cuts_no_clip_short(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"a{suffix}", grey(12), sounds=[(tone(4, 16000), 16000)])
    reading = Reading()
    assert sum(1 for _ in read_frames(path, reading=reading)) == 12
    assert reading.note == ""


def test_a_matroska_clip_with_sound_that_was_cut_is_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = write_clip(tmp_path / "a.mkv", noise, sounds=[(tone(4, 16000), 16000)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reading = Reading()
    assert sum(1 for _ in read_frames(path, reading=reading)) < 40
    assert f"{path} is cut short" in reading.note
    assert "of 4.0 s" in reading.note


def test_a_clip_whose_header_counts_more_frames_is_cut_short(tmp_path: Path) -> None:
    """As an AVI's does; its length is reckoned from what is there."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = write_clip(tmp_path / "a.avi", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reading = Reading()
    count = sum(1 for _ in read_frames(path, reading=reading))
    assert f"{path} is cut short: {count} of 40 frames can be decoded" in reading.note


def test_frames_that_are_spoiled_are_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = write_clip(tmp_path / "a.avi", noise)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    reading = Reading()
    assert sum(1 for _ in read_frames(path, reading=reading)) > 35
    assert "is damaged (" in reading.note


def test_names_that_ffmpeg_would_take_for_a_protocol(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", grey(3)).rename(tmp_path / "concat:Ж %03d?.mp4")
    assert len(list(read_frames(path))) == 3


def test_clips_by_their_names() -> None:
    assert is_clip("a/B.MP4")
    assert is_clip("a.mkv")
    assert not is_clip("a.jpg")
    assert not is_clip("mp4")
