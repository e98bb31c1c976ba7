import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from contest_set import draw_contest, drawn, near, thumbnail

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources import exclude_listed, open_source
from emotiw_cli.errors import InputError

COLUMNS = ("file", "split", "label")


def random_thumbnails(count: int, seed: int = 0) -> np.ndarray:
    pictures = np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 1), np.uint8)
    return np.stack([thumbnail(one.repeat(3, axis=2)) for one in pictures])


def test_a_thumbnail_has_no_mean_and_unit_length_and_knows_no_exposure() -> None:
    picture = np.random.default_rng(0).integers(0, 120, (48, 48, 1), np.uint8).repeat(3, axis=2)
    values = thumbnail(picture)
    assert values.sum() == pytest.approx(0, abs=1e-4)
    assert values @ values == pytest.approx(1, abs=1e-5)
    assert values @ thumbnail(picture + np.uint8(100)) == pytest.approx(1, abs=1e-3)
    assert not thumbnail(np.full((48, 48, 3), 9, np.uint8)).any()


def test_near_finds_the_same_photo_and_its_mirror_image() -> None:
    thumbs = random_thumbnails(3)
    mirrored = thumbs[1].reshape(16, 16)[:, ::-1].ravel()
    assert near(thumbs[1], thumbs).tolist() == [False, True, False]
    assert near(mirrored, thumbs).tolist() == [False, True, False]


def test_the_draw_passes_over_near_faces_and_does_not_depend_on_the_order_of_rows() -> None:
    rows = [FaceRow(n, f"{n}.png", label="happy" if n < 6 else "sad") for n in range(8)]
    thumbs = random_thumbnails(8)
    thumbs[3] = thumbs[2]
    wanted = {"happy": 4, "sad": 1}
    before = thumbs[:1]
    chosen = drawn(rows, thumbs, wanted, 1, before)
    names = {rows[place].path for place in chosen}
    assert len(names & {"0.png"}) == 0  # it is near itself, which was drawn before
    assert len(names & {"2.png", "3.png"}) == 1
    assert len(names & {"1.png", "4.png", "5.png"}) == 3
    back = drawn(rows[::-1], thumbs[::-1], wanted, 1, before)
    # Of two faces alike either may be passed over; which, their names decide.
    assert {rows[::-1][place].path for place in back} == names
    assert {tuple(drawn(rows, thumbs, {"sad": 1}, seed, before)) for seed in range(8)} == {
        (6,),
        (7,),
    }
    with pytest.raises(InputError, match="2 faces that are sad can be drawn where 3 are wanted"):
        drawn(rows, thumbs, {"sad": 3}, 1, before)


def test_three_lists_that_align_reads_part_the_set(tmp_path: Path) -> None:
    source = tmp_path / "set"
    source.mkdir()
    random = np.random.default_rng(5)
    lines = []
    pictures = {}
    for number in range(24):
        emotion = ("happy", "sad", "fear")[number % 3]
        split = "train" if number < 15 else "val"
        pictures[number] = random.integers(0, 256, (20, 20, 3), np.uint8)
        lines.append((f"{number:02d}.png", split, emotion))
    pictures[0] = pictures[15][:, ::-1].copy()  # a training face that is a validation face mirrored
    for number, picture in pictures.items():
        cv2.imwrite(str(source / f"{number:02d}.png"), picture)
    with open(source / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *lines])
    (source / "train_near_valid.txt").write_text("01.png\n")

    validation = {"happy": 3, "sad": 2}  # all happy ones: 15, 18, 21
    counts = draw_contest(source, tmp_path / "lists", 1, {"happy": 2, "sad": 1}, validation)

    def kept(name: str) -> dict[str, FaceRow]:
        chosen, unknown = exclude_listed(
            open_source(source), tmp_path / "lists" / f"not-{name}.txt"
        )
        assert not unknown
        return {row.path: row for row in chosen.rows if row.status == "ok"}

    parts = {name: kept(name) for name in ("train", "validation", "rest")}
    assert {name: len(own) for name, own in parts.items()} == {name: counts[name] for name in parts}
    assert [row.label for row in parts["train"].values()].count("happy") == 2
    assert {row.split for row in parts["train"].values()} == {"train"}
    assert {"15.png", "18.png", "21.png"} <= set(parts["validation"])
    assert {row.split for row in parts["validation"].values()} == {"validation"}
    assert not set(parts["train"]) & set(parts["rest"])
    # 15 training faces less one near a validation face, one listed as such, and three drawn.
    assert (counts["near"], counts["rest"]) == (1, 10)
    assert not {"00.png", "01.png"} & (set(parts["rest"]) | set(parts["train"]))
