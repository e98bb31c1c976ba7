from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.errors import InputError
from emotiw_cli.nets.tfjs import mobilenet_v1_from_tfjs, read_tfjs


def write_model(folder: Path, tensors: dict[str, np.ndarray]) -> Path:
    weights = [
        {"name": name, "shape": list(values.shape), "dtype": str(values.dtype)}
        for name, values in tensors.items()
    ]
    (folder / "net.bin").write_bytes(b"".join(values.tobytes() for values in tensors.values()))
    path = folder / "net.json"
    path.write_text(json.dumps({"weightsManifest": [{"paths": ["net.bin"], "weights": weights}]}))
    return path


def test_tensors_come_back_in_shape_and_order(tmp_path: Path) -> None:
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "axes": np.array([1, 2], np.int32),
        "one": np.float32(7).reshape(()),
    }
    read = read_tfjs(write_model(tmp_path, tensors))
    assert list(read) == ["a", "axes", "one"]
    for name, values in tensors.items():
        np.testing.assert_array_equal(read[name], values)


def test_depthwise_scale_is_folded_and_kernels_are_turned(tmp_path: Path) -> None:
    one = np.ones
    tensors = {
        "conv1/convolution/merged_input": np.arange(108, dtype=np.float32).reshape(3, 3, 3, 4),
        "conv1_bn/batchnorm_1/sub": one(4, np.float32),
        "conv_dw_1/depthwise_kernel": one((3, 3, 4, 1), np.float32),
        "conv_dw_1_bn/batchnorm_1/mul": np.array([1, 2, 3, 4], np.float32),
        "conv_dw_1_bn/batchnorm_1/sub": one(4, np.float32),
        "conv_pw_1/convolution/merged_input": np.arange(8, dtype=np.float32).reshape(1, 1, 4, 2),
        "conv_pw_1_bn/batchnorm_1/sub": one(2, np.float32),
    }
    folded = mobilenet_v1_from_tfjs(tensors)
    assert folded["stem.weight"].shape == (4, 3, 3, 3)
    assert folded["stem.weight"][1, 2, 0, 0] == 9  # row 0, column 0, channel 2, filter 1
    assert folded["blocks.0.depthwise.weight"][:, 0, 1, 1].tolist() == [1, 2, 3, 4]
    assert folded["blocks.0.pointwise.weight"][:, :, 0, 0].tolist() == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a MobileNetV1"):
        mobilenet_v1_from_tfjs({"dense/kernel": np.zeros(3, np.float32)})
    path = write_model(tmp_path, {"a": np.zeros(8, np.float32)})
    (tmp_path / "net.bin").write_bytes(b"short")
    with pytest.raises(InputError, match=r"net\.json cannot be read"):
        read_tfjs(path)
