from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.inputs.preprocessing import Preprocessing, resize
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.lbp.codes import lbp_codes, to_grey
from emotiw_cli.lbp.palettes import palette


def face() -> np.ndarray:
    """(6, 6, 3) uint8: red 10·row, green 10·column, blue 1."""
    y, x = np.mgrid[:6, :6]
    return np.stack([10 * y, 10 * x, np.ones_like(x)], axis=2).astype(np.uint8)


def test_centre_crop_in_bgr_less_the_mean() -> None:
    made = Preprocessing(
        "rgb", (6, 6), resize=6, crop=2, crops="centre", order="bgr", mean=(1, 20, 0), scale=0.5
    ).crops_of(face())
    assert made.dtype == np.float32
    blue, green, red = made[0]
    assert blue.tolist() == [[0, 0], [0, 0]]
    assert green.tolist() == [[0, 5], [0, 5]]
    assert red.tolist() == [[10, 10], [15, 15]]


def test_ten_crops_are_corners_and_centre_then_those_of_the_mirror_image() -> None:
    made = Preprocessing("rgb", (6, 6), resize=6, crop=4, crops="ten").crops_of(face())
    first_rows = made[:, 0, 0, 0].tolist()
    first_columns = made[:, 1, 0, 0].tolist()
    assert first_rows == [0, 0, 20, 20, 10] * 2
    assert first_columns == [0, 20, 0, 20, 10, 50, 30, 50, 30, 40]


def test_mirror_crop_of_codes_is_the_crop_of_the_mirrored_face() -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (30, 30, 3), dtype=np.uint8)
    plain = Preprocessing("cyclic-2", (30, 30), resize=20, crop=16, crops="centre")
    both = Preprocessing("cyclic-2", (30, 30), resize=20, crop=16, crops="mirror")
    of = Representation.parse("cyclic-2").raw
    crops = both.crops_of(of(picture))
    np.testing.assert_array_equal(crops[0], plain.crops_of(of(picture))[0])
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    np.testing.assert_allclose(crops[1], plain.crops_of(of(mirrored))[0], atol=1)


def test_mirror_mapped_flips_the_colours_as_they_are() -> None:
    codes = np.arange(64, dtype=np.uint8).reshape(8, 8)
    made = Preprocessing(
        "regular-1", (10, 10), resize=8, crop=8, crops="mirror", mirror_mapped=True
    ).crops_of(codes)
    np.testing.assert_array_equal(made[1], made[0][:, :, ::-1])


def test_json_round_trip_and_refusals() -> None:
    spec = Preprocessing("cyclic-10-compat255", (143, 181), 48, mean=(1.5, 2, 3))
    assert Preprocessing.from_json(spec.to_json()) == spec
    with pytest.raises(ArtefactError, match="cannot be read"):
        Preprocessing.from_json({"representation": "grey"})
    for change in (
        {"surprise": 1},
        {"representation": "cyclic"},
        {"crops": "five"},
        {"order": "grb"},
        {"crop": 73},
    ):
        with pytest.raises(ArtefactError, match="cannot be read"):
            Preprocessing.from_json({**spec.to_json(), **change})


def test_a_crop_larger_than_its_picture_is_refused() -> None:
    with pytest.raises(InputError, match="--crop"):
        Preprocessing("grey", (6, 6), resize=6, crop=7)


def test_resize_leaves_equal_sizes_and_averages_down() -> None:
    picture = np.array([[[0], [100]], [[50], [250]]], np.uint8).repeat(3, axis=2)
    assert resize(picture, (2, 2)) is picture
    assert resize(picture, (1, 1)).tolist() == [[[100, 100, 100]]]


@pytest.mark.parametrize(
    "text", ["rgb", "grey", "cyclic-10", "regular-1", "circular-5-compat255", "shuffled2-5"]
)
def test_representation_names_come_back(text: str) -> None:
    assert str(Representation.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "lbp", "cyclic", "cyclic-0", "cyclic-x", "grey-1", "RGB", "shuffled-5"]
)
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a representation"):
        Representation.parse(text)


def test_mapped_picture_is_the_palette_of_the_codes() -> None:
    random = np.random.default_rng(1)
    picture = random.integers(0, 256, (12, 11, 3), dtype=np.uint8)
    representation = Representation.parse("cyclic-1")
    codes = representation.raw(picture)
    np.testing.assert_array_equal(codes, lbp_codes(to_grey(picture), 1))
    np.testing.assert_array_equal(representation.picture(codes), palette("cyclic")[codes])


def test_compat_255_draws_code_255_as_254() -> None:
    codes = np.array([[254, 255]], np.uint8)
    plain = Representation.parse("cyclic-1").picture(codes)
    compat = Representation.parse("cyclic-1-compat255").picture(codes)
    assert plain[0, 0].tolist() != plain[0, 1].tolist()
    assert compat[0, 0].tolist() == compat[0, 1].tolist() == plain[0, 0].tolist()


def test_grey_shows_three_equal_channels() -> None:
    picture = Representation.parse("grey").picture(face())
    assert (picture == picture[:, :, :1]).all()
    np.testing.assert_array_equal(picture[:, :, 0], to_grey(face()))
