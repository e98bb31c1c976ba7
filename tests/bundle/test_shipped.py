"""The bundles that come with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.bundle.load import DEFAULT_NAME, SHIPPED, SHIPPED_FOLDER, load_bundle, verify_bundle
from emotiw_cli.bundle.predict import predict_photo
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.faces.align import fit_face
from emotiw_cli.faces.images import load_image

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


@pytest.fixture(scope="module")
def default() -> Bundle:
    return load_bundle()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_byte_is_the_recorded_one_and_there_are_few(name: str) -> None:
    folder = SHIPPED_FOLDER / name
    verify_bundle(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 50e6
    assert (folder / "MODEL_CARD.md").is_file()


def test_nothing_else_lies_among_them() -> None:
    assert DEFAULT_NAME in SHIPPED
    assert {path.name for path in SHIPPED_FOLDER.iterdir()} == set(SHIPPED)


def test_a_smile_is_happy_however_the_picture_is_stored(default: Bundle) -> None:
    photo = load_image(PHOTOS / "astronaut.png")
    (face,) = predict_photo(photo, default)
    assert face.emotion == "happy"
    assert face.confidence > 0.9
    grey = np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    dark = (255 * (grey / 255.0) ** 2).astype(np.uint8)
    for other in (grey, dark):
        found, *_ = predict_photo(other, default)  # doubtful detections come after it
        assert found.emotion == "happy"


def test_a_batch_gives_what_single_faces_give(default: Bundle) -> None:
    size, detail = default.spec.face_size, default.spec.detail
    photos = [load_image(path) for path in sorted(PHOTOS.glob("*.*g"))]
    faces = [fit_face(photo, size, detail=detail) for photo in photos]
    together = default.posteriors(faces)
    single = np.concatenate([default.posteriors([face]) for face in faces])
    np.testing.assert_allclose(together, single, atol=1e-4)
    np.testing.assert_allclose(together.sum(axis=1), 1)
