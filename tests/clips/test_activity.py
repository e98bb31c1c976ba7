"""Blocks and histograms of movement by hand."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.clips.activity import VALUES, Activity, Movements, WordCounter, blocks, normalise
from emotiw_cli.clips.svm import fit_svm
from emotiw_cli.errors import ArtefactError

pytest.importorskip("sklearn")


def greys(count: int) -> np.ndarray:
    """Crops that are grey, each pixel another from crop to crop."""
    grey = np.random.default_rng(0).integers(0, 256, (count, 96, 96, 1), dtype=np.uint8)
    return grey.repeat(3, axis=3)


def test_a_block_is_16_by_16_pixels_of_ten_crops() -> None:
    crops = greys(23)
    found = blocks(crops, np.ones(23, np.int16))
    assert found.shape == (2 * 36, VALUES)
    # The second row of blocks, the third column, of crops 10 to 19.
    own = crops[10:20, 16:32, 32:48, 0] / 255
    assert found[36 + 6 + 2].reshape(10, 16, 16) == pytest.approx(own, abs=1e-6)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (5, 2), (9, 1), (10, 2), (11, 1)])
def test_ten_crops_or_fewer_are_put_behind_themselves(count: int, expected: int) -> None:
    crops = greys(count)
    found = blocks(crops, np.ones(count, np.int16))
    assert len(found) == 36 * expected
    cut = found[0].reshape(10, 16, 16)
    assert cut[9] == pytest.approx(crops[9 % count, :16, :16, 0] / 255, abs=1e-6)


def test_tubes_are_cut_one_by_one() -> None:
    crops = greys(22)
    tube = np.repeat([1, 2], 11).astype(np.int16)
    whole = blocks(crops, tube)
    parts = [blocks(crops[tube == number], tube[tube == number]) for number in (1, 2)]
    assert (whole == np.concatenate(parts)).all()


def test_blocks_are_normalised_by_their_spread_and_that_of_all() -> None:
    rows = np.array([[0.0, 2.0], [3.0, 3.0]])
    found = normalise(rows, 0.5)
    assert found == pytest.approx(np.array([[-1 / 1.501, 1 / 1.501], [0, 0]]), abs=1e-6)


def movements() -> Movements:
    """One unit that sees the first pixel; words at one half, and at one."""
    matrix = np.zeros((VALUES, 1), np.float32)
    matrix[0] = 1
    return Movements(
        np.float32(0.1),
        np.zeros(VALUES, np.float32),
        matrix,
        np.ones((1, 1), np.float32),
        np.array([[0.5], [1.0]], np.float32),
    )


def test_a_block_votes_for_its_nearest_word_with_its_weight() -> None:
    crops = greys(11)
    rows = normalise(blocks(crops, np.ones(11, np.int16)), 0.1)
    h = 1 / (1 + np.exp(-(rows[:, 0] ** 2)))
    weight = (h - 0.5) / 0.5
    expected = np.array([weight[h < 0.75].sum(), weight[h >= 0.75].sum()]) / weight.sum()
    assert 0 < expected[1] < 1
    assert movements().histogram(crops, np.ones(11, np.int16)) == pytest.approx(expected, abs=1e-5)


def test_words_do_not_hang_on_the_order_in_which_tubes_come() -> None:
    crops = greys(37)
    tube = np.repeat([1, 2, 3], [11, 4, 22]).astype(np.int16)
    whole = movements().histogram(crops, tube)
    parts = [len(blocks(crops[tube == number], tube[tube == number])) for number in (1, 2, 3)]
    assert parts == [36, 36, 72]
    counter = WordCounter(movements())
    for step in range(22):
        for number in (3, 1, 2):
            own = crops[tube == number]
            if step < len(own):
                counter.add(own[step], number)
            if step == len(own) - 1:
                counter.end(number)
    assert (counter.histogram() == whole).all()


def test_where_nothing_moves_nothing_is_said() -> None:
    rng = np.random.default_rng(0)
    machine = fit_svm(rng.dirichlet(np.ones(2), 20), np.arange(20) % 2, c=1, gamma=1, kernel="chi2")
    made = Activity(movements(), machine)
    flat = np.full((11, 96, 96, 3), 128, np.uint8)
    assert np.isnan(made.posterior(flat, np.ones(11, np.int16))).all()
    assert made.posterior(greys(11), np.ones(11, np.int16)).sum() == pytest.approx(1)
    again = Activity.from_arrays(made.arrays(), "a")
    said = [one.posterior(greys(11), np.ones(11, np.int16)) for one in (made, again)]
    assert (said[0] == said[1]).all()
    with pytest.raises(ArtefactError, match=r"a is not an activity module .* fit together"):
        Activity.from_arrays({**made.arrays(), "words": np.zeros((3, 1))}, "a")
    with pytest.raises(ArtefactError, match="clips train activity"):
        Activity.from_arrays(machine.arrays(), "a")
