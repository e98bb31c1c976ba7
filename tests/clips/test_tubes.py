"""Linking, tracking, smoothing and cutting, by hand and on made clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clip_maker import FaceOnGround, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.clips.decode import read_frames
from emotiw_cli.clips.tubes import (
    Follower,
    Tube,
    colour_histogram,
    correlation,
    crop,
    link,
    overlap,
    smooth,
    track,
)
from emotiw_cli.faces.detection import Detection


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float64)


def test_overlap_is_over_the_mean_area() -> None:
    a, b = boxes((0, 0, 10, 10), (5, 0, 10, 30))
    assert overlap(a, b) == pytest.approx(50 / 200)
    assert overlap(a, a) == 1
    assert overlap(a, boxes((10, 0, 5, 5))[0]) == 0


def test_the_nearest_centres_are_linked_first() -> None:
    tubes = boxes((0, 0, 10, 10), (4, 0, 10, 10))
    found = boxes((5, 0, 10, 10), (1, 0, 10, 10))
    assert link(tubes, found, 100) == [(0, 1), (1, 0)]
    # One detection for two tubes: the nearer has it.
    assert link(tubes, found[:1], 100) == [(1, 0)]


def test_a_link_keeps_within_distance_area_and_overlap() -> None:
    box = boxes((100, 100, 100, 100))
    # √0.008 · 1000 = 89.4 pixels.
    assert link(box, boxes((189, 100, 100, 100)), 1000) == [(0, 0)]
    assert link(box, boxes((190, 100, 100, 100)), 1000) == []
    # 31² · 10 < 100² < 32² · 10, at the same centre; the overlap is 2 · 32² / (100² + 32²) > 0.08.
    assert link(box, boxes((134, 134, 32, 32)), 1000) == [(0, 0)]
    assert link(box, boxes((134.5, 134.5, 31, 31)), 1000) == []
    # Side by side: 50 · 6 shared of 50² is more than 0.08, 50 · 3 is less.
    small = boxes((0, 0, 50, 50))
    assert link(small, boxes((44, 0, 50, 50)), 1000) == [(0, 0)]
    assert link(small, boxes((47, 0, 50, 50)), 1000) == []


def test_no_boxes_no_links() -> None:
    nothing = np.empty((0, 4))
    assert link(nothing, nothing, 100) == []


def test_the_histogram_has_sixteen_levels_of_three_colours() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, 2:] = (255, 16, 128)
    histogram = colour_histogram(image, boxes((0, 0, 4, 4))[0])
    expected = np.zeros(48)
    expected[[0, 15, 16, 17, 32, 40]] = 0.5
    assert histogram.tolist() == expected.tolist()
    assert colour_histogram(image, boxes((9, 9, 4, 4))[0]).sum() == 0


def test_correlation() -> None:
    a = np.array([0.0, 1.0, 2.0])
    assert correlation(a, 5 * a + 1) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)
    assert correlation(a, np.ones(3)) == 0


def test_tracking_follows_the_colours_and_notices_a_loss() -> None:
    rng = np.random.default_rng(0)
    patch = rng.integers(150, 250, (64, 64, 3))
    image = np.zeros((200, 200, 3), np.uint8)
    image[50:114, 60:124] = patch
    at = boxes((60, 50, 64, 64))[0]
    histogram = colour_histogram(image, at)
    assert track(image, at, histogram) == pytest.approx(at)
    moved = np.zeros_like(image)
    moved[50:114, 64:128] = patch
    assert track(moved, at, histogram) == pytest.approx(at + np.array([4, 0, 0, 0]))
    assert track(np.zeros_like(image), at, histogram) is None


def test_smoothing_by_hand() -> None:
    # Window 3: at the ends 1 box, else 3; the corners, then the centres once more.
    x = [0.0, 3.0, 0.0, 3.0]
    got = smooth(boxes(*((value, 0, 10, 10) for value in x)), window=3)
    once = [0, 1, 2, 3]
    assert got[:, 0] == pytest.approx([once[0], 1, 2, once[3]])
    assert got[:, 2:] == pytest.approx(np.full((4, 2), 10))
    # A box that is larger once: widths 10, 13, 10 about one centre.
    got = smooth(boxes((0, 0, 10, 10), (-1.5, 0, 13, 10), (0, 0, 10, 10)), window=3)
    assert got[1] == pytest.approx([-0.5, 0, 11, 10])


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(-5, 5), st.integers(-5, 5))
def test_a_steady_motion_stays_as_it_is(count: int, dx: int, dy: int) -> None:
    time = np.arange(count)[:, None]
    moving = np.hstack([10 + dx * time, 20 + dy * time, 30 + 0 * time, 40 + 0 * time])
    assert smooth(moving) == pytest.approx(moving.astype(float))


def test_a_crop_repeats_the_border() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    image[:, 0] = 200
    whole = crop(image, boxes((0, 0, 10, 10))[0], 10)
    assert (whole == image).all()
    beyond = crop(image, boxes((-5, -5, 10, 10))[0], 10)
    assert (beyond[:, :6] == 200).all()
    assert (beyond[:, 6:] == 0).all()
    far = crop(image, boxes((-50, 50, 10, 10))[0])
    assert far.shape == (96, 96, 3)
    assert (far == 200).all()


def test_a_tube_ends_with_its_last_detection() -> None:
    tube = Tube(1, [0, 1, 2, 3], [0, 1, 2, 3], [np.zeros(4)] * 4, [True, False, True, False], 1.0)
    tube.end_with_detection()
    assert (tube.frames, tube.found) == ([0, 1, 2], [True, False, True])


def follow(path: Path) -> tuple[Follower, list[bool]]:
    follower = Follower()
    looked = [seen.looked for seen in follower.follow(read_frames(path))]
    return follower, looked


@pytest.fixture(scope="module")
def face(photo: Path) -> FaceOnGround:
    return FaceOnGround(photo)


def test_a_moving_face_is_one_tube(tmp_path: Path, face: FaceOnGround) -> None:
    frames = [face.at((4 * number, 20)) for number in range(26)]
    follower, looked = follow(write_clip(tmp_path / "a.mp4", frames, rate=25))
    (tube,) = follower.certain()
    assert [number for number, yes in enumerate(looked) if yes] == [0, 5, 9, 13, 17, 21, 25]
    assert tube.frames == list(range(26))
    path = tube.smoothed()[:, 0]
    assert path[-1] - path[0] == pytest.approx(100, abs=15)
    assert sum(tube.found) >= 6


def test_two_faces_are_two_tubes(tmp_path: Path, face: FaceOnGround) -> None:
    frames = [face.at((0, 20), (300, 20), size=(520, 240))] * 12
    follower, _ = follow(write_clip(tmp_path / "a.mp4", frames))
    assert [len(tube.frames) for tube in follower.certain()] == [12, 12]


def test_a_face_for_one_frame_is_a_tube_of_one(tmp_path: Path, face: FaceOnGround) -> None:
    frames = [face.at((60, 20)), *[face.at()] * 7]
    follower, _ = follow(write_clip(tmp_path / "a.mp4", frames))
    (tube,) = follower.certain()
    assert tube.frames == [0]


def test_a_turned_face_is_followed(tmp_path: Path, face: FaceOnGround) -> None:
    frames = [face.at((60, 20), turn=45)] * 12
    follower, _ = follow(write_clip(tmp_path / "a.mp4", frames))
    (tube,) = follower.certain()
    assert len(tube.frames) == 12
    assert sum(tube.found) > 5


def test_small_faces_in_a_large_frame_stay_one_tube_each(tmp_path: Path, photo: Path) -> None:
    """Of some ten pixels where they are tracked, too few for their colours to tell of a loss."""
    face = FaceOnGround(photo, 72)
    size = (1920, 1080)
    frames = [face.at((200 + number, 300), (1500, 700), size=size) for number in range(20)]
    follower, looked = follow(write_clip(tmp_path / "a.mp4", frames, rate=20))
    assert not all(looked)
    first, second = follower.certain()
    assert (first.frames, second.frames) == (list(range(20)), list(range(20)))


def test_a_face_counts_if_it_is_clear_once_or_seen_often() -> None:
    def tube(score: float, *found: bool) -> Tube:
        return Tube(1, found=list(found), score=score)

    assert tube(0.8, True).certain
    assert not tube(0.79, True, True, False).certain
    assert tube(0.71, True, False, True, True).certain


def test_what_looks_for_faces_is_asked_at_each_look(tmp_path: Path, face: FaceOnGround) -> None:
    """In a picture of at most 1280 pixels; its boxes are those of the frame."""
    sizes = []

    def detect(image: np.ndarray) -> list[Detection]:
        sizes.append(image.shape[:2])
        return [Detection(100, 50, 80, 80, 0.9, "hand")]

    path = write_clip(tmp_path / "a.mp4", [face.at(size=(1920, 1080))] * 3, rate=6)
    follower = Follower(detect=detect)
    for _ in follower.follow(read_frames(path)):
        pass
    assert sizes == [(720, 1280)] * 3
    (tube,) = follower.tubes
    assert np.array(tube.boxes) == pytest.approx(np.tile([150, 75, 120, 120], (3, 1)))


def test_a_cut_ends_a_tube_and_begins_another(tmp_path: Path, face: FaceOnGround) -> None:
    frames = [face.at((0, 20))] * 6 + [face.at()] * 6 + [face.at((0, 20))] * 6
    follower, _ = follow(write_clip(tmp_path / "a.mp4", frames))
    first, second = follower.certain()
    assert max(first.frames) < 6
    assert min(second.frames) >= 12


def test_no_face_no_tube(tmp_path: Path, face: FaceOnGround) -> None:
    follower, _ = follow(write_clip(tmp_path / "a.mp4", [face.at()] * 5))
    assert follower.tubes == []


def test_looks_may_be_every_frame(tmp_path: Path, face: FaceOnGround) -> None:
    path = write_clip(tmp_path / "a.mp4", [face.at((60, 20))] * 4)
    follower = Follower(looks=np.inf)
    assert all(seen.looked for seen in follower.follow(read_frames(path)))
