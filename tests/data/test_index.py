"""``index.csv``: what is written is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.data.index import COLUMNS, FaceRow, landmarks_text, read_index, write_index
from emotiw_cli.errors import ArtefactError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=20)
COUNT = st.integers(0, 10_000)
ROWS = st.builds(
    FaceRow,
    COUNT,
    TEXT,
    split=st.sampled_from(["", "train", "validation", "test"]),
    label=TEXT,
    group=TEXT,
    votes=st.one_of(st.just(()), st.tuples(*[st.integers(0, 10).map(float)] * 7)),
    other_votes=st.integers(0, 10).map(float),
    width=COUNT,
    h=COUNT,
    shard=st.integers(-1, 99),
    offset=st.integers(-1, 99),
    note=TEXT,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index") / "index.csv"


@given(rows=st.lists(ROWS, max_size=3))
def test_rows_come_back_as_they_were(path: Path, rows: list[FaceRow]) -> None:
    write_index(path, rows)
    assert read_index(path) == rows


def test_the_columns_are_a_contract() -> None:
    assert ",".join(COLUMNS) == (
        "row,path,status,split,label,source_label,votes,other_votes,group,width,height,faces,"
        "x,y,w,h,detector,landmarks,pixels,shard,offset,note"
    )


def test_a_row_as_it_stands_in_the_file(path: Path) -> None:
    points = landmarks_text(np.array([[1.04, 2.0], [-3.0, 4.96]]))
    row = FaceRow(
        7, "a/b.png", votes=(1.0, 0.5, 0, 0, 0, 0, 2), landmarks=points, shard=0, offset=3
    )
    write_index(path, [row])
    assert path.read_text().splitlines()[1] == (
        '7,a/b.png,ok,,,,1 0.5 0 0 0 0 2,,,0,0,0,0,0,0,0,,"1.0,2.0 -3.0,5.0",,0,3,'
    )
    (again,) = read_index(path)
    np.testing.assert_array_equal(again.points(), [[1.0, 2.0], [-3.0, 5.0]])
    assert replace(again, landmarks="").points().shape == (0, 2)


def test_targets_are_votes_else_the_label() -> None:
    votes = FaceRow(0, "a", label="sad", votes=(0, 0, 1, 3, 0, 0, 0)).target()
    np.testing.assert_array_equal(votes, [0, 0, 0.25, 0.75, 0, 0, 0])
    label = FaceRow(0, "a", label="sad", votes=(0,) * 7).target()
    np.testing.assert_array_equal(label, [0, 0, 0, 0, 0, 1, 0])
    assert FaceRow(0, "a", label="Ann").target() is None


@pytest.mark.parametrize("text", ["", "row,path\n", ",".join(COLUMNS) + "\n1,a\n"])
def test_a_damaged_index_is_one_sentence(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ArtefactError, match=r"index\.csv is damaged"):
        read_index(path)


def test_a_missing_index_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"index\.csv is missing"):
        read_index(tmp_path / "index.csv")
