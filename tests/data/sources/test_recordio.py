"""InsightFace's RecordIO, written here byte by byte."""

from __future__ import annotations

import pickle
import struct
import tempfile
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.make_faces import make_faces
from emotiw_cli.data.sources import open_source
from emotiw_cli.data.sources.lines import BadRowError
from emotiw_cli.data.sources.recordio import MAGIC, RecordReader
from emotiw_cli.errors import InputError


def part(content: bytes, kind: int = 0) -> bytes:
    return MAGIC + struct.pack("<I", kind << 29 | len(content)) + content + bytes(-len(content) % 4)


def record(content: bytes) -> bytes:
    """One record, cut at magic numbers in it as MXNet cuts it."""
    places = [n for n in range(0, len(content) - 3, 4) if content[n : n + 4] == MAGIC]
    starts = [0, *(place + 4 for place in places)]
    pieces = [content[a:b] for a, b in zip(starts, [*places, len(content)], strict=True)]
    kinds = [0] if len(pieces) == 1 else [1, *[2] * (len(pieces) - 2), 3]
    return b"".join(map(part, pieces, kinds))


def face(identity: float, picture: bytes) -> bytes:
    return record(struct.pack("<IfQQ", 0, identity, 1, 0) + picture)


def range_of(first: int, last: int) -> bytes:
    """A record that names others: its two labels and no picture."""
    return record(struct.pack("<IfQQ", 2, 0, 0, 0) + struct.pack("<2f", first, last))


def png(shade: int) -> bytes:
    encoded: np.ndarray = cv2.imencode(".png", np.full((12, 12, 3), shade, np.uint8))[1]
    return encoded.tobytes()


FACES = [face(number // 2, png(10 * number)) for number in range(6)]
SET = [range_of(7, 10), *FACES, *[range_of(2 * n + 1, 2 * n + 3) for n in range(3)]]


def write(
    folder: Path,
    records: Sequence[bytes],
    *,
    index: bool = True,
    name: str = "train",
    identities: int | None = None,
) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.rec").write_bytes(b"".join(records))
    starts = np.cumsum([0, *map(len, records[:-1])])
    if index:
        lines = [f"{number}\t{start}\n" for number, start in enumerate(starts)]
        (folder / f"{name}.idx").write_text("".join(lines))
    if identities is not None:
        (folder / "property").write_text(f"{identities},112,112")
    return folder


@pytest.mark.parametrize("index", [True, False])
def test_rows_are_the_faces_with_their_identities(tmp_path: Path, index: bool) -> None:
    source = open_source(write(tmp_path / "webface", SET, index=index))
    assert source.layout == "recordio"
    assert [(r.path, r.split, r.label, r.group, r.status) for r in source.rows] == [
        (f"train.rec:{number + 1:07d}", "", str(number // 2), str(number // 2), "ok")
        for number in range(6)
    ]
    read = pickle.loads(pickle.dumps(source.read))  # as a worker gets it
    assert [read(row) for row in source.rows] == [png(10 * number) for number in range(6)]


def test_the_file_itself_reads_as_its_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "webface", SET)
    assert open_source(folder / "train.rec").rows == open_source(folder).rows


def test_several_files_have_the_splits_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, SET)
    write(tmp_path, [face(1, png(3))], name="val")
    rows = open_source(tmp_path).rows
    assert [row.split for row in rows] == [*["train"] * 6, "validation"]


def test_the_first_of_several_labels_is_the_identity(tmp_path: Path) -> None:
    content = struct.pack("<IfQQ", 2, 0, 1, 0) + struct.pack("<2f", 5, 0.5) + png(1)
    source = open_source(write(tmp_path, [record(content)]))
    assert source.rows[0].label == "5"
    assert source.read(source.rows[0]) == png(1)


@given(st.lists(st.sampled_from([MAGIC, b"a", b"bcde", b"\0\0\0\0"]), max_size=12))
def test_content_with_the_magic_number_comes_back_whole(parts: list[bytes]) -> None:
    picture = b"".join(parts) + b"."
    with tempfile.TemporaryDirectory() as folder:
        source = open_source(write(Path(folder), [*FACES, face(9, picture), *FACES], index=False))
        assert len(source.rows) == 13
        assert source.read(source.rows[6]) == picture


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (lambda r: b"?" + r[1:], "no record begins"),
        (lambda r: r[:4] + struct.pack("<I", 2 << 29 | 40) + r[8:], "middle of a record"),
        (lambda r: r[:4] + struct.pack("<I", (1 << 29) - 1) + r[8:], "cut short"),
        (lambda r: r[:12] + struct.pack("<f", -1) + r[16:], "label -1 is not the number"),
        (lambda r: r[:12] + struct.pack("<f", float("nan")) + r[16:], "label nan is not"),
        (lambda r: r[:12] + struct.pack("<f", 3) + r[16:], "none of the 3 identities"),
        (lambda r: r[:8] + struct.pack("<I", 99999) + r[12:], "99999 labels"),
        (lambda r: part(r[8:20]), "12 bytes, too few"),
        (lambda r: part(r[8:32]), "holds no picture"),
    ],
)
def test_a_damaged_record_is_a_row_and_costs_no_other(
    tmp_path: Path, spoil: object, note: str, index: bool
) -> None:
    spoilt = [*SET[:3], spoil(SET[3]), *SET[4:]]  # type: ignore[operator]
    rows = open_source(write(tmp_path, spoilt, index=index, identities=3)).rows
    assert [row.status for row in rows] == ["ok", "ok", "bad_row", "ok", "ok", "ok"]
    assert note in rows[2].note
    assert [row.label for row in rows] == ["0", "0", "", "1", "2", "2"]


