"""From a Caffe file of VGGFace to a group bundle that reads photos with it, verb by verb."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from caffe_files import caffemodel, layers_of
from group_photos import single
from PIL import Image, ImageEnhance
from small_vgg import shrink_vgg16
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.artefact import open_artefact
from emotiw_cli.groups.bundle import load_group_bundle
from emotiw_cli.groups.describe import over_faces
from emotiw_cli.groups.faces import Groups
from emotiw_cli.groups.features import Features
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.nets.vgg16 import Vgg16

pytest.importorskip("sklearn")


def write_photos(root: Path) -> None:
    """One or two people in light that tells the class; in each split a photo without a face."""
    one, other = (single(name, 120) for name in ("astronaut.png", "grace_hopper.jpg"))
    people = (one, other, np.hstack([one, other]))
    for split, count in (("train", 3), ("val", 2)):
        for number, label in enumerate(CLASSES):
            folder = root / split / label
            folder.mkdir(parents=True)
            for photo in range(count):
                picture = Image.fromarray(people[photo % 3])
                light = 0.6 + 0.4 * number + 0.02 * (3 * count + photo)
                ImageEnhance.Brightness(picture).enhance(light).save(folder / f"{photo}.png")
        Image.new("RGB", (90, 90), (100, 99, 90 + count)).save(root / split / "neutral/nobody.png")


def write_vggface(path: Path) -> None:
    torch.manual_seed(0)
    net = Vgg16(classes=2622)
    for layer in (net.fc6, net.fc7):
        torch.nn.init.normal_(layer.weight, std=0.1)
    tensors = {name: values.numpy() for name, values in net.state_dict().items()}
    path.write_bytes(caffemodel(layers_of(tensors, {"head": "fc8"}), older=True))


def test_from_caffe_to_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_vgg16(monkeypatch)
    work = tmp_path / "work"

    def emotiw(*words: object, code: int = 0) -> Any:
        command = [*map(str, words), *(["--json"] * (words[0] != "predict")), "--work", str(work)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == code, result.stderr
        return json.loads(result.stdout) if code == 0 else result.stderr

    write_photos(tmp_path / "gaf")
    write_vggface(tmp_path / "VGG_FACE.caffemodel")
    emotiw(
        *("weights", "import", tmp_path / "VGG_FACE.caffemodel", "--net", "vgg16", "--name", "vgg"),
        *("--licence", "VGGFace: research use"),
    )
    faces = ("groups", "faces", tmp_path / "gaf", "--name", "gaf", "--detector", "yunet")
    assert emotiw(*faces, "--workers", 1)["with_faces"] == 15
    described = emotiw("groups", "features", "gaf", "--vggface", "vgg", "--workers", 1)
    assert described["backbone"] == "vgg"
    assert described["embeddings"] == {"bgr-avg": 6, "bgr-fc7": 8, "rgb-avg": 6, "rgb-fc7": 8}
    trained = emotiw("groups", "train", "forests", "gaf", "--name", "gaf", "--trees", 5)
    members = [*described["embeddings"], "posterior", "landmarks"]
    assert list(trained["trees"]) == members
    fused = emotiw("groups", "fuse", "gaf", "--name", "gaf", "--method", "paper")
    assert list(fused["weights"]) == members
    told = emotiw("evaluate", "gaf", "gaf", "--split", "validation")
    assert (told["all"]["images"], told["with_faces"]["images"]) == (7, 6)
    assert told["with_faces"]["accuracy"] == fused["with_faces"]["fused"]["accuracy"]

    # The bundle carries the net, which sees in a photo what the forests were grown on.
    bundle = load_group_bundle("gaf", work=work)
    groups, features = Groups.open(work, "gaf"), Features.open(work, "gaf")
    assert bundle.embedding is not None
    row = int(np.flatnonzero(features.statuses == "ok")[0])
    for key, values in bundle.embedding.embed(groups.of(row, "crops")).items():
        np.testing.assert_array_equal(over_faces(values), features.read(f"embedding/{key}")[row])
    card = (bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "embedded by the net `vgg` (`embedding.onnx`)" in " ".join(card.split())
    assert "VGGFace: research use" in card
    photo = tmp_path / "gaf" / "val" / "positive" / "1.png"
    (answer,) = emotiw("predict", "--group", photo, "--bundle", "gaf", "--json", "-")["groups"]
    assert (answer["status"], len(answer["faces"])) == ("ok", 1)

    # The same numbers as a file are other weights to whoever cannot know better.
    theirs = open_artefact(work, "models", "vgg").folder / "weights.safetensors"
    words = ("groups", "features", "gaf", "--vggface", theirs, "--workers", 1)
    assert "was begun with backbone vgg, not weights.safetensors" in emotiw(*words, code=4)
    emotiw(*words, "--name", "other")
    words = ("evaluate", "gaf", "other", "--split", "validation")
    assert "was not made with the net vgg" in emotiw(*words, code=4)
