"""Exclusions, drawn splits and the digest of a list of pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources import exclude_listed, open_source, split_groups, validate_on_test
from emotiw_cli.data.sources.source import Source, make_source
from emotiw_cli.errors import InputError

MakeSet = Callable[..., Path]


def source_of(rows: list[FaceRow]) -> Source:
    return make_source(Path("set"), "table", [(row, "") for row in rows], lambda row: b"")


def subjects(count: int, each: int) -> Source:
    return source_of(
        [
            FaceRow(0, f"{subject:02d}-{number}.png", label="happy", group=f"S{subject:02d}")
            for subject in range(count)
            for number in range(each)
        ]
    )


def test_groups_stay_whole_and_the_share_is_of_groups() -> None:
    split = split_groups(subjects(20, 3), 0.25, seed=1)
    by_group = {
        group: {r.split for r in split.rows if r.group == group}
        for group in {r.group for r in split.rows}
    }
    assert all(len(splits) == 1 for splits in by_group.values())
    assert sum(splits == {"validation"} for splits in by_group.values()) == 5


def test_the_draw_is_fixed_by_the_seed_and_pinned() -> None:
    def drawn(seed: int) -> set[str]:
        split = split_groups(subjects(10, 1), 0.2, seed=seed)
        return {row.group for row in split.rows if row.split == "validation"}

    assert drawn(1) == {"S00", "S05"}
    assert drawn(2) == {"S00", "S03"}


def test_few_groups_give_one_at_least() -> None:
    split = split_groups(subjects(3, 2), 0.1, seed=0)
    assert len({row.group for row in split.rows if row.split == "validation"}) == 1


def test_pictures_without_a_group_are_not_one() -> None:
    rows = [FaceRow(0, f"{n}.png", group="S0" if n < 5 else "") for n in range(104)]
    split = split_groups(source_of(rows), 0.2, seed=0)
    alone = [row.split for row in split.rows if not row.group]
    assert 19 <= alone.count("validation") <= 20
    assert len({row.split for row in split.rows if row.group}) == 1


def test_without_groups_each_label_gives_its_share() -> None:
    rows = [FaceRow(0, f"h{n}", label="happy") for n in range(10)]
    rows += [FaceRow(0, f"s{n}", label="sad") for n in range(20)]
    split = split_groups(source_of(rows), 0.2, seed=0)
    drawn = [row.label for row in split.rows if row.split == "validation"]
    assert (drawn.count("happy"), drawn.count("sad")) == (2, 4)
    assert sum(row.split == "train" for row in split.rows) == 24


def test_the_test_split_becomes_validation_only_where_there_is_none() -> None:
    rows = [FaceRow(0, "a", split="train"), FaceRow(0, "b", split="test"), FaceRow(0, "c")]
    changed = validate_on_test(source_of(rows))
    assert [row.split for row in changed.rows] == ["train", "validation", ""]
    assert changed.options == {"test_as_validation": True}
    with pytest.raises(InputError, match="has a validation split"):
        validate_on_test(changed)
    with pytest.raises(InputError, match="has no test split"):
        validate_on_test(source_of(rows[:1]))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ck.zip", "ck"),
        ("ck", "ck"),
        ("ck/labels.csv", "ck"),
        ("ck/train.rec", "ck"),
        ("ck/Train", "ck"),
        ("ck/inner", "inner"),
    ],
)
def test_a_set_is_called_as_its_folder_or_zip(tmp_path: Path, path: str, name: str) -> None:
    (tmp_path / "ck" / "Train").mkdir(parents=True)
    (tmp_path / "ck" / "inner").mkdir()
    with zipfile.ZipFile(tmp_path / "ck.zip", "w"):
        pass
    assert replace(source_of([]), path=tmp_path / path).set_name == name


def test_a_set_with_splits_keeps_them() -> None:
    with pytest.raises(InputError, match="has splits of its own"):
        split_groups(source_of([FaceRow(0, "a", split="train")]), 0.2, seed=0)


def test_excluded_rows_stay_with_a_status(make_set: MakeSet, tmp_path: Path) -> None:
    source = open_source(make_set(["1.png", "2.png"]))
    (tmp_path / "near.txt").write_text("2.png\n3.png\n\n")
    changed, unknown = exclude_listed(source, tmp_path / "near.txt")
    assert [row.status for row in changed.rows] == ["ok", "excluded"]
    assert changed.rows[1].note == "named in near.txt"
    assert unknown == ["3.png"]
    with pytest.raises(InputError, match=r"nowhere\.txt cannot be read"):
        exclude_listed(source, tmp_path / "nowhere.txt")


def test_the_digest_sees_labels_splits_and_sizes_not_the_place(make_set: MakeSet) -> None:
    names = ["happy/1.png", "sad/2.png"]
    here, there = make_set(names), make_set(names, root="copy")
    digest = open_source(here).digest
    assert open_source(there).digest == digest
    assert split_groups(open_source(here), 0.5, seed=0).digest != digest
    with open(there / "sad/2.png", "ab") as file:
        file.write(b"more")
    assert open_source(there).digest != digest


def test_exclusions_may_be_listed_within_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("near.txt", "a.png\n\nz.png\n")
    source = replace(
        source_of([FaceRow(0, "a.png"), FaceRow(0, "b.png")]), path=tmp_path / "set.zip"
    )
    changed, unknown = exclude_listed(source, Path("near.txt"))
    assert [row.status for row in changed.rows] == ["excluded", "ok"]
    assert unknown == ["z.png"]
    with pytest.raises(InputError, match=r"no.txt is neither a file nor in .*set\.zip"):
        exclude_listed(source, Path("no.txt"))
