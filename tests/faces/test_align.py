"""Alignment recovers known transforms exactly, never aliases, and copes with any position."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.faces.align import align_face, fit_face, fit_similarity
from emotiw_cli.faces.detect import detect_faces
from emotiw_cli.faces.landmarks import Landmarks5, Landmarks68
from emotiw_cli.faces.template import TEMPLATE, anchors, anchors_in_frame

FIVE_FROM_ANCHORS = [3, 2, 0, 1, 4]


def points_at(centre: tuple[float, float], width: float, angle: float = 0.0) -> np.ndarray:
    """Five landmarks of a face whose frame has this centre, width and angle (radians)."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return (TEMPLATE @ turn.T * width + centre)[FIVE_FROM_ANCHORS]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(
    angle=st.floats(-math.pi, math.pi),
    scale=st.floats(0.01, 100),
    shift=st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)),
)
def test_a_similarity_is_recovered_exactly(angle, scale, shift) -> None:
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    expected = np.array([[a, -b, shift[0]], [b, a, shift[1]]])
    source = np.array([(0, 0), (10, 0), (3, 7), (-5, 2), (1, -9)], dtype=float)
    target = source @ expected[:, :2].T + expected[:, 2]
    assert fit_similarity(source, target) == pytest.approx(expected, abs=1e-9 * (1 + scale))


def test_the_fit_is_least_squares_and_never_mirrors() -> None:
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=float)
    # Stretched sideways to twice the width: the best scale is the mean of 2 and 1.
    expected = np.array([[1.5, 0, 0], [0, 1.5, 0]])
    assert fit_similarity(square, square * (2, 1)) == pytest.approx(expected)
    mirrored = fit_similarity(square, square * (-1, 1))
    assert np.linalg.det(mirrored[:, :2]) >= 0


def test_coinciding_landmarks_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        align_face(noise(20, 20), np.full((5, 2), 7.0), (8, 8))


def test_a_face_in_place_is_not_touched() -> None:
    image = noise(181, 143)
    points = anchors_in_frame((143, 181))[FIVE_FROM_ANCHORS]
    assert np.array_equal(align_face(image, points, (143, 181)), image)


def test_a_quarter_turn_and_a_shift_move_pixels_only() -> None:
    image = noise(120, 120)
    points = points_at((59.5 - 20, 59.5 + 10), 64, math.pi / 2)
    expected = np.rot90(image[38:102, 8:72])
    assert np.array_equal(align_face(image, points, (64, 64)), expected)


@pytest.mark.parametrize("factor", [2, 4, 10])
def test_whole_factors_reduce_to_means(factor: int) -> None:
    image = noise(32 * factor, 32 * factor)
    middle = (32 * factor - 1) / 2
    face = align_face(image, points_at((middle, middle), 32 * factor), (32, 32))
    means = image.reshape(32, factor, 32, factor, 3).mean(axis=(1, 3))
    assert np.abs(face - means).max() <= 1


@pytest.mark.parametrize("width", [333, 700, 950])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_stripes_too_fine_for_the_face_do_not_alias(width: int, angle: float) -> None:
    x = np.arange(1200)
    stripes = np.where(x % 4 < 2, 0, 255).astype(np.uint8)  # 4 pixels: under 2 of the face's
    image = np.ascontiguousarray(np.broadcast_to(stripes[None, :, None], (1200, 1200, 3)))
    points = points_at((600, 600), width, angle)
    face = align_face(image, points, (100, 100))
    plain = cv2.warpAffine(
        image, fit_similarity(anchors(points), anchors_in_frame((100, 100))), (100, 100)
    )
    assert plain.std() > 40
    assert face.std() < 0.4 * plain.std()


@given(
    centre=st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)),
    width=st.floats(0.01, 10_000),
    angle=st.floats(-3.2, 3.2),
)
def test_any_position_gives_a_face(centre, width, angle) -> None:
    image = np.full((37, 53, 3), (10, 20, 30), np.uint8)
    face = align_face(image, points_at(centre, width, angle), (14, 18))
    assert face.shape == (18, 14, 3)
    assert (face == (10, 20, 30)).all()


def test_the_border_is_repeated() -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    image[:, :10] = 200
    face = align_face(image, points_at((0, 24.5), 40), (40, 40))
    assert (face[:, :25] == 200).all()
    assert (face[:, 35:] == 0).all()


def test_a_panorama_wider_than_opencv_warps() -> None:
    image = np.zeros((60, 40_000, 3), np.uint8)
    image[:, 39_000:] = 90
    assert (align_face(image, points_at((39_500, 30), 50), (20, 20)) == 90).all()
    assert align_face(image, points_at((20_000, 30), 39_000), (20, 20)).shape == (20, 20, 3)


def test_detail_is_reduced_before_it_is_enlarged() -> None:
    image = noise(144, 144)
    middle = points_at((71.5, 71.5), 144)
    small = cv2.resize(image, (48, 48), interpolation=cv2.INTER_AREA)
    expected = cv2.resize(small, (144, 144), interpolation=cv2.INTER_CUBIC)
    aligned = align_face(image, middle, (144, 144), detail=48)
    assert np.abs(aligned.astype(int) - expected).max() <= 2
    assert np.array_equal(fit_face(image, (144, 144), detail=48), expected)
    assert np.array_equal(align_face(image, middle, (144, 144), detail=144), image)
    assert np.array_equal(fit_face(image, (144, 144), detail=500), image)


def test_fit_face_reduces_by_area_and_enlarges_by_cubics() -> None:
    image = np.array([[[0] * 3, [100] * 3], [[20] * 3, [40] * 3]], np.uint8)
    assert fit_face(image, (1, 1)).tolist() == [[[40] * 3]]
    assert fit_face(image, (1, 2))[..., 0].tolist() == [[50], [30]]
    enlarged = cv2.resize(image, (6, 4), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(fit_face(image, (6, 4)), enlarged)
    # Wider but lower: the height is averaged first.
    mixed = cv2.resize(np.array([[[10] * 3, [70] * 3]], np.uint8), (6, 1), interpolation=2)
    assert np.array_equal(fit_face(image, (6, 1)), mixed)


def test_fit_face_copies_a_small_crop_whatever_the_detail() -> None:
    image = noise(20, 20)
    assert np.array_equal(fit_face(image, (80, 80), detail=48), fit_face(image, (80, 80)))


def test_grey_pictures_stay_grey() -> None:
    image = noise(60, 60)[..., 0]
    assert align_face(image, points_at((30, 30), 40), (16, 20)).shape == (20, 16)
    assert fit_face(image, (16, 20)).shape == (20, 16)


def test_the_astronaut_is_framed_as_the_template_says(astronaut: np.ndarray) -> None:
    (face,) = detect_faces(astronaut)
    frames = []
    for model in (Landmarks68(), Landmarks5()):
        points = model.points(astronaut, face)
        aligned = align_face(astronaut, points, (144, 144))
        again = model.points(aligned, detect_faces(aligned, upsample=(0,))[0])
        off = anchors(again) - anchors_in_frame((144, 144))
        assert np.abs(off).max() < 0.05 * 144
        frames.append(fit_similarity(anchors_in_frame((144, 144)), anchors(points)))
    corners = np.array([(0, 0, 1), (143, 0, 1), (0, 143, 1), (143, 143, 1)])
    apart = np.linalg.norm(corners @ (frames[0] - frames[1]).T, axis=1)
    width = 144 * math.hypot(*frames[0][:, 0])
    assert apart.mean() < 0.03 * width
    assert np.array_equal(aligned, align_face(astronaut, points, (144, 144)))
