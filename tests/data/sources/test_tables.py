"""Pictures listed in a csv: FER+ and plainer tables, broken rows and all."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from emotiw_cli.data.sources import open_source
from emotiw_cli.data.sources.tables import majority
from emotiw_cli.errors import InputError

MakeSet = Callable[..., Path]

FERPLUS = (
    "file,split,original,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)


def test_ferplus_gives_majority_votes_in_class_order_and_the_old_label(make_set: MakeSet) -> None:
    folder = make_set(["FER2013Train/a.png", "FER2013Valid/b.png", "FER2013Test/c.png"])
    (folder / "labels.csv").write_text(
        f"{FERPLUS},majority\n"
        "FER2013Train/a.png,FER2013Train,sad,1,2,0,3,4,0,0,0,0,0,angry\n"
        "FER2013Valid/b.png,FER2013Valid,,5,0,0,5,0,0,0,0,0,0,\n"
        "FER2013Test/c.png,FER2013Test,happy,1,1,0,0,0,0,0,2,4,2,\n"
    )
    source = open_source(folder)
    assert source.layout == "ferplus"
    test, train, validation = source.rows
    assert (train.split, train.label, train.source_label) == ("train", "angry", "sad")
    assert train.votes == (4, 0, 0, 2, 1, 3, 0)
    assert (validation.split, validation.label, validation.source_label) == ("validation", "", "")
    assert (test.split, test.label, test.votes, test.other_votes) == (
        "test",
        "",
        (0, 0, 0, 1, 1, 0, 0),
        8,
    )
    assert source.ignored == 0


def test_the_official_ferplus_columns_are_known(make_set: MakeSet) -> None:
    folder = make_set(["FER2013Train/fer0000000.png"])
    (folder / "fer2013new.csv").write_text(
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,"
        "unknown,NF\n"
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\n"
        "PublicTest,,4,0,0,1,3,2,0,0,0,0\n"
    )
    good, bad = open_source(folder).rows
    assert (good.path, good.split, good.label) == (
        "FER2013Train/fer0000000.png",
        "train",
        "neutral",
    )
    assert (bad.path, bad.status) == ("fer2013new.csv:000003", "bad_row")


@pytest.mark.parametrize(
    ("votes", "others", "winner"),
    [
        ({"happy": 3.0, "sad": 2.0}, [2.0], "happy"),
        ({"happy": 3.0, "sad": 3.0}, [], ""),
        ({"happy": 3.0, "sad": 2.0}, [3.0], ""),
        ({"happy": 3.0, "sad": 2.0}, [4.0], ""),
        ({"happy": 0.0, "sad": 0.0}, [0.0], ""),
    ],
)
def test_majority(votes: dict[str, float], others: list[float], winner: str) -> None:
    assert majority(votes, others) == winner


def test_labels_with_subjects(make_set: MakeSet) -> None:
    folder = make_set(["1.png", "2.png", "3.png"])
    (folder / "labels.csv").write_text(
        "file,label,subject,split\n1.png,Anger,S1,train\n2.png,contempt,S1,\n3.png,happy,S2,val\n"
    )
    rows = open_source(folder).rows
    assert [(r.label, r.source_label, r.group, r.split) for r in rows] == [
        ("angry", "", "S1", "train"),
        ("", "contempt", "S1", ""),
        ("happy", "", "S2", "validation"),
    ]


def test_persons_with_an_expression_are_identities(make_set: MakeSet) -> None:
    folder = make_set(["Ann/1.png", "Bob/1.png"])
    (folder / "labels.csv").write_text(
        "file,person,expression\nAnn/1.png,Ann,happiness\nBob/1.png,Bob,none\n"
    )
    rows = open_source(folder).rows
    assert [(r.label, r.source_label, r.group) for r in rows] == [
        ("Ann", "happy", "Ann"),
        ("Bob", "none", "Bob"),
    ]


def test_labels_that_are_no_emotions_are_identities(make_set: MakeSet) -> None:
    folder = make_set(["1.png", "2.png"])
    (folder / "labels.csv").write_text("file,label\n1.png,Ann\n2.png,Bob\n")
    assert [row.label for row in open_source(folder).rows] == ["Ann", "Bob"]


def test_no_broken_row_is_lost(make_set: MakeSet) -> None:
    folder = make_set(["1.png", "2.png", "3.png", "4.png", "5.png", "unlisted.png"])
    (folder / "labels.csv").write_bytes(
        b"file,label,split\n"
        b"1.png,happy,train\n"
        b'2.png,"happy,train\n'  # an unclosed quote: 3.png must survive it
        b"3.png,sad,train\n"
        b"4.png,hapy,train\n"
        b"5.png,angry\n"
        b"\n"
        b",angry,train\n"
        b"nowhere.png,fear,train\n"
        b"1.png,fear,train\n"
        b"3.png,sad,monday\n"
        b"\xff\xfe\x00,sad,train\n"
    )
    rows = open_source(folder).rows
    got = {row.path: (row.status, row.label) for row in rows}
    assert got == {
        "1.png": ("ok", "happy"),
        "2.png": ("ok", ""),
        "3.png": ("ok", "sad"),
        "4.png": ("bad_row", ""),
        "5.png": ("ok", ""),
        "labels.csv:000003": ("bad_row", ""),
        "labels.csv:000006": ("bad_row", ""),
        "labels.csv:000008": ("bad_row", ""),
        "labels.csv:000010": ("bad_row", ""),
        "labels.csv:000011": ("bad_row", ""),
        "nowhere.png": ("missing", "fear"),
        "unlisted.png": ("ok", ""),
        "\ufffd\ufffd\x00": ("missing", "sad"),
    }
    notes = {row.path: row.note for row in rows}
    assert "did you mean 'happy'?" in notes["4.png"]
    assert notes["labels.csv:000006"] == ("labels.csv, line 6: 2 fields where the header has 3")
    assert notes["labels.csv:000010"].endswith("1.png is listed twice")
    assert notes["unlisted.png"] == "not listed in labels.csv"


def test_several_label_files_are_refused_unless_one_is_labels_csv(make_set: MakeSet) -> None:
    folder = make_set(["1.png"])
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("file,label\n1.png,happy\n")
    with pytest.raises(InputError, match=r"several label files \(a.csv, b.csv\)"):
        open_source(folder)
    (folder / "labels.csv").write_text("file,label\n1.png,sad\n")
    assert [row.label for row in open_source(folder).rows] == ["sad"]


def test_a_csv_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("item,price\napple,1\n")
    with pytest.raises(InputError, match="neither the columns emotion,pixels nor file,label"):
        open_source(tmp_path / "prices.csv")
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(InputError, match="no rows below its header"):
        open_source(tmp_path / "labels.csv")


def test_ferplus_majority_is_the_prepared_one(shared: Path) -> None:
    path = shared / "data" / "ferplus.zip"
    with zipfile.ZipFile(path) as archive:
        text = archive.read("labels.csv").decode()
    wanted = {line["file"]: line["majority"] for line in csv.DictReader(io.StringIO(text))}
    assert {row.path: row.label for row in open_source(path).rows} == wanted
