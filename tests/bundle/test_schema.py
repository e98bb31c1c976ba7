"""What a bundle says of itself survives the way to disk and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emotiw_cli.bundle.fusion import Calibration, EnsembleWeights, Prior, fuse
from emotiw_cli.bundle.schema import BundleSpec, MemberSpec
from emotiw_cli.errors import ArtefactError
from emotiw_cli.inputs.preprocessing import Preprocessing

SPEC = BundleSpec(
    name="pair",
    version="1.2",
    face_size=(144, 181),
    detail=48,
    members=tuple(
        MemberSpec(name, f"{name}.onnx", "linear", Preprocessing(rep, (144, 181), 48))
        for name, rep in (("plain", "rgb"), ("mapped", "cyclic-5-compat255"))
    ),
    weights=EnsembleWeights("member", np.array([0.3, 0.7])),
    prior=Prior((0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), None, 0.5),
    temperature=1.25,
    metrics={"faces": 3},
    licence="research use",
    files={"plain.onnx": "ab", "mapped.onnx": "cd"},
)


def _json() -> dict[str, Any]:
    return json.loads(json.dumps(SPEC.to_json()))


def test_round_trip() -> None:
    read = BundleSpec.from_json(_json())
    assert read.to_json() == SPEC.to_json()
    assert read.members == SPEC.members
    assert (read.face_size, read.detail) == ((144, 181), 48)


def test_schema_1_had_no_calibration() -> None:
    content = _json()
    del content["calibration"]
    assert BundleSpec.from_json({**content, "schema": 1}).calibration == Calibration()
    with pytest.raises(ArtefactError, match="calibration"):
        BundleSpec.from_json(content)


def test_calibration_survives_and_counts() -> None:
    calibration = Calibration(0.8, (0.1, 0.2, 0, 0, -0.3, 0, 0))
    spec = replace(SPEC, calibration=calibration)
    assert BundleSpec.from_json(json.loads(json.dumps(spec.to_json()))).calibration == calibration
    posteriors = np.random.default_rng(1).dirichlet(np.ones(7), (2, 4))
    mixed = 0.3 * posteriors[0] + 0.7 * posteriors[1]
    plain = replace(SPEC, weights=EnsembleWeights.equal(2))
    calibrated = calibration.apply(mixed)
    np.testing.assert_allclose(
        spec.fuse(posteriors), plain.fuse(np.stack([calibrated, calibrated]))
    )


def test_fuse_is_weights_then_prior_then_temperature() -> None:
    posteriors = np.random.default_rng(0).dirichlet(np.ones(7), (2, 4))
    mixed = 0.3 * posteriors[0] + 0.7 * posteriors[1]
    corrected = mixed / np.sqrt(np.array(SPEC.prior.train))
    expected = (corrected / corrected.sum(axis=1, keepdims=True)) ** 0.8
    np.testing.assert_allclose(
        SPEC.fuse(posteriors), expected / expected.sum(axis=1, keepdims=True)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 3}, "schema 3, this emotiw reads up to 2"),
        ({"calibration": {"temperature": 1, "bias": [0]}}, "calibration"),
        ({"emotions": ["happy", "sad"]}, "emotions"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "hot"}, "hot"),
        ({"weights": {"kind": "member", "values": [1.0]}}, "one weight for each member"),
        ({"weights": {"kind": "member", "values": [0.6, 0.6]}}, "sum to one"),
        ({"prior": {"train": [1, 2], "target": None, "strength": 0}}, "prior"),
        ({"face": {"size": [144]}}, "specification"),
        ({"members": [{"name": "plain"}]}, "file"),
    ],
)
def test_anything_else_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtefactError, match=message) as caught:
        BundleSpec.from_json({**_json(), **change}, "folder/bundle.json")
    assert "folder/bundle.json" in str(caught.value)


def test_alone_is_the_ensemble_in_which_one_member_has_all_the_weight() -> None:
    random = np.random.default_rng(4)
    posteriors = random.dirichlet(np.ones(7), (3, 5))
    preprocessing = Preprocessing("grey", (48, 48))
    spec = BundleSpec(
        name="b",
        version="1",
        face_size=(48, 48),
        members=tuple(MemberSpec(n, f"{n}.onnx", "net", preprocessing) for n in "abc"),
        weights=EnsembleWeights.equal(3),
        prior=Prior(train=(0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), strength=0.5),
        temperature=0.7,
    )
    alone = spec.alone(posteriors)
    for number in range(3):
        only = EnsembleWeights("member", np.eye(3)[number])
        expected = fuse(posteriors, only, spec.prior, spec.temperature)
        np.testing.assert_allclose(alone[number], expected)
