"""How members become one: the published rules on literal vectors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotiw_cli.errors import ArtefactError
from emotiw_cli.groups.fusion import PAPER_WEIGHTS, GroupFusion, Part, tame

PAPER: tuple[Part, ...] = ("landmarks", "scene", "embedding", "embedding")
NOTHING = [np.nan] * 3


def paper(prior: tuple[float, ...] = (0.2, 0.3, 0.5)) -> GroupFusion:
    return GroupFusion(PAPER, tuple(PAPER_WEIGHTS[part] for part in PAPER), True, prior)


def test_the_published_weights() -> None:
    assert PAPER_WEIGHTS == {"landmarks": 0.6, "scene": 0.86, "embedding": 0.7}


def test_the_landmark_rule_begins_at_3_6() -> None:
    sums = np.array([[3.6, 1.8, 0.9], [3.5, 1.0, 0.5], [0.2, 4.0, 8.0], [0.0, 0.0, 0.0]])
    expected = [[1.0, 0.5, 0.25], [3.5, 1.0, 0.5], [0.025, 0.5, 1.0], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(tame(sums), expected)


def test_published_fusing_by_hand() -> None:
    """Three faces, so the landmarks' vector sums to 3 and counts as it is:
    .6 (2.1, .6, .3) + .86 (.1, .2, .7) + .7 (.5, .3, .2) + .7 (.1, .1, .8)
    = (1.766, .812, 1.482), which sums to 4.06."""
    vectors = np.array([[[2.1, 0.6, 0.3]], [[0.1, 0.2, 0.7]], [[0.5, 0.3, 0.2]], [[0.1, 0.1, 0.8]]])
    np.testing.assert_allclose(
        paper().posteriors(vectors)[0], np.array([1.766, 0.812, 1.482]) / 4.06
    )


def test_a_crowd_by_hand() -> None:
    """Twelve faces: (7.2, 3.6, 1.2) becomes (1, .5, 1/6);
    .6 of it + .86 (0, 0, 1) + 1.4 (0, 1, 0) = (.6, 1.7, .96)."""
    vectors = np.array([[[7.2, 3.6, 1.2]], [[0, 0, 1]], [[0, 1, 0]], [[0, 1, 0]]], dtype=float)
    np.testing.assert_allclose(
        paper().posteriors(vectors)[0], np.array([0.6, 1.7, 0.96]) / 3.26, atol=1e-12
    )


def test_without_a_face_the_whole_image_answers_alone() -> None:
    vectors = np.array([[NOTHING], [[0.1, 0.2, 0.7]], [NOTHING], [NOTHING]])
    np.testing.assert_allclose(paper().posteriors(vectors)[0], [0.1, 0.2, 0.7])


def test_the_whole_image_answers_alone_even_if_it_has_no_weight_elsewhere() -> None:
    fusion = GroupFusion(("embedding", "scene"), (1.0, 0.0))
    vectors = np.array([[NOTHING, [0.6, 0.3, 0.1]], [[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]]])
    np.testing.assert_allclose(fusion.posteriors(vectors), [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])


def test_where_nobody_speaks_the_answer_is_the_prior() -> None:
    np.testing.assert_allclose(paper().posteriors(np.full((4, 1, 3), np.nan))[0], [0.2, 0.3, 0.5])


def test_fitted_weights_meet_posteriors_not_sums() -> None:
    fusion = GroupFusion(("landmarks", "embedding"), (0.5, 0.5))
    vectors = np.array([[[4.0, 4.0, 0.0]], [[0.0, 1.0, 0.0]]])
    np.testing.assert_allclose(fusion.posteriors(vectors)[0], [0.25, 0.75, 0])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), sums=st.booleans(), temperature=st.floats(0.2, 5))
def test_posteriors_are_posteriors_and_follow_the_members(
    seed: int, sums: bool, temperature: float
) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.uniform(0, 9, (4, 6, 3))
    vectors[generator.random((4, 6)) < 0.3] = np.nan
    weights = generator.uniform(0.1, 1, 4)
    fused = GroupFusion(PAPER, tuple(weights), sums, temperature=temperature).posteriors(vectors)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    order = generator.permutation(4)
    parts = tuple(PAPER[place] for place in order)
    moved = GroupFusion(parts, tuple(weights[order]), sums, temperature=temperature)
    np.testing.assert_allclose(moved.posteriors(vectors[order]), fused, atol=1e-12)


@pytest.mark.parametrize(
    ("parts", "weights"),
    [(("scene",), (0.0,)), (("scene",), (-1.0,)), (("scene",), ()), (("sound",), (1.0,))],
)
def test_weights_that_mean_nothing_are_refused(
    parts: tuple[Part, ...], weights: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="weight"):
        GroupFusion(parts, weights)


def test_another_number_of_members_is_refused() -> None:
    with pytest.raises(ValueError, match="4 members"):
        paper().posteriors(np.zeros((3, 1, 3)))


def test_json_round_trip_is_exact_and_other_content_is_refused() -> None:
    fusion = GroupFusion(PAPER, (0.1, 0.2, 0.3, 0.4), False, (0.2, 0.3, 0.5), 1.7)
    assert GroupFusion.from_json(json.loads(json.dumps(fusion.to_json()))) == fusion
    with pytest.raises(ArtefactError, match="weights"):
        GroupFusion.from_json({"parts": ["scene"]})
