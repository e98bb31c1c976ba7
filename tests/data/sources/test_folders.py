"""Layouts told by folders, in folders and zips."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from emotiw_cli.commands.align import Layout
from emotiw_cli.data.sources import LAYOUTS, open_source
from emotiw_cli.errors import InputError
from emotiw_cli.faces.images import load_image

MakeSet = Callable[..., Path]


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def known(path: Path, layout: str = "auto") -> list[tuple[str, str, str, str]]:
    rows = open_source(path, layout).rows
    assert [row.row for row in rows] == list(range(len(rows)))
    return [(row.path, row.split, row.label, row.group) for row in rows]


def test_flat_folder_is_photos_without_labels_sorted_by_path(make_set: MakeSet) -> None:
    folder = make_set(["b.png", "a.png", "C.PNG"])
    assert known(folder) == [("C.PNG", "", "", ""), ("a.png", "", "", ""), ("b.png", "", "", "")]
    assert open_source(folder).layout == "photos"


def test_class_folders_below_splits_in_any_spelling(make_set: MakeSet) -> None:
    folder = make_set(["Train/Anger/1.png", "VAL/happiness/2.png", "test/sad/3.png"])
    assert known(folder) == [
        ("Train/Anger/1.png", "train", "angry", ""),
        ("VAL/happiness/2.png", "validation", "happy", ""),
        ("test/sad/3.png", "test", "sad", ""),
    ]


def test_split_below_class_reads_the_same(make_set: MakeSet) -> None:
    folder = make_set(["fear/train/1.png", "happy/val/2.png"])
    assert [entry[1:3] for entry in known(folder)] == [("train", "fear"), ("validation", "happy")]


def test_sfew_folders_give_split_label_and_film(make_set: MakeSet) -> None:
    name = "Train/Train_Aligned_Faces/Angry/Juno_000519240_00000005.png"
    other = "Val/Val_Aligned_Faces_new/Sad/21_000519240_00000005.png"
    assert known(make_set([name, other])) == [
        (name, "train", "angry", "Juno"),
        (other, "validation", "sad", "21"),
    ]


SFEW = {
    "Train": "Angry/Juno_000519240_00000005.png",
    "Val": "Sad/21_000519240_00000005.png",
    "Test": "Up_000100000_00000010.png",
}


@pytest.mark.parametrize("root", ["", "SFEW_2/", "data/SFEW 2.0/"])
@pytest.mark.parametrize("inner", ["", "Train_Aligned_Faces/", "Aligned"])
def test_every_variant_of_sfew_reads_alike(make_set: MakeSet, root: str, inner: str) -> None:
    between = {
        "": dict.fromkeys(SFEW, ""),
        "Aligned": dict.fromkeys(SFEW, ""),
        "Train_Aligned_Faces/": {
            "Train": "Train_Aligned_Faces/",
            "Val": "Val_Aligned_Faces_new/",
            "Test": "Test_Aligned_Faces/",
        },
    }[inner]
    above = {split: f"{split}_Aligned_Faces" if inner == "Aligned" else split for split in SFEW}
    names = [f"{root}{above[split]}/{between[split]}{SFEW[split]}" for split in SFEW]
    source = open_source(make_set(names))
    assert source.layout == "classes"
    assert {(row.split, row.label, row.group) for row in source.rows} == {
        ("train", "angry", "Juno"),
        ("validation", "sad", "21"),
        ("test", "", "Up"),
    }


@pytest.mark.parametrize("outer", ["folder", "zip"])
@pytest.mark.parametrize("top", ["", "Train_Aligned_Faces/"])
def test_zips_within_read_as_if_unpacked(make_set: MakeSet, outer: str, top: str) -> None:
    make_set([f"{top}{SFEW['Train']}"], root="packed/Train_Aligned_Faces")
    make_set([SFEW["Val"]], root="packed/Val_Aligned_Faces_new")
    make_set([SFEW["Test"]], root="packed/Test_Aligned_Faces")
    folder = make_set(["notes.txt"])
    for packed in (folder.parent / "packed").iterdir():
        (folder / packed.name).with_suffix(".zip").write_bytes(zipped(packed).read_bytes())
    source = open_source(folder if outer == "folder" else zipped(folder))
    assert [(row.path, row.split, row.label, row.group) for row in source.rows] == [
        (f"Test_Aligned_Faces/{SFEW['Test']}", "test", "", "Up"),
        (f"Train_Aligned_Faces/{top}{SFEW['Train']}", "train", "angry", "Juno"),
        (f"Val_Aligned_Faces_new/{SFEW['Val']}", "validation", "sad", "21"),
    ]
    read = pickle.loads(pickle.dumps(source.read))  # as a worker gets it
    for row in source.rows:
        assert load_image(read(row)).shape == (12, 12, 3)


def test_a_zip_unpacked_beside_itself_is_read_once(make_set: MakeSet) -> None:
    folder = make_set(["Train/Sad/1.png", "Train/Happy/2.png"])
    zipped(folder / "Train")
    source = open_source(folder)
    assert [row.path for row in source.rows] == ["Train/Happy/2.png", "Train/Sad/1.png"]
    assert source.ignored == 1


def test_a_zip_within_that_cannot_be_read_is_one_sentence(make_set: MakeSet) -> None:
    folder = make_set(["Train/Sad/1.png", "Train/Happy/2.png", "Val.zip"])
    with pytest.raises(InputError, match=r"Val\.zip is not a zip that can be read"):
        open_source(folder)


CLIP = "000046280"


@pytest.mark.parametrize(
    "names",
    [
        ["Train/Angry/{0}.avi", "Val/Sad/{0}.avi", "Faces/Train/{0}/1.png", "Faces/Val/{0}/1.png"],
        [
            "Train_AFEW/Angry/{0}.avi",
            "Train_AFEW/AlignedFaces_LBPTOP_Points/AlignedFaces/{0}/1.png",
            "Val_AFEW/Sad/{0}.avi",
            "Val_AFEW/AlignedFaces_LBPTOP_Points_Val/Faces/{0}/1.png",
        ],
        ["Train_Aligned_Faces/Angry/{0}/1.png", "Val_Aligned_Faces/Sad/{0}/1.png"],
    ],
)
def test_faces_of_clips_have_their_emotion_and_the_clip_as_leak_key(
    make_set: MakeSet, names: list[str]
) -> None:
    source = open_source(make_set([name.format(CLIP) for name in names]))
    assert source.layout == "afew"
    assert {(row.split, row.label, row.group) for row in source.rows} == {
        ("train", "angry", f"train/{CLIP}"),
        ("validation", "sad", f"validation/{CLIP}"),
    }


def test_faces_of_a_clip_that_is_not_there_say_so(make_set: MakeSet) -> None:
    folder = make_set(["Train/Sad/1.avi", "Faces/Train/1/1.png", "Faces/Train/2/1.png"])
    rows = open_source(folder).rows
    assert [(row.label, row.note) for row in rows] == [
        ("sad", ""),
        ("", "no clip 2 tells its emotion"),
    ]


def test_unlabelled_pictures_of_a_test_split_have_no_label(make_set: MakeSet) -> None:
    folder = make_set(["Train/Angry/1.png", "Train/Happy/1.png", "Test/1.png"])
    assert known(folder)[0] == ("Test/1.png", "test", "", "")


def test_other_known_labels_are_kept_aside(make_set: MakeSet) -> None:
    rows = open_source(make_set(["angry/1.png", "contempt/2.png"])).rows
    assert [(row.label, row.source_label) for row in rows] == [("angry", ""), ("", "contempt")]


def test_identity_folders_are_label_and_group(make_set: MakeSet) -> None:
    folder = make_set(["train/0001/1.png", "val/0001/2.png", "train/Val_Kilmer/3.png"])
    assert known(folder) == [
        ("train/0001/1.png", "train", "0001", "0001"),
        ("train/Val_Kilmer/3.png", "train", "Val_Kilmer", "Val_Kilmer"),
        ("val/0001/2.png", "validation", "0001", "0001"),
    ]
    assert open_source(folder).layout == "identities"


def test_a_person_called_joy_does_not_make_identities_emotions(make_set: MakeSet) -> None:
    assert open_source(make_set(["Joy/1.png", "Ann/1.png", "Bob/1.png"])).layout == "identities"


def test_pictures_beside_folders_are_no_identities(make_set: MakeSet) -> None:
    assert open_source(make_set(["1.png", "holiday/2.png", "party/3.png"])).layout == "photos"


def test_misspelt_class_folder_is_named_with_the_nearest(make_set: MakeSet) -> None:
    folder = make_set(["angry/1.png", "happy/2.png", "suprise/3.png"])
    with pytest.raises(InputError, match=r"'suprise'.*did you mean 'surprise'\?"):
        open_source(folder)


@pytest.mark.parametrize(("slip", "meant"), [("Trian", "train"), ("Vall", "val")])
def test_a_slip_in_the_name_of_a_split_is_refused(make_set: MakeSet, slip: str, meant: str) -> None:
    others = ["Test/angry/b.png", "Test/happy/c.png"]
    folder = make_set([f"{slip}/angry/a.png", *others])
    with pytest.raises(InputError, match=rf"'{slip}' is no split's name; did you mean '{meant}'"):
        open_source(folder)
    assert open_source(make_set(["tram/angry/a.png", *others], root="new")).layout == "classes"


def test_a_stated_layout_is_taken(make_set: MakeSet) -> None:
    folder = make_set(["anger/1.png", "joy/2.png"])
    assert [entry[2] for entry in known(folder, "identities")] == ["anger", "joy"]
    assert [entry[2] for entry in known(folder, "photos")] == ["", ""]
    with pytest.raises(InputError, match="not laid out as fer2013"):
        open_source(folder, "fer2013")
    with pytest.raises(InputError, match="is not a layout"):
        open_source(folder, "webface")


def test_a_zip_reads_as_its_folder(make_set: MakeSet) -> None:
    folder = make_set(
        ["train/happy/é 日本 – Лица.png", "val/sad/1.png", "x/.DS_Store", "notes.txt"]
    )
    from_folder, from_zip = open_source(folder), open_source(zipped(folder))
    assert from_zip.rows == from_folder.rows
    assert (from_folder.ignored, from_zip.ignored) == (1, 1)
    for row in from_zip.rows:
        content = from_folder.read(row)
        assert isinstance(content, Path)
        assert from_zip.read(row) == content.read_bytes()


def test_other_files_are_ignored_and_counted(make_set: MakeSet) -> None:
    source = open_source(make_set(["1.png", "notes.txt", "data.csv", ".DS_Store", "._1.png"]))
    assert [row.path for row in source.rows] == ["1.png"]
    assert source.ignored == 2


def test_one_picture_is_a_source(make_set: MakeSet) -> None:
    assert known(make_set(["a.png"]) / "a.png") == [("a.png", "", "", "")]


def test_a_list_keeps_every_line(make_set: MakeSet) -> None:
    folder = make_set(["a/1.png", "b.png"])
    (folder / "list.txt").write_text("b.png\n\na/1.png\nnowhere.png\nb.png\n")
    paths = [entry[0] for entry in known(folder / "list.txt")]
    assert paths == ["a/1.png", "b.png", "b.png", "nowhere.png"]


@pytest.mark.parametrize("files", [[], ["notes.txt", "faces.dat"]])
def test_no_pictures_is_one_sentence(make_set: MakeSet, files: list[str]) -> None:
    with pytest.raises(InputError, match=rf"holds no pictures \({len(files)} other files\)"):
        open_source(make_set(files))


def test_what_is_not_there_or_no_source_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist"):
        open_source(tmp_path / "nowhere")
    (tmp_path / "song.mp3").write_bytes(b"la")
    with pytest.raises(InputError, match="not a picture, a folder, a zip"):
        open_source(tmp_path / "song.mp3")
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="not a zip that can be read"):
        open_source(tmp_path / "cut.zip")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match="names no pictures"):
        open_source(tmp_path / "empty.txt")


def test_a_linked_class_folder_is_followed_once(make_set: MakeSet) -> None:
    folder = make_set(["sad/1.png"])
    elsewhere = make_set(["2.png"], root="elsewhere")
    (folder / "happy").symlink_to(elsewhere)
    (folder / "sad" / "loop").symlink_to(folder)
    assert [entry[0] for entry in known(folder)] == ["happy/2.png", "sad/1.png"]


def test_a_name_that_is_not_utf8_is_listed_and_read(make_set: MakeSet) -> None:
    folder = make_set(["a.png"])
    (folder / "a.png").rename(folder / "b\udce9.png")
    (row,) = open_source(folder).rows
    assert row.path == "b\\udce9.png"
    assert open_source(folder).read(row) == folder / "b\udce9.png"


def test_every_layout_has_its_line_and_align_knows_it() -> None:
    assert all(LAYOUTS.values())
    assert get_args(Layout) == ("auto", *LAYOUTS)
