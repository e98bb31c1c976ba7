from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.training.augment import augmented

GREY = Preprocessing("grey", (8, 8), resize=8, crop=6)
MAPPED = Preprocessing("cyclic-1", (10, 10), resize=8, crop=6)


def face() -> np.ndarray:
    """(8, 8, 3): each pixel 10·row + column."""
    y, x = np.mgrid[:8, :8]
    return np.repeat((10 * y + x).astype(np.uint8)[:, :, None], 3, axis=2)


def test_none_is_the_centre_crop() -> None:
    made = augmented(face(), GREY, "none", seed=0, epoch=3, face=1)
    assert made.shape == (6, 6, 3)
    assert made[0, :, 0].tolist() == [11, 12, 13, 14, 15, 16]


def test_ten_epochs_show_each_of_the_ten_crops_once() -> None:
    firsts = [
        augmented(face(), GREY, "ten", seed=0, epoch=epoch, face=4)[0, [0, -1], 0].tolist()
        for epoch in range(10)
    ]
    straight = [[0, 5], [2, 7], [20, 25], [22, 27], [11, 16]]
    mirrored = [[7, 2], [5, 0], [27, 22], [25, 20], [16, 11]]
    assert sorted(firsts) == sorted(straight + mirrored)


@pytest.mark.parametrize("preprocessing", [GREY, MAPPED])
def test_affine_depends_on_seed_epoch_and_face_alone(preprocessing: Preprocessing) -> None:
    raw = face() if preprocessing is GREY else face()[:, :, 0]
    one = augmented(raw, preprocessing, "affine", seed=1, epoch=2, face=3)
    np.testing.assert_array_equal(
        one, augmented(raw, preprocessing, "affine", seed=1, epoch=2, face=3)
    )
    others = [
        augmented(raw, preprocessing, "affine", seed=s, epoch=e, face=f)
        for s, e, f in [(2, 2, 3), (1, 3, 3), (1, 2, 4)]
    ]
    assert all(not np.array_equal(one, other) for other in others)
    assert all(other.shape == (6, 6, 3) and other.dtype == np.uint8 for other in others)
