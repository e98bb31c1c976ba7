"""A bundle of small random nets, and the pieces it is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.bundle.schema import CARD, DIGEST, SPEC, BundleSpec, MemberSpec
from emotiw_cli.inputs.preprocessing import Preprocessing

FACE = (48, 60)
"""Width and height of its faces."""


def random_net(seed: int) -> bytes:
    """An ONNX net: a convolution of stride 4, ReLU, seven logits; input of any size from 4."""
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.2, (8, 3, 4, 4)).astype(np.float32)
    matrix = rng.normal(0, 1, (8, 7)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["maps"], strides=[4, 4]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("MatMul", ["features", "matrix"], ["logits"]),
    ]
    return net(nodes, {"kernel": kernel, "matrix": matrix})


def mean_net(matrix: np.ndarray) -> bytes:
    """An ONNX net whose logits are the mean colour times `matrix` (3, 7)."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["colour"]),
        helper.make_node("MatMul", ["colour", "matrix"], ["logits"]),
    ]
    return net(nodes, {"matrix": matrix.astype(np.float32)})


def net(nodes: Sequence[onnx.NodeProto], weights: dict[str, np.ndarray], classes: int = 7) -> bytes:
    """A serialised model from ``input`` (N, 3, s, s) to ``logits`` (N, classes)."""
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("input", floats, ["n", 3, "s", "s"])],
        [helper.make_tensor_value_info("logits", floats, ["n", classes])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model.SerializeToString()


def preprocessing(representation: str, **changes: object) -> Preprocessing:
    """Faces of :data:`FACE`, seen at 18 pixels, cropped to 16."""
    values = {"resize": 18, "crop": 16, "mean": (127.5,) * 3, "scale": 1 / 58} | changes
    return Preprocessing(representation, FACE, **values)  # type: ignore[arg-type]


def write_bundle_folder(
    folder: Path, members: Sequence[tuple[Preprocessing, bytes]], **spec: object
) -> Path:
    """Write a whole bundle, hashes and all, of nets and their preprocessing."""
    folder.mkdir(parents=True)
    files = {CARD: b"# a bundle for tests\n"}
    described = []
    for number, (inputs, model) in enumerate(members):
        name = f"m{number}-{inputs.representation}"
        files[f"{name}.onnx"] = model
        described.append(MemberSpec(name, f"{name}.onnx", "random", inputs))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    values = {
        "name": folder.name,
        "version": "1",
        "face_size": FACE,
        "members": tuple(described),
        "weights": EnsembleWeights.equal(len(members)),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return rewrite_spec(folder, BundleSpec(**(values | spec)).to_json())  # type: ignore[arg-type]


def rewrite_spec(folder: Path, content: dict[str, object]) -> Path:
    """Write ``bundle.json`` with a digest that fits it; return `folder`."""
    text = json.dumps(content).encode()
    (folder / SPEC).write_bytes(text)
    (folder / DIGEST).write_text(hashlib.sha256(text).hexdigest() + "\n")
    return folder


def write_tiny_bundle(folder: Path) -> Path:
    """A bundle of two members: colour, and cyclic codes of radius 2."""
    return write_bundle_folder(
        folder,
        [
            (preprocessing("rgb"), random_net(1)),
            (preprocessing("cyclic-2"), random_net(2)),
        ],
    )
