from __future__ import annotations

import numpy as np
import pytest
from group_photos import PHOTOS, single

from emotiw_cli.errors import InputError, TamperedError
from emotiw_cli.faces import yunet
from emotiw_cli.faces.detect import detect_faces
from emotiw_cli.faces.detectors import DETECTORS, find_detector
from emotiw_cli.faces.images import load_image
from emotiw_cli.faces.yunet import detect_yunet


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return load_image(PHOTOS / "astronaut.png")


def test_its_square_is_about_where_hog_draws_one(astronaut: np.ndarray) -> None:
    (box,), (hog,) = detect_yunet(astronaut), detect_faces(astronaut)
    assert (box.method, box.width) == ("yunet", box.height)
    assert 0.85 < box.width / hog.width < 1.15  # HOG's sizes are a fifth apart
    assert abs(box.x + box.width / 2 - hog.x - hog.width / 2) < 0.08 * hog.width
    assert abs(box.y + box.height / 2 - hog.y - hog.height / 2) < 0.08 * hog.width
    assert 0.8 < box.score <= 1


def test_small_faces_are_found_one_by_one_the_largest_first() -> None:
    photo = np.full((130, 200, 3), 120, np.uint8)
    photo[5:35, 10:40] = single("astronaut.png", 30)
    photo[40:130, 100:190] = single("grace_hopper.jpg", 90)
    photo[50:90, 20:60] = single("astronaut.png", 40)
    found = detect_yunet(photo)
    assert [(face.x // 50, face.y // 40) for face in found] == [(2, 1), (0, 1), (0, 0)]
    widths = [face.width for face in found]
    assert widths == sorted(widths, reverse=True)


def test_a_large_picture_is_reduced_and_its_boxes_are_in_its_own_pixels(
    astronaut: np.ndarray,
) -> None:
    (small,) = detect_yunet(astronaut)
    large = np.zeros((512 * 4, 3200, 3), np.uint8)
    large[:, : 512 * 4] = astronaut.repeat(4, axis=0).repeat(4, axis=1)
    (face,) = detect_yunet(large)
    for side in ("x", "y", "width"):
        assert getattr(face, side) / 4 == pytest.approx(getattr(small, side), abs=6)


def test_a_face_that_fills_a_large_picture_is_found() -> None:
    face = single("grace_hopper.jpg", 100)[10:90, 10:90]
    (found,) = detect_yunet(face.repeat(10, axis=0).repeat(10, axis=1))
    assert 600 < found.width < 800


@pytest.mark.parametrize("side", [24, 48, 96])
def test_a_face_that_fills_a_small_picture_is_found(side: int) -> None:
    picture = single("grace_hopper.jpg", side)
    (found,) = detect_yunet(picture)
    assert 0.4 * side < found.width < side


def test_a_face_that_sticks_out_is_clipped_and_keeps_its_outline(astronaut: np.ndarray) -> None:
    (whole,) = detect_yunet(astronaut)
    middle = whole.x + whole.width // 3
    (cut,) = detect_yunet(np.ascontiguousarray(astronaut[:, middle:]))
    assert cut.x == 0
    assert cut.outline is not None
    assert cut.outline[0] < 0
    assert cut.outline[2] == cut.outline[3] == cut.height > cut.width


@pytest.mark.parametrize("shape", [(1, 1, 3), (31, 33, 3), (3, 700, 3)])
def test_any_size_of_picture_is_taken(shape: tuple[int, int, int]) -> None:
    assert detect_yunet(np.full(shape, 90, np.uint8)) == []


def test_the_best_of_overlapping_boxes_stays() -> None:
    centres = np.array([[10.0, 10], [11, 10], [40, 10], [14, 10]])
    sizes = np.full((4, 2), 8.0)
    # The second is the best; the first shares 7/9 of their union with it, the last 5/11.
    assert yunet._best(centres, sizes, np.array([0.8, 0.9, 0.7, 0.6])) == [1, 2]
    # With a distance of 5, 3/13 of the union is shared: another face.
    centres[3, 0] = 16
    assert yunet._best(centres, sizes, np.array([0.8, 0.9, 0.7, 0.6])) == [1, 2, 3]


def test_places_go_row_by_row_and_level_by_level() -> None:
    places, strides = yunet._places(32, 64)
    assert strides.tolist() == [8] * 32 + [16] * 8 + [32] * 2
    assert places[:9].tolist() == [[x, 0] for x in range(8)] + [[0, 1]]
    assert places[-2:].tolist() == [[0, 0], [1, 0]]


def test_a_net_that_was_tampered_with_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yunet, "_NET_SHA256", "0" * 64)
    yunet._session.cache_clear()
    try:
        with pytest.raises(TamperedError, match="install emotiw again"):
            detect_yunet(np.zeros((8, 8, 3), np.uint8))
    finally:
        yunet._session.cache_clear()


def test_detectors_have_names() -> None:
    assert find_detector("yunet") is detect_yunet
    assert find_detector("hog") is detect_faces
    for name in DETECTORS:
        assert find_detector(name)(np.zeros((40, 40, 3), np.uint8)) == []
    with pytest.raises(InputError, match="use one of hog, hog-haar, yunet"):
        find_detector("mtcnn")
