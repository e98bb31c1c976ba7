"""Shards of pictures, and the faces and codes read from them."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from emotiw_cli.artefact import reference, write_manifest
from emotiw_cli.data.codes import Codes, codes_name
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.index import FaceRow, write_index
from emotiw_cli.data.shards import ShardReader, shard_name, write_shard
from emotiw_cli.errors import ArtefactError

PICTURES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_names_sort_as_numbers() -> None:
    assert [shard_name(number) for number in (0, 12, 99999)] == [
        "shard-00000.h5",
        "shard-00012.h5",
        "shard-99999.h5",
    ]


def test_pictures_come_back(tmp_path: Path) -> None:
    write_shard(tmp_path / shard_name(3), "codes", PICTURES)
    reader = ShardReader(tmp_path, "codes")
    assert np.array_equal(reader.read(3, 1), PICTURES[1])
    assert reader.read(3, 0).dtype == np.uint8


def test_one_picture_is_one_chunk_uncompressed(tmp_path: Path) -> None:
    write_shard(tmp_path / "a", "codes", PICTURES, attributes={"radius": 5})
    with h5py.File(tmp_path / "a", "r") as file:
        assert file["codes"].chunks == (1, 3, 4)
        assert file["codes"].compression is None
        assert file["codes"].attrs["radius"] == 5


def test_equal_pictures_give_equal_bytes_whatever_the_name(tmp_path: Path) -> None:
    palette = np.zeros((256, 3), np.uint8)
    for name in ("a", "b"):
        write_shard(tmp_path / name, "codes", PICTURES, palette=palette)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_shard_may_be_empty(tmp_path: Path) -> None:
    write_shard(tmp_path / shard_name(0), "faces", np.empty((0, 3, 4, 1), np.uint8))
    assert ShardReader(tmp_path, "faces").dataset(0).shape == (0, 3, 4, 1)


def test_a_missing_or_damaged_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / shard_name(1)).write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    write_shard(tmp_path / shard_name(2), "faces", PICTURES)
    reader = ShardReader(tmp_path, "codes")
    for shard in (0, 1, 2):
        with pytest.raises(ArtefactError, match=f"{shard_name(shard)} is missing or damaged"):
            reader.read(shard, 0)


def _read(reader: ShardReader) -> int:
    return int(reader.read(0, 1)[0, 0])


def test_shards_are_opened_where_and_when_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write_shard(tmp_path / shard_name(number), "codes", PICTURES)
    opened: list[str] = []
    real = h5py.File

    def note(path: Path, mode: str) -> object:
        opened.append(path.name)
        return real(path, mode)

    monkeypatch.setattr(h5py, "File", note)
    reader = ShardReader(tmp_path, "codes")
    assert opened == []
    for _ in range(2):
        reader.read(1, 0)
    worker = pickle.loads(pickle.dumps(reader))  # as a DataLoader sends it to a worker
    assert opened == [shard_name(1)]
    worker.read(2, 0)
    assert opened == [shard_name(1), shard_name(2)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_reader_in_use_can_be_taken_into_another_process(tmp_path: Path, method: str) -> None:
    write_shard(tmp_path / shard_name(0), "codes", PICTURES)
    reader = ShardReader(tmp_path, "codes")
    assert _read(reader) == 12
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(_read, (reader,)) == 12
    assert _read(pickle.loads(pickle.dumps(reader))) == 12


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two grey faces of 4×3 pixels in rows 0 and 2, none in row 1, and their codes at radius 1."""
    folder = tmp_path / "faces" / "set"
    folder.mkdir(parents=True)
    rows = [
        FaceRow(0, "a.png", split="train", shard=0, offset=0),
        FaceRow(1, "b.png", status="no_face", split="train"),
        FaceRow(2, "c.png", split="test", shard=0, offset=1),
    ]
    write_index(folder / "index.csv", rows)
    write_shard(folder / shard_name(0), "faces", PICTURES[..., None])
    write_manifest(
        folder,
        "faces",
        parameters={"size": [4, 3]},
        inputs=[],
        outputs=["index.csv", shard_name(0)],
    )
    _make_codes(tmp_path)
    return tmp_path


def _make_codes(work: Path) -> None:
    folder = work / "codes" / codes_name("set", 1)
    folder.mkdir(parents=True)
    write_shard(folder / shard_name(0), "codes", PICTURES[:, 1:-1, 1:-1])
    write_manifest(
        folder,
        "codes",
        parameters={"radius": 1},
        inputs=[reference(Faces.open(work, "set").artefact)],
        outputs=[shard_name(0)],
    )


def test_faces_are_colour_whatever_is_stored(work: Path) -> None:
    faces = Faces.open(work, "set")
    assert faces.size == (4, 3)
    assert np.array_equal(faces.face(2), np.repeat(PICTURES[1][..., None], 3, axis=2))


def test_rows_without_a_face_are_never_selected(work: Path) -> None:
    faces = Faces.open(work, "set")
    assert faces.select() == [0, 2]
    assert faces.select("train") == [0]
    assert faces.select("validation") == []


def test_codes_follow_the_rows_of_their_faces(work: Path) -> None:
    codes = Codes.open(work, Faces.open(work, "set"), 1)
    assert codes.radius == 1
    assert np.array_equal(codes.codes(2), PICTURES[1, 1:-1, 1:-1])


def test_codes_of_faces_that_have_changed_are_refused(work: Path) -> None:
    folder = work / "faces" / "set"
    write_shard(folder / shard_name(0), "faces", PICTURES[::-1, ..., None])
    write_manifest(
        folder,
        "faces",
        parameters={"size": [4, 3]},
        inputs=[],
        outputs=["index.csv", shard_name(0)],
    )
    with pytest.raises(ArtefactError, match="set-r1 is stale: faces/set has changed since"):
        Codes.open(work, Faces.open(work, "set"), 1)


def test_codes_at_a_radius_that_is_not_there(work: Path) -> None:
    with pytest.raises(ArtefactError, match=r"set-r5 does not exist \(there are: set-r1\)"):
        Codes.open(work, Faces.open(work, "set"), 5)
