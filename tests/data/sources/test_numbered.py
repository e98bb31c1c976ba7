"""RAF-DB and AffectNet, which number their emotions."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.data.sources import open_source
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError

MakeSet = Callable[..., Path]


def rafdb(make_set: MakeSet, pictures: list[str], *lines: str, root: str = "basic/") -> Path:
    folder = make_set([f"{root}Image/{picture}" for picture in pictures])
    labels = folder / f"{root}EmoLabel/list_patition_label.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("root", ["", "basic/"])
@pytest.mark.parametrize(
    ("kind", "ending"), [("aligned", "_aligned"), ("original", ""), ("aligned/aligned", "_aligned")]
)
def test_rafdb_numbers_are_its_emotions(
    make_set: MakeSet, root: str, kind: str, ending: str
) -> None:
    stems = [*(f"train_0000{number}" for number in range(1, 7)), "test_0001"]
    lines = [f"{stem}.jpg {number}" for number, stem in enumerate(stems, start=1)]
    source = open_source(
        rafdb(make_set, [f"{kind}/{stem}{ending}.jpg" for stem in stems], *lines, root=root)
    )
    assert source.layout == "rafdb"
    by_stem = {Path(row.path).stem.removesuffix("_aligned"): row for row in source.rows}
    assert [by_stem[stem].label for stem in stems] == [
        *("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
    ]
    assert [by_stem[stem].split for stem in stems] == [*["train"] * 6, "test"]
    assert source.ignored == 0


def test_rafdb_takes_the_aligned_faces_where_both_are_there(make_set: MakeSet) -> None:
    pictures = ["aligned/train_1_aligned.jpg", "original/train_1.jpg"]
    source = open_source(rafdb(make_set, pictures, "train_1.jpg 5"))
    assert [row.path for row in source.rows] == ["basic/Image/aligned/train_1_aligned.jpg"]
    assert source.ignored == 1


def test_rafdb_keeps_a_row_for_whatever_is_wrong(make_set: MakeSet) -> None:
    pictures = [f"aligned/train_{number}_aligned.jpg" for number in range(1, 5)]
    lines = ["train_1.jpg 5", "train_1.jpg 5", "train_2.jpg 8", "valid", "held_3.jpg 1"]
    rows = open_source(rafdb(make_set, pictures, *lines, "train_9.jpg 1")).rows
    labels = "basic/EmoLabel/list_patition_label.txt"
    assert [(row.path, row.status, row.note) for row in rows] == [
        (f"{labels}:000002", "bad_row", "train_1.jpg is listed twice"),
        (f"{labels}:000003", "bad_row", "'8' is not a number 1–7"),
        (f"{labels}:000004", "bad_row", "'valid' is not a file and a number"),
        (f"{labels}:000005", "bad_row", "'held_3.jpg' begins neither with train nor with test"),
        ("basic/Image/aligned/train_1_aligned.jpg", "ok", ""),
        *(
            (f"basic/Image/aligned/train_{number}_aligned.jpg", "ok", f"not listed in {labels}")
            for number in (2, 3, 4)
        ),
        ("train_9.jpg", "missing", "train_9.jpg is listed but is not there"),
    ]


def test_an_empty_list_is_one_sentence(make_set: MakeSet) -> None:
    with pytest.raises(InputError, match=r"list_patition_label\.txt in .* is empty"):
        open_source(rafdb(make_set, ["aligned/train_1_aligned.jpg"]))


def affectnet(make_set: MakeSet, expressions: dict[str, object], *pictures: str) -> Path:
    folder = make_set([f"{place.replace('/', '/images/')}.jpg" for place in expressions])
    make_set(list(pictures))
    for place, value in expressions.items():
        path = folder / f"{place.replace('/', '/annotations/')}_exp.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.array(value))
        np.save(path.with_name(path.name.replace("_exp", "_aro")), np.array("0.5"))
    return folder


def test_affectnet_numbers_are_its_expressions(make_set: MakeSet) -> None:
    expressions = {f"train_set/{number}": str(number) for number in range(8)}
    source = open_source(affectnet(make_set, {**expressions, "val_set/9": 1}))
    assert source.layout == "affectnet"
    assert [(row.split, row.label, row.source_label) for row in source.rows] == [
        ("train", "neutral", ""),
        ("train", "happy", ""),
        ("train", "sad", ""),
        ("train", "surprise", ""),
        ("train", "fear", ""),
        ("train", "disgust", ""),
        ("train", "angry", ""),
        ("train", "", "contempt"),
        ("validation", "happy", ""),
    ]
    assert source.ignored == 9  # valence and arousal
    read = pickle.loads(pickle.dumps(source.read))
    assert read(source.rows[0]) == source.path / "train_set/images/0.jpg"


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("an annotation was executed",)


def test_affectnet_keeps_a_row_for_whatever_is_wrong(make_set: MakeSet) -> None:
    good = {"train_set/1": "6", "train_set/2": "11", "train_set/3": ["1", "2"]}
    folder = affectnet(make_set, good, "train_set/images/6.jpg", "train_set/images/7.jpg")
    annotations = folder / "train_set/annotations"
    file = io.BytesIO()
    np.save(file, np.array([Harmful()], dtype=object), allow_pickle=True)
    (annotations / "6_exp.npy").write_bytes(file.getvalue())
    (annotations / "8_exp.npy").write_bytes((annotations / "1_exp.npy").read_bytes())
    (annotations / "3_exp.npy").write_bytes(b"")
    rows = open_source(folder).rows
    assert [(Path(row.path).stem, row.status, row.label) for row in rows] == [
        ("1", "ok", "angry"),
        ("2", "bad_row", ""),
        ("3", "bad_row", ""),
        ("6", "bad_row", ""),
        ("7", "ok", ""),
        ("8", "missing", "angry"),
    ]
    assert rows[1].note == "train_set/annotations/2_exp.npy: '11' is not a number 0–10"
    assert "holds no number" in rows[2].note
    assert "allow_pickle=False" in rows[3].note
    assert rows[4].note == "no train_set/annotations/7_exp.npy"
    assert all(row.split == "train" and row.label in ("", *EMOTIONS) for row in rows)
