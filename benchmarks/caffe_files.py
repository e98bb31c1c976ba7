"""Write Caffe's files, which nothing installable does any more: for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Layers = Sequence[tuple[str, str, Sequence[np.ndarray]]]
"""Name, type and blobs of each layer."""

OLDER_TYPES = {"Convolution": 4, "InnerProduct": 14}


def varint(value: int) -> bytes:
    """A number in the bytes of a protocol buffer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(values: np.ndarray, *, older: bool = False) -> bytes:
    """A BlobProto: with a shape, or as files of before 2014 have it, with four sides."""
    data = block(5, values.astype("<f4").tobytes())
    if not older:
        return block(7, block(1, b"".join(varint(side) for side in values.shape))) + data
    sides = (1,) * (4 - values.ndim) + values.shape
    return b"".join(number(place, side) for place, side in enumerate(sides, 1)) + data


def caffemodel(layers: Layers, *, older: bool = False) -> bytes:
    """A model in the form of today, or in that of before 2014."""
    parts = [block(1, b"net")]
    for name, kind, blobs in layers:
        if older:
            own = block(4, name.encode()) + number(5, OLDER_TYPES[kind])
            own += b"".join(block(6, blob(values, older=True)) for values in blobs)
        else:
            own = block(1, name.encode()) + block(2, kind.encode())
            own += b"".join(block(7, blob(values)) for values in blobs)
        parts.append(block(2 if older else 100, own))
    return b"".join(parts)


def vgg_s_prototxt(width: int, classes: int, *, head: str = "fc8_cat", k: int = 1) -> str:
    """deploy.prototxt of the VGG_S that Levi & Hassner released, with `width` for its 4,048."""
    parts = ['name: "VGG_S"\ninput: "data"\n']
    parts += [f"input_dim: {side}\n" for side in (1, 3, 224, 224)]

    def layer(name: str, kind: str, below: str, options: str, *, inside: bool = False) -> str:
        top = below if inside else name
        parts.append(
            f'layer {{ name: "{name}" type: "{kind}" bottom: "{below}" top: "{top}" {options} }}\n'
        )
        return top

    def convolution(name: str, below: str, options: str) -> str:
        top = layer(name, "Convolution", below, f"convolution_param {{ {options} }}")
        return layer(f"relu_{name}", "ReLU", top, "", inside=True)

    def pool(name: str, below: str, size: int) -> str:
        options = f"pooling_param {{ pool: MAX kernel_size: {size} stride: {size} }}"
        return layer(name, "Pooling", below, options)

    def linear(name: str, below: str, outputs: int) -> str:
        options = f"inner_product_param {{ num_output: {outputs} }}"
        return layer(name, "InnerProduct", below, options)

    top = convolution("conv1", "data", "num_output: 96 kernel_size: 7 stride: 2")
    top = layer(
        "norm1", "LRN", top, f"lrn_param {{ local_size: 5 alpha: 0.0005 beta: 0.75 k: {k} }}"
    )
    top = pool("pool1", top, 3)
    top = convolution("conv2", top, "num_output: 256 kernel_size: 5 pad: 2")
    top = pool("pool2", top, 2)
    for name in ("conv3", "conv4", "conv5"):
        top = convolution(name, top, "num_output: 512 kernel_size: 3 pad: 1")
    top = pool("pool5", top, 3)
    for name in ("fc6", "fc7"):
        top = layer(f"relu_{name}", "ReLU", linear(name, top, width), "", inside=True)
        top = layer(f"drop_{name}", "Dropout", top, "", inside=True)
    top = linear(head, top, classes)
    layer("prob", "Softmax", top, "")
    return "".join(parts)


def layers_of(
    tensors: Mapping[str, np.ndarray], theirs: Mapping[str, str]
) -> list[tuple[str, str, list[np.ndarray]]]:
    """Layers out of a net's tensors, called as `theirs` (our layer → Caffe's) has it."""
    found: dict[str, list[np.ndarray]] = {}
    for name, values in tensors.items():
        found.setdefault(name.rpartition(".")[0], []).append(values)
    return [
        (
            theirs.get(layer, layer),
            "Convolution" if blobs[0].ndim == 4 else "InnerProduct",
            blobs,
        )
        for layer, blobs in found.items()
    ]


def write_vgg_s(folder: Path, tensors: Mapping[str, np.ndarray], mean: np.ndarray) -> Path:
    """A folder like each of those Levi & Hassner released; the path of its model."""
    width, classes = len(tensors["fc7.bias"]), len(tensors["head.bias"])
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "EmotiW_VGG_S.caffemodel"
    model.write_bytes(caffemodel(layers_of(tensors, {"head": "fc8_cat"})))
    (folder / "deploy.prototxt").write_text(vgg_s_prototxt(width, classes))
    (folder / "mean.binaryproto").write_bytes(blob(mean[None], older=True))
    return model
