import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emotiw_cli.errors import InputError
from emotiw_cli.lbp import tiles
from emotiw_cli.lbp.codes import lbp_codes, mirror_codes, to_grey


def points(grey: np.ndarray, radius: int) -> np.ndarray:
    """The eight points round each centre, (8, H - 2r, W - 2r) float64: the definition."""
    height, width = np.subtract(grey.shape, 2 * radius)
    pixels = grey.astype(np.float64)

    def at(y: int, x: int) -> np.ndarray:
        return pixels[y - 1 : y - 1 + height, x - 1 : x - 1 + width]

    values = []
    for angle in 2 * np.pi / 8 * np.arange(8):
        y, x = -radius * np.sin(angle) + radius + 1, radius * np.cos(angle) + radius + 1
        if abs(y - round(y)) < 1e-6 and abs(x - round(x)) < 1e-6:
            values.append(at(round(y), round(x)))
            continue
        top, left = int(np.floor(y)), int(np.floor(x))
        ty, tx = y - top, x - left
        values.append(
            (1 - tx) * (1 - ty) * at(top, left)
            + tx * (1 - ty) * at(top, left + 1)
            + (1 - tx) * ty * at(top + 1, left)
            + tx * ty * at(top + 1, left + 1)
        )
    return np.array(values)


def reference(grey: np.ndarray, radius: int) -> np.ndarray:
    """Codes by the definition, in plain float64."""
    end = -radius or None
    brighter = points(grey, radius) >= grey[radius:end, radius:end]
    return np.sum(brighter << np.arange(8)[:, None, None], axis=0).astype(np.uint8)


