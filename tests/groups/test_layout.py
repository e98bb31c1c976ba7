from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from emotiw_cli.errors import InputError
from emotiw_cli.groups.layout import CLASSES, open_groups


def lay(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def read(path: Path) -> list[tuple[str, str, str]]:
    return [(row.path, row.split, row.label) for row in open_groups(path).rows]


GAF = {
    "train/Positive/wedding.jpg": ("train", "positive"),
    "train/Positive/wedding.png": ("train", "positive"),
    "train/NEUTRAL/a.JPG": ("train", "neutral"),
    "val/negative/b.jpeg": ("validation", "negative"),
    "val/Negative/Толпа 1.jpg": ("validation", "negative"),
    "val/Positive/party 2016/c.jpg": ("validation", "positive"),
    "test/d.jpg": ("test", ""),
    "Unknown/e.jpg": ("", ""),
}


def test_the_classes_and_their_order() -> None:
    assert CLASSES == ("negative", "neutral", "positive")


def test_gaf_with_its_traps_as_a_folder_and_as_a_zip(tmp_path: Path) -> None:
    folder = lay(tmp_path / "gaf", [*GAF, "readme.txt", "train/Positive/.hidden.jpg"])
    expected = [(name, *GAF[name]) for name in sorted(GAF)]
    assert read(folder) == expected
    with zipfile.ZipFile(tmp_path / "gaf.zip", "w") as archive:
        for name in [*GAF, "readme.txt"]:
            archive.writestr(name, name)
    assert read(tmp_path / "gaf.zip") == expected
    source = open_groups(folder)
    assert (source.layout, source.ignored) == ("groups", 1)


def test_pictures_without_classes_have_no_labels(tmp_path: Path) -> None:
    folder = lay(tmp_path / "photos", ["Natural scenes/a.jpg", "b.jpg", "2016/wedding/c.jpg"])
    assert {label for _, _, label in read(folder)} == {""}
    assert open_groups(folder).layout == "photos"


def test_one_picture_and_a_list_of_pictures(tmp_path: Path) -> None:
    folder = lay(tmp_path, ["a.jpg", "positive/b.jpg"])
    (tmp_path / "list.txt").write_text("a.jpg\npositive/b.jpg\n")
    assert read(folder / "a.jpg") == [("a.jpg", "", "")]
    assert len(read(folder / "list.txt")) == 2


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["Positiv/a.jpg"], r"'Positiv' is not a class of groups; did you mean 'positive'\?"),
        (["Positive/a.jpg", "Natural/b.jpg"], r"'Natural' .* did you mean 'neutral'\?"),
        (["Positive/a.jpg", "xyz/b.jpg"], r"'xyz' .* use one of negative, neutral, positive\."),
        (["notes.doc"], r"holds no pictures \(1 other files\)"),
    ],
)
def test_what_is_not_laid_out_so_is_named(tmp_path: Path, names: list[str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        open_groups(lay(tmp_path / "set", names))


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist"):
        open_groups(tmp_path / "nowhere")