def test_what_breaks_within_a_record_is_met_when_it_is_read(tmp_path: Path) -> None:
    cut = struct.pack("<IfQQ", 0, 1, 1, 0) + b"jpeg"
    lone = part(cut, kind=1)  # its last part is missing
    folder = write(tmp_path, [*SET[:3], lone, face(1, b"no picture"), *SET[5:]])
    source = open_source(folder)
    with pytest.raises(BadRowError, match="without its last part"):
        source.read(source.rows[2])
    report = make_faces(source, tmp_path / "out", size=(12, 12), detector=None, workers=1)
    assert report.counts["status"] == {"bad_row": 1, "ok": 4, "unreadable": 1}


def test_a_file_cut_short_keeps_what_came_before(tmp_path: Path) -> None:
    folder = write(tmp_path, SET)
    (folder / "train.rec").write_bytes(b"".join(SET[:4]) + SET[4][:-5])
    rows = open_source(folder).rows
    assert [row.status for row in rows] == ["ok"] * 3 + ["bad_row"] * 6  # the index names ten


@pytest.mark.parametrize("content", [b"", b"nothing", SET[0]])
def test_a_file_without_a_face_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="no record with a picture"):
        open_source(write(tmp_path, [content], index=False))


def test_a_damaged_index_is_one_sentence(tmp_path: Path) -> None:
    folder = write(tmp_path, SET)
    (folder / "train.idx").write_text("0\t0\n1 x\n")
    with pytest.raises(InputError, match=r"train\.idx, line 2"):
        open_source(folder)


def test_pictures_are_read_one_by_one(tmp_path: Path) -> None:
    size = 1 << 22
    folder = write(tmp_path, [face(number, bytes(size)) for number in range(8)], index=False)
    tracemalloc.start()
    source = open_source(folder)
    for row in source.rows:
        assert len(source.read(row)) == size  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * size  # of 8


def test_the_list_of_half_a_million_is_small_to_send() -> None:
    places = {"train.rec": {number: 8 * number for number in range(500_000)}}
    assert len(pickle.dumps(RecordReader(Path(), places))) < 9_000_000


def test_a_digest_tells_that_a_picture_changed(tmp_path: Path) -> None:
    before = open_source(write(tmp_path, SET)).digest
    assert before == open_source(write(tmp_path, SET)).digest
    changed = [*SET[:2], face(0, png(10) + b"more"), *SET[3:]]
    assert before != open_source(write(tmp_path, changed)).digest


def test_a_row_of_another_name_is_a_fault() -> None:
    with pytest.raises(KeyError):
        RecordReader(Path(), {})(replace(FaceRow(0, "train.rec:0000001")))
