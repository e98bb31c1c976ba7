"""``emotiw weights`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from caffe_files import blob, caffemodel
from safetensors.torch import save_file
from typer.testing import CliRunner, Result

from emotiw_cli.app import app
from emotiw_cli.nets.registry import find_net

NET = ("--net", "mobilenet_v1.025", "--resize", "16", "--crop", "16")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    save_file(find_net("mobilenet_v1.025").build(7).state_dict(), path)
    return path


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["weights", *(str(word) for word in words)])


def test_import_for_a_reader_and_again(tmp_path: Path, weights: Path) -> None:
    command = ("import", weights, *NET, "--name", "m", "--work", tmp_path / "work")
    result = call(*command)
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["head.weight", "head.weight", "7×256", "matched"] in lines
    assert ["task", "emotion"] in lines
    before = (tmp_path / "work/models/m/manifest.json").read_bytes()
    assert call(*command).exit_code == 0
    assert (tmp_path / "work/models/m/manifest.json").read_bytes() == before
    other = call(*command, "--classes", "happy,angry,disgust,fear,neutral,sad,surprise")
    assert (other.exit_code, "--overwrite" in other.stderr) == (4, True)


def test_import_as_json(tmp_path: Path, weights: Path) -> None:
    result = call("import", weights, *NET, "--name", "m", "--json", "--work", tmp_path / "work")
    told = json.loads(result.stdout)
    assert (told["net"], told["left"]) == ("mobilenet_v1.025", 0)
    assert {line["how"] for line in told["tensors"]} == {"matched"}


def test_show_a_caffe_model(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    kernel = np.zeros((2, 3, 5, 5), np.float32)
    path.write_bytes(caffemodel([("conv1", "Convolution", [kernel])]))
    result = call("show", path)
    assert result.exit_code == 0, result.stderr
    assert "conv1.weight  Convolution  2×3×5×5  float32" in result.stdout
    assert "none of emotiw's nets" in result.stdout
    told = json.loads(call("show", path, "--json").stdout)
    assert (told["parameters"], told["fits"]) == (150, [])


def test_show_what_fits_also_of_a_model_by_name(tmp_path: Path, weights: Path) -> None:
    work = tmp_path / "work"
    call("import", weights, *NET, "--name", "m", "--work", work)
    for what in (weights, "m"):
        told = json.loads(call("show", what, "--json", "--work", work).stdout)
        assert told["fits"] == ["mobilenet_v1.025"]


def test_show_a_mean_image(tmp_path: Path) -> None:
    path = tmp_path / "mean.binaryproto"
    image = np.stack([np.full((4, 5), value, np.float32) for value in (104, 117, 123)])
    path.write_bytes(blob(image[None], older=True))
    assert "104.00, 117.00, 123.00" in call("show", path).stdout
    assert json.loads(call("show", path, "--json").stdout)["shape"] == [3, 4, 5]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["import", "none.caffemodel", "--net", "vgg16"], 3, "none.caffemodel does not exist"),
        (["import", "w.safetensors"], 2, "name the net"),
        (["import", "w.safetensors", "--net", "vgg17"], 3, "did you mean 'vgg16'"),
        (["import", "w.safetensors", "--net", "vgg16"], 3, "they fit mobilenet_v1.025"),
        (["import", "w.safetensors", *NET, "--classes", "hapy"], 3, "did you mean 'happy'"),
        (["import", "w.safetensors", *NET, "--classes", "happy,sad"], 3, "name each of angry"),
        (["import", "w.safetensors", *NET, "--rep", "lbp"], 3, "is not a representation"),
        (["import", "w.safetensors", *NET, "--mean", "m.npy"], 3, "m.npy does not exist"),
        (["import", "w.safetensors", *NET, "--validate", "toy"], 4, "toy does not exist"),
        (["import", "w.safetensors", *NET, "--prototxt", "w.safetensors"], 3, "no Caffe model"),
        (["import", ".", "--preset", "emotiw"], 3, "EmotiW_VGG_S.caffemodel does not exist"),
        (["import", "imagenet", "--net", "vgg16"], 3, "torchvision has no weights of vgg16"),
        (["show", "w.onnx"], 3, "not called like a file of weights"),
    ],
)
def test_what_cannot_be(
    tmp_path: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    named = ["--name", "m"] if words[0] == "import" else []
    result = call(*words, *named)
    assert result.exit_code == code, result.stderr or result.exception
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "work" / "models").exists()
