import numpy as np
import pytest
from generalisation import above_members, figures
from labelled_faces import LabelledFaces, markdown, without_mapped
from tiny_bundle import FACE

from emotiw_cli.bundle.fusion import EnsembleWeights, Prior
from emotiw_cli.bundle.schema import BundleSpec, MemberSpec
from emotiw_cli.inputs.preprocessing import Preprocessing


def spec(weights: list[float], representations: list[str], **more: object) -> BundleSpec:
    """A specification without files."""
    members = tuple(
        MemberSpec(name, f"{name}.onnx", "toy", Preprocessing(name, FACE, None, 32, 28))
        for name in representations
    )
    return BundleSpec("tiny", "1", FACE, members, EnsembleWeights("member", weights), **more)


def test_without_mapped_members_the_others_keep_their_proportion() -> None:
    weights = without_mapped(spec([0.3, 0.4, 0.3], ["grey", "cyclic-5", "rgb"]))
    assert weights is not None
    assert weights.values == pytest.approx([0.5, 0, 0.5])


@pytest.mark.parametrize("names", [["grey"], ["cyclic-5"]])
def test_nothing_to_leave_out_or_nothing_left(names: list[str]) -> None:
    assert without_mapped(spec([1.0], names)) is None


def test_a_prior_of_full_strength_takes_the_training_mix_away() -> None:
    # Under shares of 0.4 and 0.1 each, (0.5, 0.3) becomes 1.25 to 3: the second class wins.
    train = (0.4, *[0.1] * 6)
    mixture = np.array([[0.5, 0.3, *[0.04] * 5]] * 2)
    faces = LabelledFaces(None, np.arange(2), np.array([0, 1]), np.arange(2))  # type: ignore[arg-type]
    report = figures(mixture, faces, spec([1.0], ["grey"], prior=Prior(train, None, 0.0)))
    assert report["recall"]["angry"] == 1
    assert report["recall"]["disgust"] == 0
    assert report["recall"]["fear"] is None
    assert report["strengths"]["0"] == report["shipped"]
    assert report["strengths"]["1"]["accuracy"]["value"] == 0.5
    # at full strength the second face is the right one: its confidence is 3 / (1.25 + 3 + 5·0.4)
    assert report["strengths"]["1"]["ece"]["value"] == pytest.approx(abs(0.5 - 3 / 6.25))


def test_the_ensemble_is_set_against_each_member() -> None:
    # One member is right of the first two faces, the other of the last two; together of all.
    right, unsure, wrong = (0.8, 0.1, *[0.02] * 5), (0.5, 0.4, *[0.02] * 5), (0.4, 0.5, *[0.02] * 5)
    posteriors = np.array([[right, right, wrong, wrong], [unsure, wrong, right, right]])
    faces = LabelledFaces(None, np.arange(4), np.zeros(4, int), np.arange(4))  # type: ignore[arg-type]
    found = above_members(posteriors, faces, spec([0.5, 0.5], ["grey", "rgb"]))
    assert found["grey"]["alone"]["accuracy"]["value"] == 0.5
    assert found["grey"]["gain"]["accuracy"]["value"] == 0.5
    assert found["rgb"]["gain"]["accuracy"]["value"] == 0.25
    # The mixtures are (0.65, 0.6, 0.6, 0.6) of the right class; log-losses by hand.
    mixed = -np.log([0.65, 0.6, 0.6, 0.6]).mean()
    alone = -np.log([0.5, 0.4, 0.8, 0.8]).mean()
    assert found["rgb"]["gain"]["log_loss"]["value"] == pytest.approx(mixed - alone)


def test_a_table() -> None:
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
