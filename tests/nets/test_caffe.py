"""Caffe's files, byte by byte and as OpenCV reads them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from caffe_files import blob, block, caffemodel, number
from hypothesis import given
from hypothesis import strategies as st

from emotiw_cli.errors import InputError
from emotiw_cli.nets.caffe import read_binaryproto, read_caffemodel

KERNEL = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
LAYERS = [
    ("conv1", "Convolution", [KERNEL, np.array([2.0], np.float32)]),
    ("fc", "InnerProduct", [np.eye(2, dtype=np.float32)]),
]


def written(folder: Path, content: bytes) -> Path:
    path = folder / "net.caffemodel"
    path.write_bytes(content)
    return path


def test_a_model_by_hand(tmp_path: Path) -> None:
    # Layer (field 100) "a" with one blob (7) of shape (7) 2 and packed numbers (5) 1 and -2.
    blob_bytes = b"\x3a\x03\x0a\x01\x02" + b"\x2a\x08" + b"\x00\x00\x80\x3f\x00\x00\x00\xc0"
    layer = b"\x0a\x01a" + b"\x12\x05Scale" + b"\x3a\x0f" + blob_bytes
    (read,) = read_caffemodel(written(tmp_path, b"\xa2\x06" + bytes([len(layer)]) + layer))
    assert (read.name, read.type) == ("a", "Scale")
    assert read.blobs["weight"].tolist() == [1, -2]


@pytest.mark.parametrize("older", [False, True])
def test_layers_of_both_forms(tmp_path: Path, older: bool) -> None:
    conv, fc = read_caffemodel(written(tmp_path, caffemodel(LAYERS, older=older)))
    assert (conv.name, conv.type, fc.name, fc.type) == (
        *("conv1", "Convolution", "fc", "InnerProduct"),
    )
    np.testing.assert_array_equal(conv.blobs["weight"], KERNEL)
    np.testing.assert_array_equal(fc.blobs["weight"].reshape(2, 2), np.eye(2))
    assert conv.blobs["bias"].ravel().tolist() == [2]


def test_layers_without_blobs_are_passed_over(tmp_path: Path) -> None:
    content = caffemodel([("data", "Data", []), *LAYERS])
    assert [one.name for one in read_caffemodel(written(tmp_path, content))] == ["conv1", "fc"]


def test_statistics_have_their_names(tmp_path: Path) -> None:
    blobs = [np.full(n, n, np.float32) for n in (3, 3, 1)]
    (norm,) = read_caffemodel(written(tmp_path, caffemodel([("bn", "BatchNorm", blobs)])))
    assert list(norm.blobs) == ["mean", "variance", "factor"]


def test_numbers_one_a_field_and_doubles(tmp_path: Path) -> None:
    sides = block(7, block(1, b"\x02"))
    loose = sides + b"".join(b"\x2d" + np.float32(v).tobytes() for v in (1, 2))
    doubles = sides + block(8, np.array([3.0, 4.0]).tobytes())
    layer = block(1, b"a") + block(2, b"Scale") + block(7, loose) + block(7, doubles)
    (read,) = read_caffemodel(written(tmp_path, block(100, layer)))
    assert [part.tolist() for part in read.blobs.values()] == [[1, 2], [3, 4]]


PROTOTXT = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 1 kernel_size: 2 stride: 2 } }
"""


def test_opencv_reads_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, caffemodel(LAYERS[:1]))
    (tmp_path / "deploy.prototxt").write_text(PROTOTXT)
    net = cv2.dnn.readNetFromCaffe(str(tmp_path / "deploy.prototxt"), str(path))
    theirs = net.getLayer(net.getLayerId("conv1")).blobs
    ours = read_caffemodel(path)[0].blobs.values()
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.ravel(), other.ravel())


def test_what_opencv_shrinks_to_half(tmp_path: Path) -> None:
    path = written(tmp_path, caffemodel(LAYERS))
    cv2.dnn.shrinkCaffeModel(str(path), str(tmp_path / "half.caffemodel"))
    conv, _ = read_caffemodel(tmp_path / "half.caffemodel")
    np.testing.assert_array_equal(conv.blobs["weight"], KERNEL)


def test_a_mean_image(tmp_path: Path) -> None:
    image = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(blob(image[None], older=True))
    np.testing.assert_array_equal(read_binaryproto(path), image)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<html>not found</html>", "cannot be read as a Caffe model"),
        (caffemodel(LAYERS)[:-3], "cut off"),
        (caffemodel([("data", "Data", [])]), "no layer with weights"),
        (block(100, block(7, number(1, 3) + block(5, b"\0" * 8))), "has 2 numbers"),
    ],
)
def test_what_is_no_model(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_caffemodel(written(tmp_path, content))


def test_what_is_no_mean_image(tmp_path: Path) -> None:
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(blob(np.zeros((2, 3, 4, 4), np.float32)))
    with pytest.raises(InputError, match="2×3×4×4 numbers, which is no picture"):
        read_binaryproto(path)
    with pytest.raises(InputError, match="does not exist"):
        read_binaryproto(tmp_path / "none.binaryproto")


@given(st.binary(max_size=60), st.integers(0, 400))
def test_damage_is_an_error_and_no_crash(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    whole = caffemodel(LAYERS)
    path = written(tmp_path_factory.mktemp("damaged"), whole[:place] + noise + whole[place + 7 :])
    try:
        layers = read_caffemodel(path)
    except InputError:
        return
    assert all(blob.dtype == np.float32 for layer in layers for blob in layer.blobs.values())
