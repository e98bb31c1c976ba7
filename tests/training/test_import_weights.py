"""Weights from elsewhere: a small net like the released ones, from Caffe's files to `predict`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from caffe_files import write_vgg_s
from toy import toy_faces
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.make_codes import make_codes
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.nets.registry import NETS
from emotiw_cli.training.distributed import joined
from emotiw_cli.training.import_weights import Origin, import_weights

WIDTH = 16
SMALL = replace(
    NETS["vgg_s.emotiw"], options={"width": WIDTH, "pad": 2, "k": 1.0, "end": 7}
)  # all of the released net but for the 4,048 units


@pytest.fixture(autouse=True)
def small_net(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETS, "vgg_s.small", SMALL)
    unpadded = {**SMALL.options, "pad": 1, "end": 6}
    monkeypatch.setitem(NETS, "vgg_s.unpadded", replace(SMALL, options=unpadded))


@pytest.fixture(scope="module")
def tensors() -> Mapping[str, np.ndarray]:
    torch.manual_seed(7)
    net = SMALL.build(7)
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    random = np.random.default_rng(7)
    for name, value in state.items():
        if value.ndim == 1:  # biases of zero would hide one that is lost
            state[name] = random.normal(0, 0.1, value.shape).astype(np.float32)
    state["head.weight"] = random.normal(0, 0.5, (7, WIDTH)).astype(np.float32)
    return state


@pytest.fixture(scope="module")
def mean() -> np.ndarray:
    return np.random.default_rng(8).uniform(60, 160, (3, 256, 256)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, tensors: Mapping[str, np.ndarray], mean: np.ndarray
) -> Path:
    """A folder as the authors released it."""
    folder = tmp_path_factory.mktemp("released") / "VGG_S_cyclic_lbp_5"
    write_vgg_s(folder, tensors, mean)
    return folder


def run(*words: object) -> Any:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr or result.exception
    return json.loads(result.stdout) if "--json" in words else result.stdout


def caffes_answer(folder: Path, face: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The posterior as the authors' code takes it, spec by spec, OpenCV in Caffe's place."""
    representation = Representation.parse("cyclic-5-compat255")
    picture = cv2.resize(
        representation.picture(representation.raw(face)), (256, 256), interpolation=cv2.INTER_CUBIC
    )
    crop = picture[16:240, 16:240].astype(np.float32)
    x = crop.transpose(2, 0, 1)[::-1] - mean[:, 16:240, 16:240]
    net = cv2.dnn.readNetFromCaffe(
        str(folder / "deploy.prototxt"), str(folder / "EmotiW_VGG_S.caffemodel")
    )
    net.setInput(x[None])
    return net.forward("prob")[0]


def test_a_released_model_becomes_a_member_and_predicts(
    tmp_path: Path, folder: Path, mean: np.ndarray, photo: Path
) -> None:
    work = tmp_path / "work"
    faces = Faces(toy_faces(work, train=0, validation=14))
    make_codes(work, faces, radius=5, metric="cyclic")
    command = ("weights", "import", folder, "--preset", "emotiw", "--net", "vgg_s.small")
    command += ("--name", "released", "--validate", "toy", "--licence", "as published")
    summary = run(*command, "--json", "--work", work)
    assert summary["task"] == "emotion"
    assert summary["representation"] == "cyclic-5-compat255"
    assert (summary["tensors"][0]["how"], summary["left"], summary["validation"]) == (
        *("matched", 0, 14),
    )
    assert summary["tensors"][-1] == {
        "file": "mean.binaryproto",
        "net": "mean_image",
        "shape": [3, 256, 256],
        "how": "cropped",
    }
    assert summary["layers_compared"] == 12  # 5 convolutions, 3 pools, 1 norm, 3 linear layers
    assert summary["largest_difference"] < 1e-4

    with np.load(work / "models" / "released" / "validation.npz") as validation:
        posteriors = validation["posteriors"]
    for number in (0, 5, 13):
        expected = caffes_answer(folder, faces.face(number), mean)
        np.testing.assert_allclose(posteriors[number], expected, atol=1e-4)

    bundle = run("ensemble", "--members", "released", "--name", "old", "--folds", 2, "--json",
                 "--no-calibrate", "--work", work)  # fmt: skip
    assert bundle["weights"] == {"released": 1.0}
    answers = load_bundle("old", work=work).member_posteriors(
        [faces.face(number) for number in (0, 5, 13)]
    )
    np.testing.assert_allclose(answers[0], posteriors[[0, 5, 13]], atol=0.02)
    told = run("predict", photo, "--bundle", "old", "--work", work)
    assert any(emotion in told for emotion in EMOTIONS)
    run("evaluate", "old", "toy", "--split", "validation", "--work", work)
    assert "as published" in (work / "bundles" / "old" / "MODEL_CARD.md").read_text()


def imported(work: Path, name: str, origin: Origin, **options: Any) -> Any:
    with joined("cpu", 1) as process:
        return import_weights(work, name, origin, process=process, **options)