radii = st.integers(1, 12)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Pictures in which ties abound, and a radius that fits."""
    radius = draw(radii)
    side = st.integers(2 * radius + 1, 2 * radius + 24)
    height, width = draw(side), draw(side)
    kind = draw(st.sampled_from(["noise", "flat", "two", "ramp", "waves"]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    y, x = np.mgrid[:height, :width]
    if kind == "noise":
        grey = random.integers(0, 256, (height, width))
    elif kind == "flat":
        grey = np.full((height, width), draw(st.integers(0, 255)))
    elif kind == "two":
        grey = random.choice(random.integers(0, 256, 2), (height, width))
    elif kind == "ramp":
        down, right = draw(st.integers(-3, 3)), draw(st.integers(-3, 3))
        grey = 128 + down * (y - height // 2) + right * (x - width // 2)
    else:
        grey = 128 + 100 * np.sin(y / 9) * np.cos(x / 7)
    return np.clip(grey, 0, 255).astype(np.uint8), radius


@settings(deadline=None, max_examples=200)
@given(pictures())
def test_codes_are_those_of_the_definition(case: tuple[np.ndarray, int]) -> None:
    grey, radius = case
    np.testing.assert_array_equal(lbp_codes(grey, radius), reference(grey, radius))


def test_points_start_right_and_run_counter_clockwise() -> None:
    grey = np.full((5, 5), 100, np.uint8)
    grey[2, 2] = 200
    for place, bit in {(2, 4): 0, (0, 2): 2, (2, 0): 4, (4, 2): 6}.items():
        bright = grey.copy()
        bright[place] = 200
        assert lbp_codes(bright, 2) == [[1 << bit]]
    for place, bit in {(1, 3): 1, (1, 1): 3, (3, 1): 5, (3, 3): 7}.items():
        bright = np.zeros((5, 5), np.uint8)
        bright[2, 2] = 80
        # The point is √2 from the centre, so its nearest pixel counts for (2 - √2)² = 0.343.
        bright[place] = 234
        assert lbp_codes(bright, 2) == [[1 << bit]]
        bright[place] = 233
        assert lbp_codes(bright, 2) == [[0]]


def test_a_neighbour_as_bright_as_the_centre_counts() -> None:
    dark_corners = np.array([[0, 9, 0], [9, 9, 9], [0, 9, 0]], np.uint8)
    assert lbp_codes(dark_corners, 1) == [[0b01010101]]


@pytest.mark.parametrize("radius", range(1, 13))
def test_flat_pictures_of_every_value(radius: int) -> None:
    side = 2 * radius + 1
    flat = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, side, side))
    expected = [reference(picture, radius).item() for picture in flat]
    np.testing.assert_array_equal(lbp_codes(flat, radius).ravel(), expected)


def test_every_tie_at_radius_1() -> None:
    centre, beside = np.divmod(np.arange(1 << 16), 256)
    other = 2 * centre - beside
    possible = (other >= 0) & (other <= 255)
    centre, beside, other = centre[possible], beside[possible], other[possible]
    patches = np.empty((centre.size, 3, 3), np.uint8)
    patches[:] = centre[:, None, None]
    patches[:, 0, 1] = patches[:, 2, 1] = beside
    patches[:, 1, 0] = patches[:, 1, 2] = other
    row = np.concatenate(list(patches), axis=1)
    np.testing.assert_array_equal(lbp_codes(patches, 1).ravel(), reference(row, 1)[0, ::3])


def test_guard_leaves_no_near_tie_at_radius_1() -> None:
    # N - C is half of q + (√2 - 1) s for whole q and s; unless both are 0 it must be clear of the
    # guard, or the table of ties would be asked about what is no tie.
    q, s = np.arange(-255, 256)[:, None], np.arange(-510, 511)
    difference = np.abs(q + (np.sqrt(2) - 1) * s) / 2
    assert np.min(difference[difference > 1e-9]) > tiles.GUARD + 2**-13


def test_codes_of_the_golden_picture(shared: Path) -> None:
    folder = shared / "data" / "golden"
    picture = cv2.imread(str(folder / "example_image.png"))[..., ::-1]
    begins = {1: "043399ab744f4dd2", 5: "0128d37244023d0d", 10: "fcb00a6497dfd79f"}
    with np.load(folder / "lbp_codes.npz", allow_pickle=False) as golden:
        grey = to_grey(picture)
        np.testing.assert_array_equal(grey, golden["gray"])
        for radius, digest in begins.items():
            codes = lbp_codes(grey, radius)
            np.testing.assert_array_equal(codes, golden[f"r{radius}"])
            assert hashlib.sha256(codes.tobytes()).hexdigest().startswith(digest)


@pytest.mark.parametrize("radius", [1, 4])
def test_tiles_meet_without_a_seam(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    stack = random.integers(100, 104, (7, 61, 83), dtype=np.uint8)
    whole = lbp_codes(stack, radius)
    monkeypatch.setattr(tiles, "TILE_PIXELS", 3 * 61 * 83)
    monkeypatch.setattr(tiles, "TIES", 100)
    np.testing.assert_array_equal(lbp_codes(stack, radius), whole)
    monkeypatch.setattr(tiles, "TILE_PIXELS", 1000)
    monkeypatch.setattr(tiles, "TILE_WIDTH", 32)
    np.testing.assert_array_equal(lbp_codes(stack, radius), whole)
    np.testing.assert_array_equal(whole, [reference(picture, radius) for picture in stack])


def test_any_memory_layout() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    expected = reference(grey.T[::-1], 3)
    np.testing.assert_array_equal(lbp_codes(grey.T[::-1], 3), expected)


def test_a_large_radius() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (430, 600), dtype=np.uint8)
    np.testing.assert_array_equal(lbp_codes(grey, 200), reference(grey, 200))


def test_an_empty_stack() -> None:
    assert lbp_codes(np.zeros((0, 20, 30), np.uint8), 2).shape == (0, 16, 26)


def test_refusals() -> None:
    with pytest.raises(InputError, match="20×30 pixels is too small for LBP codes of radius 10"):
        lbp_codes(np.zeros((30, 20), np.uint8), 10)
    with pytest.raises(InputError, match="radius 0"):
        lbp_codes(np.zeros((30, 20), np.uint8), 0)
    with pytest.raises(TypeError, match="uint8 wanted"):
        lbp_codes(np.zeros((30, 20)), 1)
    with pytest.raises(TypeError, match="uint8 wanted"):
        to_grey(np.zeros((30, 20), np.uint8))


def test_grey_is_the_float64_sum_rounded_half_up() -> None:
    # Every step at the ends of the scale, every fifth in between: 2^24 colours agree as well.
    steps = np.unique(np.r_[:8, 8:248:5, 248:256]).astype(np.uint8)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    total = 0.298936021293775 * red + 0.587043074451121 * green + 0.114020904255103 * blue
    np.testing.assert_array_equal(to_grey(rgb), np.floor(total + 0.5))


def test_grey_colours_keep_their_value() -> None:
    grey = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_grey(np.repeat(grey[:, None], 3, axis=1)), grey)


def test_mirror_codes_moves_bits_and_columns() -> None:
    codes = np.array([[1 << i for i in range(8)]], np.uint8)
    mirrored = [[1 << (4 - i) % 8 for i in reversed(range(8))]]
    np.testing.assert_array_equal(mirror_codes(codes), mirrored)
    assert mirror_codes(codes).flags.c_contiguous


@given(arrays(np.uint8, (3, 5)))
def test_mirroring_twice_changes_nothing(codes: np.ndarray) -> None:
    np.testing.assert_array_equal(mirror_codes(mirror_codes(codes)), codes)


@settings(deadline=None)
@given(pictures())
def test_mirror_codes_are_those_of_the_mirrored_picture_but_for_ties(
    case: tuple[np.ndarray, int],
) -> None:
    grey, radius = case
    theirs = lbp_codes(grey[:, ::-1], radius)
    ours = mirror_codes(lbp_codes(grey, radius))
    flipped = grey[:, ::-1]
    centre = flipped[radius:-radius, radius:-radius]
    decided = np.abs(points(flipped, radius) - centre) > 1e-9
    # Points on the axes are pixels: what ties there is not a matter of rounding.
    decided[::2] = True
    mask = np.sum(decided << np.arange(8)[:, None, None], axis=0)
    np.testing.assert_array_equal(ours & mask, theirs & mask)
