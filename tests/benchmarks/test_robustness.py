import numpy as np
import pytest
import robustness
from hypothesis import given
from hypothesis import strategies as st
from robustness import CHANGES, UNCHANGED, _Drawn, box, contrast, gamma, losses, side_light


def square(*rows: list[int]) -> np.ndarray:
    """Rows of grey as an RGB face."""
    return np.repeat(np.array(rows, np.uint8)[:, :, None], 3, axis=2)


def test_gamma_is_a_power_of_the_share_of_white() -> None:
    # 255 · (128/255)² = 64.25, 255 · (64/255)² = 16.06
    face = gamma(square([0, 64], [128, 255]), 2)
    assert face[..., 0].tolist() == [[0, 16], [64, 255]]


def test_contrast_keeps_the_mean() -> None:
    assert contrast(square([0, 100], [100, 200]), 0.5)[..., 1].tolist() == [[50, 100], [100, 150]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("left", [[200, 130, 60]] * 3),
        ("right", [[60, 130, 200]] * 3),
        ("above", [[200] * 3, [130] * 3, [60] * 3]),
    ],
)
def test_side_light_falls_evenly_to_three_tenths(source: str, expected: list[list[int]]) -> None:
    face = np.full((3, 3, 3), 200, np.uint8)
    assert side_light(face, source)[..., 2].tolist() == expected


def test_a_box_moved_right_shows_what_was_to_the_right_and_repeats_the_border() -> None:
    face = square(*[list(range(0, 100, 10))] * 10)
    moved = box(face, right=0.1)
    assert moved[4, :, 0].tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 90]


def test_a_larger_box_shows_a_smaller_face_about_the_same_middle() -> None:
    face = np.zeros((9, 9, 3), np.uint8)
    face[4, 4] = 200
    face[4, 6] = 100
    larger = box(face, scale=2)
    assert larger[4, 4, 0] == 200
    assert larger[4, 5, 0] == 100


@given(st.integers(0, 2**32 - 1))
def test_every_change_gives_a_face_of_the_same_kind_and_leaves_its_input(seed: int) -> None:
    face = np.random.default_rng(seed).integers(0, 256, (36, 30, 3), dtype=np.uint8)
    before = face.copy()
    for kind, change in CHANGES.values():
        changed = change(face)
        assert (changed.shape, changed.dtype) == (face.shape, np.uint8)
        assert kind in {"light", "other", "beyond"}
    assert np.array_equal(face, before)


def test_losses_are_paired_and_the_means_are_over_their_kind() -> None:
    labels = np.array([0, 1, 2, 3])
    right = np.eye(7)[labels]
    names = [name for name, (kind, _) in CHANGES.items() if kind == "light"]
    drawn = {UNCHANGED: _Drawn(right, labels, np.arange(4))}
    for number, name in enumerate(CHANGES):
        wrong = right.copy()
        if number == 0:
            wrong[0] = np.eye(7)[6]  # one face of four
        drawn[name] = _Drawn(wrong, labels, np.arange(4))
    lost = losses(drawn)
    assert lost[names[0]]["accuracy"].value == pytest.approx(0.25)
    assert lost[names[1]]["accuracy"].high == 0
    assert lost["mean of light"]["accuracy"].value == pytest.approx(0.25 / len(names))
    assert lost["mean of others"]["accuracy"].value == 0


def test_the_figure_is_well_formed() -> None:
    from xml.etree import ElementTree

    figure = {"accuracy": {"value": 0.01, "low": -0.02, "high": 0.03}}
    report = {
        "bundle": "tiny",
        "kinds": {"gamma 0.4": "light"},
        "systems": {"ensemble": {"lost": {"gamma 0.4": figure, "mean of light": figure}}},
    }
    assert ElementTree.fromstring(robustness.as_svg(report)).tag.endswith("svg")
