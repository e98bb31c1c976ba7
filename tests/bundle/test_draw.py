"""Annotated pictures: where they go, what is marked, what is left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotiw_cli.bundle.draw import COLOURS, annotate, plan_drawings, write_drawing
from emotiw_cli.bundle.result import FacePrediction, Predictions
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import OutputError


def face(x: int, y: int, width: int, emotion: str = "happy", number: int = 1) -> FacePrediction:
    posterior = [0.05] * 7
    posterior[EMOTIONS.index(emotion)] = 0.7
    return FacePrediction("p", "ok", number, x, y, width, width, tuple(posterior))


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == np.array(colour, np.uint8)).all(axis=-1).sum())


@pytest.mark.parametrize("ground", [0, 128, 255])
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_frame_and_label_bear_the_emotions_colour(ground: int, emotion: str) -> None:
    picture = np.full((600, 800, 3), ground, np.uint8)
    drawn = annotate(picture, [face(300, 200, 150, emotion)])
    assert drawn.shape == picture.shape
    colour = np.array(COLOURS[emotion])
    np.testing.assert_array_equal(drawn[275, 300], colour)  # left edge of the frame
    np.testing.assert_array_equal(drawn[275, 449], colour)  # right edge
    label = drawn[170:199, 300:420]
    assert count(label, COLOURS[emotion]) > 500
    ink = np.abs(label.astype(int) - colour).sum(axis=-1)
    assert (ink > 300).sum() > 50  # text that stands out from the label


def test_the_picture_given_is_not_touched() -> None:
    picture = np.full((600, 800, 3), 90, np.uint8)
    annotate(picture, [face(300, 200, 150)])
    assert (picture == 90).all()


def test_nothing_found_nothing_drawn() -> None:
    picture = np.full((600, 800, 3), 90, np.uint8)
    np.testing.assert_array_equal(annotate(picture, [FacePrediction("p", "no_face")]), picture)


def test_inside_of_the_face_stays_clear() -> None:
    picture = np.full((600, 800, 3), 90, np.uint8)
    drawn = annotate(picture, [face(300, 200, 150)])
    assert (drawn[210:340, 310:440] == 90).all()


def test_the_posterior_has_a_bar_for_each_emotion_where_there_is_room() -> None:
    picture = np.full((900, 1200, 3), 90, np.uint8)
    drawn = annotate(picture, [face(400, 300, 300)])
    assert all(count(drawn[:, 720:], COLOURS[emotion]) > 5 for emotion in EMOTIONS)
    crowded = annotate(picture, [face(50 + 160 * n, 300, 150, number=n) for n in range(7)])
    assert all(count(crowded, COLOURS[emotion]) == 0 for emotion in EMOTIONS if emotion != "happy")


def test_faces_at_every_edge_and_beyond() -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    corners = [(0, 0), (560, 0), (0, 400), (560, 400), (600, 440)]
    drawn = annotate(picture, [face(x, y, 80, number=n) for n, (x, y) in enumerate(corners)])
    assert drawn.shape == picture.shape
    for x, y in corners[:4]:
        assert count(drawn[y : y + 80, x : x + 80], COLOURS["happy"]) > 100


def test_a_small_picture_is_enlarged_to_carry_text() -> None:
    drawn = annotate(np.full((48, 48, 3), 90, np.uint8), [face(0, 0, 48)])
    assert drawn.shape == (480, 480, 3)
    assert annotate(np.zeros((1, 1, 3), np.uint8), [face(0, 0, 1)]).shape == (480, 480, 3)


def test_forty_faces() -> None:
    picture = np.full((480, 640, 3), 200, np.uint8)
    faces = [face(4 + 80 * (n % 8), 16 + 92 * (n // 8), 60, number=n) for n in range(40)]
    drawn = annotate(picture, faces)
    for one in faces:
        edge = drawn[one.y + 10 : one.y + 40, one.x : one.x + 2]
        assert count(edge, COLOURS["happy"]) > 40


def test_one_picture_keeps_its_name(tmp_path: Path) -> None:
    assert plan_drawings(["deep/er/a.JPG"], tmp_path) == {"deep/er/a.JPG": tmp_path / "a.JPG"}


def test_equal_names_stay_apart_in_their_folders(tmp_path: Path) -> None:
    plan = plan_drawings(["in/a/x.jpg", "in/b/x.jpg", "./in/a/x.jpg"], tmp_path)
    assert plan == {
        "in/a/x.jpg": tmp_path / "a" / "x.jpg",
        "in/b/x.jpg": tmp_path / "b" / "x.jpg",
        "./in/a/x.jpg": tmp_path / "a" / "x.jpg",
    }


def test_what_is_not_jpeg_becomes_png_under_a_name_of_its_own(tmp_path: Path) -> None:
    plan = plan_drawings(["a.webp", "a.png", "a.tif", "a.jpeg", "bare"], tmp_path)
    assert [path.name for path in plan.values()] == [
        *("a.png", "a-2.png", "a-3.png", "a.jpeg", "bare.png"),
    ]


def test_a_name_of_full_length_is_cut_between_characters(tmp_path: Path) -> None:
    names = ["日" * 83 + ".jpg", "日" * 83 + "x.jpg"]
    plan = plan_drawings(names, tmp_path)
    assert [path.name for path in plan.values()] == ["日" * 65 + ".jpg", "日" * 64 + "-2.jpg"]
    for target in plan.values():
        write_drawing(np.zeros((2, 2, 3), np.uint8), target)
        assert target.is_file()


def test_a_picture_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="another folder"):
        plan_drawings([str(tmp_path / "a.jpg")], tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OutputError, match="another folder"):
        plan_drawings([str(tmp_path / "a.jpg")], tmp_path / "link")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.png", "PNG")]
)
def test_files_are_what_their_names_say(tmp_path: Path, name: str, kind: str) -> None:
    drawing = np.full((20, 30, 3), 77, np.uint8)
    write_drawing(drawing, tmp_path / "new" / name)
    with Image.open(tmp_path / "new" / name) as picture:
        assert picture.format == kind
        assert np.abs(np.asarray(picture).astype(int) - 77).max() <= 1


def test_predictions_draw_their_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (800, 600), (90, 90, 90)).save(tmp_path / "a.png")
    path = str(tmp_path / "a.png")
    found = FacePrediction(path, "ok", 1, 300, 200, 150, 150, face(0, 0, 1).posterior)
    other = FacePrediction(str(tmp_path / "b.png"), "no_face")
    drawn = Predictions([[found], [other], [found]]).draw(tmp_path / "out")
    assert drawn == [tmp_path / "out" / "a.png"]
    with Image.open(drawn[0]) as picture:
        assert picture.getpixel((300, 275)) == COLOURS["happy"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_drawing(np.zeros((2, 2, 3), np.uint8), tmp_path / "file" / "a.png")
