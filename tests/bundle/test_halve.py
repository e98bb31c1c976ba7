"""Nets with weights stored as float16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tiny_bundle import net

from emotiw_cli.bundle.halve import halve


def _write(path: Path, matrix: np.ndarray, bias: np.ndarray) -> None:
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix", "bias"], ["logits"]),
    ]
    path.write_bytes(net(nodes, {"matrix": matrix, "bias": bias}))


def _logits(path: Path, inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": inputs})[0]


def _types(path: Path) -> dict[str, int]:
    return {t.name: t.data_type for t in onnx.load(path).graph.initializer}


def test_large_weights_are_halved_and_small_ones_kept(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(0, 1, (48, 7)).astype(np.float32)
    bias = generator.normal(0, 1, 7).astype(np.float32)
    inputs = generator.normal(0, 1, (5, 3, 4, 4)).astype(np.float32)
    _write(tmp_path / "full.onnx", matrix, bias)
    halve(tmp_path / "full.onnx", tmp_path / "half.onnx")
    assert _types(tmp_path / "half.onnx") == {
        "matrix_half": TensorProto.FLOAT16,
        "bias": TensorProto.FLOAT,
    }
    # Computed with as float32: equal to the product with the rounded weights, no coarser.
    rounded = matrix.astype(np.float16).astype(np.float32)
    expected = inputs.reshape(5, 48) @ rounded + bias
    np.testing.assert_allclose(_logits(tmp_path / "half.onnx", inputs), expected, atol=1e-5)
    assert (tmp_path / "half.onnx").stat().st_size < (tmp_path / "full.onnx").stat().st_size


def test_weights_beyond_float16_stay(tmp_path: Path) -> None:
    matrix = np.full((48, 7), 70000, np.float32)
    _write(tmp_path / "full.onnx", matrix, np.zeros(7, np.float32))
    halve(tmp_path / "full.onnx", tmp_path / "half.onnx")
    stored = onnx.load(tmp_path / "half.onnx").graph.initializer[0]
    np.testing.assert_array_equal(numpy_helper.to_array(stored), matrix)
