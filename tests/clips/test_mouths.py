"""The bag of mouths by hand."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.mouths import REGIONS, VALUES, Mouths, encode, mouths, normalise, regions
from emotiw_cli.errors import ArtefactError

WORDS = 3


def module(seed: int = 0) -> Mouths:
    rng = np.random.default_rng(seed)
    shapes = ((REGIONS, VALUES), (REGIONS, VALUES, 5), (REGIONS, WORDS, 5), (REGIONS * WORDS, 7))
    return Mouths(*(rng.normal(0, 1, shape).astype(np.float32) for shape in (*shapes, (7,))))


def crops(count: int = 1) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 96, 96, 3), dtype=np.uint8)


def test_the_mouth_is_rows_55_to_85_and_columns_30_to_70() -> None:
    given = crops(2)
    assert mouths(given).shape == (2, 30, 40, 3)
    assert (mouths(given)[1, 0, 0] == given[1, 55, 30]).all()
    assert (mouths(given)[1, -1, -1] == given[1, 84, 69]).all()


def test_each_of_the_23_by_33_patches_is_in_one_region() -> None:
    found = list(regions(mouths(crops())))
    assert len(found) == REGIONS
    assert sum(part.shape[1] * part.shape[2] for part in found) == 23 * 33
    assert all(part.shape[1:3] in {(6, 9), (6, 8), (5, 9), (5, 8)} for part in found)
    # The last patch of the last region ends where the mouth does.
    assert (found[-1][0, -1, -1] == mouths(crops())[0, -8:, -8:]).all()
    # The first of the sixth region begins after six rows and nine columns.
    assert (found[5][0, 0, 0] == mouths(crops())[0, 6:14, 9:17]).all()


def test_patches_have_mean_zero_and_spread_one_and_flat_ones_are_zeros() -> None:
    patches = np.stack([crops()[0, :8, :8], np.full((8, 8, 3), 77, np.uint8)])
    rows = normalise(patches)
    assert rows[0].mean() == pytest.approx(0, abs=1e-5)
    assert rows[0].std() == pytest.approx(1, abs=1e-5)
    assert (rows[1] == 0).all()


def test_the_encoding_is_the_mean_of_what_a_distance_lies_below_the_mean_distance() -> None:
    made = module()
    face = crops()
    encoded = made.encode(face).reshape(REGIONS, WORDS)
    region = 6
    expected = []
    for patch in list(regions(mouths(face)))[region].reshape(-1, VALUES):
        row = (patch - patch.mean()) / patch.std()
        z = (row - made.means[region]) @ made.matrices[region]
        far = np.linalg.norm(z - made.words[region], axis=1)
        expected.append(np.maximum(far.mean() - far, 0))
    assert encoded[region] == pytest.approx(np.mean(expected, axis=0), rel=1e-3, abs=1e-4)


def test_axes_padded_with_zeros_change_nothing() -> None:
    made = module()
    padded = [np.pad(a, ((0, 0), (0, 0), (0, 2))) for a in (made.matrices, made.words)]
    assert encode(crops(2), made.means, *padded) == pytest.approx(made.encode(crops(2)), abs=1e-4)


def test_a_clip_is_the_mean_of_its_faces() -> None:
    made, given = module(), crops(11)
    alone = [made.posterior(face[None]) for face in given]
    assert made.posterior(given) == pytest.approx(np.mean(alone, axis=0), abs=1e-6)
    assert made.posterior(given).sum() == pytest.approx(1)


def test_arrays_that_do_not_fit_are_refused() -> None:
    arrays = module().arrays()
    assert (Mouths.from_arrays(arrays, "a").encode(crops()) == module().encode(crops())).all()
    with pytest.raises(ArtefactError, match=r"a is not a bag of mouths .* fit together"):
        Mouths.from_arrays({**arrays, "biases": np.zeros(3)}, "a")
    with pytest.raises(ArtefactError, match="clips train mouths"):
        Mouths.from_arrays({"words": np.zeros(3)}, "a")
