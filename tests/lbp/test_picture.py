import numpy as np
import pytest

from emotiw_cli.errors import InputError
from emotiw_cli.lbp.codes import lbp_codes, to_grey
from emotiw_cli.lbp.palettes import apply_palette, palette
from emotiw_cli.lbp.picture import mapped_picture


def shows(sheet: np.ndarray, picture: np.ndarray) -> bool:
    """Whether a picture is part of the sheet."""
    height, width = picture.shape[:2]
    corner = np.all(sheet[: 1 - height, : 1 - width] == picture[0, 0], axis=-1)
    return any(
        np.array_equal(sheet[y : y + height, x : x + width], picture)
        for y, x in zip(*np.nonzero(corner), strict=True)
    )


def test_shows_face_codes_and_colours() -> None:
    face = np.random.default_rng(0).integers(0, 255, (190, 180, 3), dtype=np.uint8)
    sheet = mapped_picture(face, radii=(2, 7), metric="regular")
    assert sheet.dtype == np.uint8
    grey = to_grey(face)
    assert shows(sheet, face)
    assert shows(sheet, np.dstack([grey] * 3))
    for radius in (2, 7):
        codes = lbp_codes(grey, radius)
        assert shows(sheet, np.dstack([codes] * 3))
        assert shows(sheet, apply_palette(codes, palette("regular")))
    assert not shows(sheet, apply_palette(lbp_codes(grey, 3), palette("regular")))


def test_small_faces_are_enlarged_pixel_for_pixel() -> None:
    face = np.random.default_rng(0).integers(0, 255, (60, 48, 3), dtype=np.uint8)
    sheet = mapped_picture(face, radii=(1,))
    assert shows(sheet, face.repeat(5, axis=0).repeat(5, axis=1))


def test_refuses_a_face_too_small() -> None:
    with pytest.raises(InputError, match="radius 10"):
        mapped_picture(np.zeros((20, 20, 3), np.uint8))
