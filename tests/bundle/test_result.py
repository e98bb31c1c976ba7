"""The result type and its files."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from emotiw_cli.bundle.result import (
    COLUMNS,
    FacePrediction,
    Predictions,
    csv_file,
    json_file,
    partial_of,
)
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import OutputError

POSTERIOR = (0.05, 0.0, 0.1, 0.6, 0.25, 0.0, 0.0)
FACE = FacePrediction("a/b.jpg", face=1, x=3, y=4, width=50, height=60, posterior=POSTERIOR)
NONE = FacePrediction("c.jpg", "no_face")
GONE = FacePrediction("d.jpg", "missing", note="d.jpg does not exist: check the path.")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_columns_are_the_contract() -> None:
    assert ",".join(COLUMNS) == (
        "path,status,face,x,y,width,height,"
        "angry,disgust,fear,happy,neutral,sad,surprise,emotion,confidence"
    )


def test_emotion_is_the_likeliest() -> None:
    assert (FACE.emotion, FACE.confidence) == ("happy", 0.6)
    assert (NONE.emotion, NONE.confidence) == ("", 0.0)


def test_csv(tmp_path: Path) -> None:
    Predictions([[FACE], [NONE], [GONE]]).to_csv(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        ",".join(COLUMNS) + "\n"
        "a/b.jpg,ok,1,3,4,50,60,"
        "0.050000,0.000000,0.100000,0.600000,0.250000,0.000000,0.000000,happy,0.600000\n"
        "c.jpg,no_face,,,,,,,,,,,,,,\n"
        "d.jpg,missing,,,,,,,,,,,,,,\n"
    )
    assert names_in(tmp_path) == ["out.csv"]


def test_json(tmp_path: Path) -> None:
    Predictions([[FACE, FACE], [GONE]]).to_json(tmp_path / "out.json")
    first, second = json.loads((tmp_path / "out.json").read_text())["pictures"]
    assert second == {"path": "d.jpg", "status": "missing", "note": GONE.note, "faces": []}
    assert (first["path"], first["status"], len(first["faces"])) == ("a/b.jpg", "ok", 2)
    assert first["faces"][0] == {
        "face": 1,
        "box": {"x": 3, "y": 4, "width": 50, "height": 60},
        "posterior": dict(zip(EMOTIONS, POSTERIOR, strict=True)),
        "emotion": "happy",
        "confidence": 0.6,
    }


def test_json_of_nothing(tmp_path: Path) -> None:
    Predictions().to_json(tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"pictures": []}


@pytest.mark.parametrize("name", ['commas, "quotes".jpg', "two\nlines.jpg", "Ж日本😀.jpg"])
def test_any_name_comes_back(tmp_path: Path, name: str) -> None:
    predictions = Predictions([[FacePrediction(name, "no_face")]])
    predictions.to_csv(tmp_path / "out.csv")
    predictions.to_json(tmp_path / "out.json")
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["path"] == name
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert content["pictures"][0]["path"] == name


def test_a_name_that_is_not_unicode_comes_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    predictions = Predictions([[FacePrediction(name, "no_face")]])
    predictions.to_csv(tmp_path / "out.csv")
    predictions.to_json(tmp_path / "out.json")
    assert b"\ncaf\xe9.jpg,no_face," in (tmp_path / "out.csv").read_bytes()
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert content["pictures"][0]["path"] == name


def interrupted(opened: object) -> None:
    with opened as write:  # type: ignore[attr-defined]
        write([FACE])
        raise KeyboardInterrupt


def test_an_interrupted_run_keeps_its_rows_aside(tmp_path: Path) -> None:
    before = tmp_path / "out.csv"
    before.write_text("of an earlier run")
    for opened in (csv_file(str(before)), json_file(str(tmp_path / "out.json"))):
        with pytest.raises(KeyboardInterrupt):
            interrupted(opened)
    assert before.read_text() == "of an earlier run"
    kept = partial_of(before).read_text().splitlines()
    assert [line.split(",")[0] for line in kept] == ["path", "a/b.jpg"]
    content = json.loads(partial_of(tmp_path / "out.json").read_text())
    assert [picture["path"] for picture in content["pictures"]] == ["a/b.jpg"]
    assert names_in(tmp_path) == ["out.csv", "out.csv.partial", "out.json.partial"]


def test_a_run_that_fails_before_its_first_picture_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for opened in (csv_file, json_file):
        for target in (str(tmp_path / "out"), "-"):
            with pytest.raises(ValueError, match="no bundle"), opened(target):
                raise ValueError("no bundle")
    assert names_in(tmp_path) == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("place", "reason"),
    [("no/such/out.csv", "does not exist"), ("file/out.csv", "a file stands where")],
)
def test_an_impossible_place_is_refused_at_once(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=reason), csv_file(str(tmp_path / place)):
        pytest.fail("the run must not start")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputError, match="a folder stands"):
        Predictions([[FACE]]).to_csv(tmp_path / "out.csv")


def test_only_its_own_failures_are_the_outputs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), csv_file(str(tmp_path / "out.csv")):
        raise FileNotFoundError("of something else")
