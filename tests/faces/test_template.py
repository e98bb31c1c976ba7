"""The template is symmetric, upright, and the same in units of width at every size."""

from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.faces.template import TEMPLATE, anchors, anchors_in_frame


def test_the_template_is_symmetric() -> None:
    assert np.array_equal(TEMPLATE[[3, 2, 1, 0, 4]] * (-1, 1), TEMPLATE)


def test_in_a_frame_of_100_pixels() -> None:
    # The centre of 100 pixels lies at 49.5; 0.256 widths are 25.6 pixels.
    expected = [(23.9, 38.9), (38.7, 40.1), (60.3, 40.1), (75.1, 38.9), (49.5, 65.8)]
    assert anchors_in_frame((100, 100)) == pytest.approx(np.array(expected))


def test_a_taller_frame_moves_the_centre_only() -> None:
    moved = anchors_in_frame((143, 181)) - anchors_in_frame((143, 143))
    assert moved == pytest.approx(np.array([(0, 19)] * 5))


def test_anchors_of_68_and_of_5_points() -> None:
    of_68 = np.arange(136).reshape(68, 2)
    assert anchors(of_68)[:, 0].tolist() == [72, 78, 84, 90, 66]
    right_outer, right_inner, left_outer, left_inner, nose = np.arange(10.0).reshape(5, 2)
    expected = [left_outer, left_inner, right_inner, right_outer, nose]
    of_5 = anchors(np.array([right_outer, right_inner, left_outer, left_inner, nose]))
    assert np.array_equal(of_5, expected)


@pytest.mark.parametrize("shape", [(4, 2), (68, 3), (136,), (0, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="landmarks are"):
        anchors(np.zeros(shape))
