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


@pytest.mark.parametrize("text", ["", "1 2 3", "1 2 3 x", "1 2 3 256", "1 2 3 -1", "9" * 30])
def test_pixels_that_are_no_square_of_bytes(text: str) -> None:
    with pytest.raises(BadRowError):
        parse_pixels(text)


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows below its header"):
        open_source(write(tmp_path / "fer.csv", "emotion,pixels,Usage"))
