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


class Prototxt:
    """A net in Caffe's text, written layer by layer; each method gives the name of its top."""

    def __init__(self, side: int) -> None:
        self.text = 'input: "data"\n'
        self.text += "".join(f"input_dim: {one}\n" for one in (1, 3, side, side))

    def layer(self, name: str, kind: str, *below: str, options: str = "", top: str = "") -> str:
        bottoms = " ".join(f'bottom: "{one}"' for one in below)
        self.text += (
            f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {options} }}\n'
        )
        return top or name

    def relu(self, below: str) -> str:
        return self.layer(f"relu_{below}", "ReLU", below, top=below)

    def convolution(self, name: str, below: str, outputs: int, size: int, more: str = "") -> str:
        options = f"convolution_param {{ num_output: {outputs} kernel_size: {size} {more} }}"
        return self.relu(self.layer(name, "Convolution", below, options=options))

    def pool(self, name: str, below: str, size: int, stride: int, more: str = "") -> str:
        options = f"pooling_param {{ pool: MAX kernel_size: {size} stride: {stride} {more} }}"
        return self.layer(name, "Pooling", below, options=options)

    def norm(self, name: str, below: str, alpha: float, k: float = 1) -> str:
        options = f"lrn_param {{ local_size: 5 alpha: {alpha} beta: 0.75 k: {k} }}"
        return self.layer(name, "LRN", below, options=options)

    def linear(self, name: str, below: str, outputs: int) -> str:
        options = f"inner_product_param {{ num_output: {outputs} }}"
        return self.layer(name, "InnerProduct", below, options=options)


def vgg_s_prototxt(width: int, classes: int, *, head: str = "fc8_cat", k: float = 1) -> str:
    """deploy.prototxt of the VGG_S that Levi & Hassner released, with `width` for its 4,048."""
    net = Prototxt(224)
    top = net.norm("norm1", net.convolution("conv1", "data", 96, 7, "stride: 2"), 5e-4, k)
    top = net.pool("pool1", top, 3, 3)
    top = net.convolution("conv2", top, 256, 5, "pad: 2")
    top = net.pool("pool2", top, 2, 2)
    for name in ("conv3", "conv4", "conv5"):
        top = net.convolution(name, top, 512, 3, "pad: 1")
    top = net.pool("pool5", top, 3, 3)
    for name in ("fc6", "fc7"):
        top = net.relu(net.linear(name, top, width))
        top = net.layer(f"drop_{name}", "Dropout", top, top=top)
    net.layer("prob", "Softmax", net.linear(head, top, classes))
    return net.text


def caffenet_prototxt(classes: int) -> str:
    """deploy.prototxt of CaffeNet."""
    net = Prototxt(227)
    top = net.pool("pool1", net.convolution("conv1", "data", 96, 11, "stride: 4"), 3, 2)
    top = net.norm("norm1", top, 1e-4)
    top = net.pool("pool2", net.convolution("conv2", top, 256, 5, "pad: 2 group: 2"), 3, 2)
    top = net.norm("norm2", top, 1e-4)
    top = net.convolution("conv3", top, 384, 3, "pad: 1")
    top = net.convolution("conv4", top, 384, 3, "pad: 1 group: 2")
    top = net.pool("pool5", net.convolution("conv5", top, 256, 3, "pad: 1 group: 2"), 3, 2)
    for name in ("fc6", "fc7"):
        top = net.relu(net.linear(name, top, 4096))
    net.layer("prob", "Softmax", net.linear("fc8", top, classes))
    return net.text


def googlenet_prototxt(modules: Mapping[str, Sequence[int]], classes: int) -> str:
    """deploy.prototxt of GoogLeNet in BVLC's form, which is without the auxiliary heads.

    Parameters
    ----------
    modules : name → channels that go in; of the 1×1; of the 3×3, reduced and full; of the 5×5,
        reduced and full; of the pool's projection.
    """
    net = Prototxt(224)
    top = net.convolution("conv1/7x7_s2", "data", 64, 7, "stride: 2 pad: 3")
    top = net.norm("pool1/norm1", net.pool("pool1/3x3_s2", top, 3, 2), 1e-4)
    top = net.convolution("conv2/3x3_reduce", top, 64, 1)
    top = net.norm("conv2/norm2", net.convolution("conv2/3x3", top, 192, 3, "pad: 1"), 1e-4)
    top = net.pool("pool2/3x3_s2", top, 3, 2)
    for name, (_, one, reduced, three, squeezed, five, pooled) in modules.items():
        own = f"inception_{name}"
        wide = net.convolution(f"{own}/3x3_reduce", top, reduced, 1)
        wider = net.convolution(f"{own}/5x5_reduce", top, squeezed, 1)
        pool = net.pool(f"{own}/pool", top, 3, 1, "pad: 1")
        branches = (
            net.convolution(f"{own}/1x1", top, one, 1),
            net.convolution(f"{own}/3x3", wide, three, 3, "pad: 1"),
            net.convolution(f"{own}/5x5", wider, five, 5, "pad: 2"),
            net.convolution(f"{own}/pool_proj", pool, pooled, 1),
        )
        top = net.layer(f"{own}/output", "Concat", *branches)
        if name in ("3b", "4e"):
            top = net.pool(f"pool_{name}", top, 3, 2)
    average = "pooling_param { pool: AVE kernel_size: 7 stride: 1 }"
    top = net.layer("pool5/7x7_s1", "Pooling", top, options=average)
    net.layer("prob", "Softmax", net.linear("loss3/classifier", top, classes))
    return net.text


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
