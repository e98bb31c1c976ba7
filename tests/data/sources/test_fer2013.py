"""FER2013's csv of pixels."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.data.sources import open_source
from emotiw_cli.data.sources.fer2013 import parse_pixels
from emotiw_cli.data.sources.lines import BadRowError
from emotiw_cli.errors import InputError


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_rows_and_pixels(tmp_path: Path) -> None:
    path = write(
        tmp_path / "fer.csv",
        "emotion,pixels,Usage",
        "0,1 2 3 4,Training",
        "6,5 6 7 8,PublicTest",
        "3,9 10 11 255,PrivateTest",
    )
    source = open_source(path)
    assert source.layout == "fer2013"
    assert [(r.path, r.label, r.split) for r in source.rows] == [
        ("fer.csv:000002", "angry", "train"),
        ("fer.csv:000003", "neutral", "validation"),
        ("fer.csv:000004", "happy", "test"),
    ]
    read = pickle.loads(pickle.dumps(source.read))  # as a worker gets it
    grey = np.array([[9, 10], [11, 255]], dtype=np.uint8)
    np.testing.assert_array_equal(read(source.rows[2]), np.stack([grey] * 3, axis=2))


def test_columns_in_another_order_with_blanks(tmp_path: Path) -> None:
    path = write(tmp_path / "icml.csv", "emotion, Usage, pixels", "4,Training,0 0 0 0")
    (row,) = open_source(path).rows
    assert (row.label, row.split) == ("sad", "train")


def test_a_folder_with_just_the_csv_is_that_csv(tmp_path: Path) -> None:
    write(tmp_path / "fer2013.csv", "emotion,pixels,Usage", "4,7,Training")
    assert [row.path for row in open_source(tmp_path).rows] == ["fer2013.csv:000002"]


def test_broken_rows_stay_as_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "fer.csv",
        "emotion,pixels,Usage",
        "0,1 2 3 4,Training",
        "9,1 2 3 4,Training",
        "x,1 2 3 4,Training",
        "0,1 2 3 4",
        '0,"1 2 3 4,Training',
        "0,1 2 3 4,Monday",
        "1,1 2 3,Training",
        "",
        "2,1 2 3 4,Training",
    )
    source = open_source(path)
    assert [row.status for row in source.rows] == ["ok", *["bad_row"] * 5, "ok", "ok"]
    assert source.rows[1].note == "emotion '9' is not a number 0–6"
    with pytest.raises(BadRowError, match="3 pixels make no square"):
        source.read(source.rows[6])


PIXELS = [
    "emotion,pixels,Usage",
    "0,1 1 1 1,Training",
    "4,2 2 2 2,Training",
    "9,3 3 3 3,Training",
    "3,4 4 4 4,PublicTest",
    "6,5 5 5 5,PrivateTest",
]
VOTES = [
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF",
    "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",
    "Training,,0,0,0,0,0,0,0,0,0,10",
    "Training,fer0000002.png,4,0,0,1,3,2,0,0,0,0",
    "PublicTest,fer0000003.png,5,5,0,0,0,0,0,0,0,0",
    "PrivateTest,fer0000004.png,0,0,0,0,0,0,0,6,4,0",
]


@pytest.mark.parametrize("given", ["", "fer2013new.csv"])
def test_votes_beside_the_pixels_are_taken_line_by_line(tmp_path: Path, given: str) -> None:
    write(tmp_path / "fer2013.csv", *PIXELS)
    write(tmp_path / "fer2013new.csv", *VOTES)
    source = open_source(tmp_path / given)
    assert source.layout == "ferplus"
    assert [(r.path, r.split, r.label, r.source_label, r.other_votes) for r in source.rows] == [
        ("fer2013.csv:000002", "train", "neutral", "angry", 0),
        ("fer2013.csv:000003", "train", "", "sad", 10),
        ("fer2013.csv:000004", "", "", "", 0),
        ("fer2013.csv:000005", "validation", "", "happy", 0),
        ("fer2013.csv:000006", "test", "", "neutral", 10),
    ]
    assert source.rows[0].votes == (3, 2, 0, 0, 4, 1, 0)
    assert [row.status for row in source.rows] == ["ok", "ok", "bad_row", "ok", "ok"]
    picture = source.read(source.rows[4])
    assert isinstance(picture, np.ndarray)
    assert picture.max() == picture.min() == 5


def test_the_labels_of_old_are_there_when_they_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "fer2013.csv", *PIXELS)
    write(tmp_path / "fer2013new.csv", *VOTES)
    for source in (open_source(path), open_source(tmp_path, "fer2013")):
        assert source.layout == "fer2013"
        assert source.rows[0].label == "angry"
        assert not source.rows[0].votes


def test_votes_that_belong_to_other_lines_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "fer2013.csv", *PIXELS)
    write(tmp_path / "fer2013new.csv", *VOTES[:4], VOTES[5], VOTES[4])
    rows = open_source(tmp_path).rows
    assert [row.status for row in rows] == ["ok", "ok", "bad_row", "bad_row", "bad_row"]
    assert rows[3].note == "FER+'s Usage 'PrivateTest' is not FER2013's"
    write(tmp_path / "fer2013new.csv", *VOTES[:4])
    with pytest.raises(InputError, match=r"has 3 rows and fer2013\.csv 5"):
        open_source(tmp_path)


@pytest.mark.parametrize("text", ["", "1 2 3", "1 2 3 x", "1 2 3 256", "1 2 3 -1", "9" * 30])
def test_pixels_that_are_no_square_of_bytes(text: str) -> None:
    with pytest.raises(BadRowError):
        parse_pixels(text)


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows below its header"):
        open_source(write(tmp_path / "fer.csv", "emotion,pixels,Usage"))
