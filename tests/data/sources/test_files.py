"""Files of a source, where they lie."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

from emotiw_cli.data.sources.files import ListedFiles, ZipFiles
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import ImageError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as content:
        content.writestr("good.png", b"good bytes")
        content.writestr("bad.png", b"bad bytes")
        content.mkdir("folder.png")
        content.writestr("__MACOSX/._good.png", b"")
        content.writestr(".hidden/a.png", b"")
    return path


def test_a_zip_lists_files_that_are_not_hidden(archive: Path) -> None:
    assert set(ZipFiles(archive).sizes) == {"good.png", "bad.png"}


def test_a_zip_opened_before_can_be_copied_to_another_process(archive: Path) -> None:
    files = ZipFiles(archive)
    assert files.open("good.png") == b"good bytes"
    assert pickle.loads(pickle.dumps(files)).open("good.png") == b"good bytes"


def test_a_damaged_member_costs_no_other(archive: Path) -> None:
    spoilt = archive.read_bytes().replace(b"bad bytes", b"bAd bytes")
    archive.write_bytes(spoilt)
    files = ZipFiles(archive)
    with pytest.raises(ImageError, match=r"bad\.png cannot be unpacked from set\.zip") as caught:
        files.open("bad.png")
    assert caught.value.status == "unreadable"
    assert files.open("good.png") == b"good bytes"
    with pytest.raises(ImageError) as caught:
        files.open("nowhere.png")
    assert caught.value.status == "missing"


def test_a_zip_that_is_cut_short_is_one_sentence(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(InputError, match="copy it again"):
        ZipFiles(archive)


def test_listed_files_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"123")
    files = ListedFiles(tmp_path, ["a.png", "b.png", "c\0.png"])
    assert files.sizes == {"a.png": 3, "b.png": -1, "c\0.png": -1}
