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
from caffe_files import blob, caffemodel, vgg_s_prototxt, write_vgg_s
from safetensors.torch import load_file, save_file
from torchvision import models
from toy import toy_faces
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.artefact import Artefact, open_artefact
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.make_codes import make_codes
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.nets.caffe import read_caffemodel
from emotiw_cli.nets.fitting import fit_tensors, load_tensors
from emotiw_cli.nets.mean_image import mean_for, read_mean_image
from emotiw_cli.nets.parity import compare_with_caffe
from emotiw_cli.nets.registry import NETS, Net, find_net
from emotiw_cli.nets.weights import read_weights
from emotiw_cli.training import import_weights as stage
from emotiw_cli.training.distributed import joined
from emotiw_cli.training.import_weights import Origin, import_weights
from emotiw_cli.training.released import released

WIDTH = 16
SMALL = replace(
    NETS["vgg_s.emotiw"], options={"width": WIDTH, "pad": 2, "k": 1.0, "end": 7}
)  # all of the released net but for the 4,048 units


@pytest.fixture(autouse=True)
def small_net(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETS, "vgg_s.small", SMALL)


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
    faces = Faces(toy_faces(work, train=0, validation=7))
    make_codes(work, faces, radius=5, metric="cyclic")
    command = ("weights", "import", folder, "--preset", "emotiw", "--net", "vgg_s.small")
    command += ("--name", "released", "--validate", "toy", "--licence", "as published")
    summary = run(*command, "--json", "--work", work)
    assert summary["task"] == "emotion"
    assert summary["representation"] == "cyclic-5-compat255"
    assert (summary["tensors"][0]["how"], summary["left"], summary["validation"]) == (
        *("matched", 0, 7),
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
    for number in (0, 6):
        expected = caffes_answer(folder, faces.face(number), mean)
        np.testing.assert_allclose(posteriors[number], expected, atol=1e-4)

    bundle = run("ensemble", "--members", "released", "--name", "old", "--folds", 2, "--json",
                 "--no-calibrate", "--work", work)  # fmt: skip
    assert bundle["weights"] == {"released": 1.0}
    answers = load_bundle("old", work=work).member_posteriors(
        [faces.face(number) for number in (0, 6)]
    )
    np.testing.assert_allclose(answers[0], posteriors[[0, 6]], atol=0.02)
    told = run("predict", photo, "--bundle", "old", "--work", work)
    assert any(emotion in told for emotion in EMOTIONS)
    run("evaluate", "old", "toy", "--split", "validation", "--work", work)
    assert "as published" in (work / "bundles" / "old" / "MODEL_CARD.md").read_text()


def imported(work: Path, name: str, origin: Origin, **options: Any) -> Artefact:
    with joined("cpu", 1) as process:
        return import_weights(work, name, origin, process=process, **options)


def refusal(work: Path, origin: Origin, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        imported(work, "refused", origin, **options)
    assert not (work / "models" / "refused").exists()
    return str(caught.value)


QUICK = "mobilenet_v1.025"


def quick(path: Path, classes: int = 7, **changes: torch.Tensor) -> Origin:
    """A small net's weights as safetensors, and their origin."""
    torch.manual_seed(classes)
    state = find_net(QUICK).build(classes).state_dict()
    state["head.bias"] = torch.arange(classes, dtype=torch.float32)
    save_file({**state, **changes}, path)
    return Origin(path, QUICK, resize=16, crop=16)


def test_a_description_of_another_net_is_refused_by_the_layer(tmp_path: Path, folder: Path) -> None:
    other = tmp_path / "deploy.prototxt"
    origin = replace(released(folder), net="vgg_s.small", prototxt=other)
    other.write_text(vgg_s_prototxt(WIDTH, 7, k=2))
    assert "k of its normalisations across channels is 2, here 1" in refusal(tmp_path, origin)
    other.write_text(vgg_s_prototxt(WIDTH, 7).replace("beta: 0.75", "beta: 0.5"))
    told = refusal(tmp_path, origin)
    assert "deploy.prototxt is not of vgg_s.small: layer norm1 comes out otherwise" in told
    other.write_text("layer {")
    assert "cannot be run by OpenCV" in refusal(tmp_path, origin)
    other.write_text('input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8 '
                     'layer { name: "p" type: "Softmax" bottom: "data" top: "p" }')  # fmt: skip
    assert "has no layer that the net has too" in refusal(tmp_path, origin)


def test_a_k_that_opencv_does_not_read_is_no_difference(tmp_path: Path, folder: Path) -> None:
    net = replace(SMALL, options={**SMALL.options, "k": 2.0}).build(7)
    weights = read_weights(folder / "EmotiW_VGG_S.caffemodel")
    load_tensors(net, weights.tensors, fit_tensors(net, weights.tensors))
    other = tmp_path / "deploy.prototxt"
    other.write_text(vgg_s_prototxt(WIDTH, 7, k=2))
    found = compare_with_caffe(net, other, folder / "EmotiW_VGG_S.caffemodel", 224, head="fc8_cat")
    assert max(found.values()) < 1e-4
    assert list(found)[:3] == ["conv1", "norm1", "pool1"]
    assert net.norm1.k == 2


def test_the_wrong_net_is_met_with_those_that_fit(tmp_path: Path) -> None:
    origin = quick(tmp_path / "w.safetensors")
    told = refusal(tmp_path, replace(origin, net="mobilenet_v1.050"))
    assert "w.safetensors does not fit mobilenet_v1.050" in told
    assert "have another shape" in told
    assert told.endswith("they fit mobilenet_v1.025: use one of these as --net.")
    save_file({"a.weight": torch.ones(2, 2)}, tmp_path / "w.safetensors")
    assert "give torchvision/NAME" in refusal(tmp_path, origin, partial=True)


def test_a_partial_load_is_told_and_only_made_when_wanted(tmp_path: Path) -> None:
    origin = quick(tmp_path / "w.safetensors", extra=torch.ones(2))
    state = load_file(origin.weights)
    missing = ("blocks.3.pointwise.conv.weight", "head.bias")
    save_file({k: v for k, v in state.items() if k not in missing}, origin.weights)
    told = refusal(tmp_path, origin)
    assert "1 have no place in it, 2 are missing (first: extra)" in told
    assert "--partial" in told
    model = imported(tmp_path, "part", origin, partial=True)
    odd = {
        line["file"] or line["net"]: line["how"]
        for line in model.manifest["parameters"]["report"]
        if line["how"] != "matched"
    }
    assert odd == {"extra": "unused", **dict.fromkeys(missing, "left")}
    assert model.manifest["counts"]["left"] == 2
    again = imported(tmp_path, "again", origin, partial=True)
    assert again.digest == model.digest  # first values are always the same


def test_rows_of_the_head_follow_the_classes(tmp_path: Path) -> None:
    origin = quick(tmp_path / "w.safetensors")
    foreign = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry")
    model = imported(tmp_path, "m", replace(origin, classes=foreign))
    bias = load_file(model.folder / "weights.safetensors")["head.bias"]
    assert bias.tolist() == [6, 5, 4, 1, 0, 2, 3]
    content = json.loads((model.folder / "model.json").read_text())
    assert (content["task"], content["classes"]) == ("emotion", list(EMOTIONS))
    assert "name each of angry" in refusal(tmp_path, replace(origin, classes=foreign[:6]))


def test_a_head_of_other_classes_is_left_out_and_finetuning_starts_there(tmp_path: Path) -> None:
    work = tmp_path / "work"
    toy_faces(work, train=14, validation=7)
    origin = quick(tmp_path / "w.safetensors", classes=10)
    told = refusal(work, origin, validate=["toy"])
    assert "no head of 7 classes" in told
    model = imported(work, "backbone", origin, licence="free")
    assert not any(name.startswith("head") for name in load_file(model.folder / stage.WEIGHTS))
    hows = {line["net"]: line["how"] for line in model.manifest["parameters"]["report"]}
    assert (hows["head.weight"], hows["stem.conv.weight"]) == ("left out", "matched")
    command = ("finetune", "toy", "--name", "tuned", "--init", "backbone", "--net", QUICK)
    run(*command, "--resize", 16, "--crop", 16, "--epochs", 1, "--batch", 7, "--work", work)
    loaded = open_artefact(work, "models", "tuned").manifest["parameters"]["loaded"]
    assert loaded["left"] == ["head.weight", "head.bias"]
    refused = CliRunner().invoke(
        app, ["ensemble", "--members", "backbone", "--name", "b", "--work", str(work)]
    )
    assert (refused.exit_code, "finetune" in refused.stderr) == (4, True)


def test_a_file_without_a_head_is_a_start(tmp_path: Path) -> None:
    origin = quick(tmp_path / "w.safetensors")
    state = load_file(origin.weights)
    save_file({k: v for k, v in state.items() if not k.startswith("head")}, origin.weights)
    model = imported(tmp_path, "m", origin)
    assert model.manifest["parameters"]["task"] == "backbone"
    assert {line["how"] for line in model.manifest["parameters"]["report"]} == {"matched"}


def test_weights_that_are_no_numbers_are_no_match(tmp_path: Path, folder: Path) -> None:
    layers = [
        (layer.name, layer.type, [blob * np.nan for blob in layer.blobs.values()])
        for layer in read_caffemodel(folder / "EmotiW_VGG_S.caffemodel")
    ]
    model = tmp_path / "w.caffemodel"
    model.write_bytes(caffemodel(layers))
    origin = Origin(model, "vgg_s.small", prototxt=folder / "deploy.prototxt")
    assert "layer conv1 comes out otherwise" in refusal(tmp_path, origin)


def test_a_member_needs_validation_faces(tmp_path: Path) -> None:
    work = tmp_path / "work"
    imported(work, "blind", quick(tmp_path / "w.safetensors"))
    refused = CliRunner().invoke(
        app, ["ensemble", "--members", "blind", "--name", "b", "--work", str(work)]
    )
    assert refused.exit_code == 4
    assert "import its weights again with --validate" in refused.stderr


def test_validation_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    toy_faces(work, train=0, validation=21)
    origin = quick(tmp_path / "w.safetensors")
    monkeypatch.setattr(stage, "_CHUNK", 8)
    whole = imported(work, "whole", origin, validate=["toy"])

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(work, "parts", origin, validate=["toy"], on_face=stop)
    steps: list[tuple[int, int]] = []
    parts = imported(work, "parts", origin, validate=["toy"], on_face=lambda *s: steps.append(s))
    assert steps == [(16, 21), (21, 21)]
    assert parts.digest == whole.digest
    imported(work, "parts", origin, validate=["toy"], on_face=lambda *s: pytest.fail("made anew"))
    told = "other data or options"
    with pytest.raises(ArtefactError, match=told):
        imported(work, "parts", replace(origin, crops="mirror"), validate=["toy"])
    assert imported(
        work, "parts", replace(origin, crops="mirror"), validate=["toy"], overwrite=True
    )


def test_a_set_without_validation_faces_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "work"
    toy_faces(work, train=7, validation=0)
    told = refusal(work, quick(tmp_path / "w.safetensors"), validate=["toy"])
    assert "toy: no face of the validation split" in told


RAMP = np.broadcast_to(np.arange(6, dtype=np.float32), (3, 6, 6)).copy()


@pytest.mark.parametrize(
    ("image", "fit", "how", "row"),
    [
        (RAMP, "crop", "cropped", [1, 2, 3, 4]),
        (RAMP, "resize", "resized", [0.25, 1.75, 3.25, 4.75]),
        (RAMP[:, :4, :4], "crop", "matched", [0, 1, 2, 3]),
        (RAMP[:, ::2, ::2], "crop", "resized and cropped", [0.5, 1.5, 2.5, 3.5]),
    ],
)
def test_a_mean_image_is_brought_to_the_input(
    image: np.ndarray, fit: Any, how: str, row: list[float]
) -> None:
    net = Net("", "", "bgr", (1.0, 2.0, 3.0), 0.5)
    made, done = mean_for(image, net, resize=6, crop=4, fit=fit)
    assert done == how
    if how != "resized and cropped":
        np.testing.assert_allclose(made[1, 2], (np.array(row) - 2) * 0.5)
    assert made.shape == (3, 4, 4)


def test_a_mean_image_is_turned_for_a_net_that_sees_red_first() -> None:
    image = np.stack([np.full((4, 4), value, np.float32) for value in (10, 20, 30)])
    made, _ = mean_for(image, Net("", "", "rgb", (1.0, 1.0, 1.0)), 4, 4, "crop")
    assert made[:, 0, 0].tolist() == [29, 19, 9]


def test_mean_images_as_files(tmp_path: Path) -> None:
    np.save(tmp_path / "mean.npy", RAMP)
    np.testing.assert_array_equal(read_mean_image(tmp_path / "mean.npy"), RAMP)
    grey = tmp_path / "grey.binaryproto"
    grey.write_bytes(blob(RAMP[None, :1]))
    with pytest.raises(InputError, match="1×6×6 numbers, the nets take 3 colours"):
        read_mean_image(grey)
    origin = replace(quick(tmp_path / "w.safetensors"), mean=tmp_path / "none.binaryproto")
    assert "none.binaryproto does not exist; give the mean image" in refusal(tmp_path, origin)


def test_a_mean_image_of_our_own_file_is_kept(tmp_path: Path) -> None:
    origin = quick(tmp_path / "w.safetensors", mean_image=torch.full((3, 16, 16), 4.0))
    model = imported(tmp_path, "m", origin)
    assert load_file(model.folder / stage.WEIGHTS)["mean_image"][0, 0, 0] == 4
    told = refusal(tmp_path, replace(origin, crop=24, resize=24))
    assert "mean image of 16×16 pixels, the net's input has 24×24; use --crop 16" in told


def test_torchvisions_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emotiw_cli.nets import torchvision_net

    state = models.squeezenet1_1().state_dict()
    monkeypatch.setattr(torchvision_net, "imagenet_weights", lambda name: state)
    origin = Origin(stage.IMAGENET, "torchvision/squeezenet1_1", resize=32, crop=32)
    model = imported(tmp_path, "m", origin)
    assert model.manifest["inputs"][0]["name"] == "torchvision squeezenet1_1"
    kept = load_file(model.folder / stage.WEIGHTS)
    assert torch.equal(kept["net.features.0.weight"], state["features.0.weight"])
    assert "torchvision has no weights of vgg16" in refusal(
        tmp_path, Origin(stage.IMAGENET, "vgg16")
    )


def test_released_models_are_known_by_their_folder(tmp_path: Path, folder: Path) -> None:
    origin = released(folder)
    assert (origin.net, origin.crops, origin.classes) == ("vgg_s.emotiw", "centre", EMOTIONS)
    assert origin.representation == "cyclic-5-compat255"
    assert released(folder / "EmotiW_VGG_S.caffemodel") == origin
    assert released(folder, "rgb").representation == "rgb"
    other = tmp_path / "mine"
    other.mkdir()
    with pytest.raises(InputError, match=r"EmotiW_VGG_S\.caffemodel does not exist"):
        released(other)
    for name in ("EmotiW_VGG_S.caffemodel", "mean.binaryproto"):
        (other / name).write_bytes(b"x")
    with pytest.raises(InputError, match="its representation is unknown; add --rep"):
        released(other)
