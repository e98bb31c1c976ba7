"""What the arguments of `predict` mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emotiw_cli.bundle.pictures import find_pictures
from emotiw_cli.bundle.result import FacePrediction


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with pictures, things that are none, and hidden ones."""
    for name in (
        *("photos/b.jpg", "photos/a.PNG", "photos/notes.txt", "photos/.hidden.jpg"),
        *("photos/deep/er/c.webp", "photos/.git/d.jpg", "photos/[x].jpg", "one.jpg"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


BELOW = ["photos/[x].jpg", "photos/a.PNG", "photos/b.jpg", "photos/deep/er/c.webp"]


def test_files_come_as_given_repeats_and_all(place: Path) -> None:
    given = ["one.jpg", "./one.jpg", str(place / "one.jpg"), "one.jpg", "gone.jpg"]
    assert list(find_pictures(given)) == given


def test_a_folder_gives_the_pictures_below_it_sorted(place: Path) -> None:
    assert list(find_pictures(["photos"])) == BELOW


def test_members_are_the_given_folder_joined_with_their_name(place: Path) -> None:
    assert list(find_pictures(["./photos/deep/"])) == ["./photos/deep/er/c.webp"]


def test_a_glob_gives_what_it_matches(place: Path) -> None:
    assert list(find_pictures(["photos/*.jpg"])) == ["photos/[x].jpg", "photos/b.jpg"]
    assert list(find_pictures(["photos/**/*.webp"])) == ["photos/deep/er/c.webp"]
    assert list(find_pictures(["phot*"])) == BELOW


def test_a_file_whose_name_looks_like_a_glob_is_a_file(place: Path) -> None:
    assert list(find_pictures(["photos/[x].jpg"])) == ["photos/[x].jpg"]


@pytest.mark.parametrize(
    ("given", "note"),
    [("empty", "holds no pictures"), ("*.gif", "matches no picture")],
)
def test_what_gives_nothing_is_told(place: Path, given: str, note: str) -> None:
    (told,) = find_pictures([given])
    assert not isinstance(told, str)
    assert (told.path, told.status) == (given, "missing")
    assert note in told.note


def test_a_dash_reads_lines(place: Path) -> None:
    lines = ["one.jpg\n", "\n", "photos\r\n", " spaces .jpg\n", "last.jpg"]
    assert list(find_pictures(["first.jpg", "-"], lines)) == [
        *("first.jpg", "one.jpg", *BELOW, " spaces .jpg", "last.jpg"),
    ]


def test_a_dash_reads_what_find_print0_writes(place: Path) -> None:
    assert list(find_pictures(["-"], ["one.jpg\0two\n", "lines.jpg\0"])) == [
        *("one.jpg", "two\nlines.jpg"),
    ]


@pytest.mark.parametrize("name", ["n" * 300 + ".jpg", "n/" * 3000, "one.jpg/below.jpg"])
def test_an_impossible_name_is_a_path_like_any_other(place: Path, name: str) -> None:
    assert list(find_pictures([name])) == [name]


def test_names_that_are_not_unicode_survive(place: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        (place / "empty" / name).touch()
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    assert list(find_pictures(["empty"])) == [f"empty/{name}"]


def test_a_clip_among_pictures_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    picture, clip = find_pictures([str(tmp_path)])
    assert picture == str(tmp_path / "a.jpg")
    assert isinstance(clip, FacePrediction)
    assert (clip.path, clip.status) == (str(tmp_path / "b.mp4"), "unsupported")
    assert "by themselves" in clip.note


def test_a_folder_of_clips_stands_for_its_clips(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.avi"):
        (tmp_path / name).touch()
    assert list(find_pictures([str(tmp_path)])) == [
        str(tmp_path / "a.avi"),
        str(tmp_path / "b.mp4"),
    ]
