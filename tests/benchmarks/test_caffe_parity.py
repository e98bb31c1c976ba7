"""Every layer of Caffe's nets against OpenCV's own forward pass, and the benchmark that says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import caffe_parity
import numpy as np
import pytest
from caffe_files import caffemodel

PROTOTXT = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 1 kernel_size: 2 } }
"""


def test_every_layer_is_opencvs(tmp_path: Path) -> None:
    counts = {}
    for name, net, prototxt in caffe_parity.nets(whole=False):
        told = caffe_parity.compare_layers(name, net, prototxt, tmp_path)
        assert told["left"] == 0
        assert max(told["layers"].values()) < 1e-4
        counts[name] = len(told["layers"])
    # VGG_S: 5 convolutions, 3 linear layers, 3 pools, a norm. GoogLeNet: 57 convolutions, a head.
    assert counts == {"vgg_s.emotiw": 12, "googlenet": 58}


def test_a_package_that_cannot_be_had_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(caffe_parity, "package_files", lambda given, folder: None)
    monkeypatch.setattr(caffe_parity, "nets", lambda whole: iter(()))
    monkeypatch.setattr(sys, "argv", ["caffe_parity.py", "--json"])
    caffe_parity.main()
    out, err = capsys.readouterr()
    assert json.loads(out) == {"layers": []}
    assert "cannot be downloaded here; the reader is left out" in err


def test_blobs_are_counted(tmp_path: Path) -> None:
    model, text = tmp_path / "a.caffemodel", tmp_path / "deploy.prototxt"
    blobs = [np.ones((1, 3, 2, 2), np.float32), np.ones(1, np.float32)]
    model.write_bytes(caffemodel([("conv1", "Convolution", blobs)]))
    text.write_text(PROTOTXT)
    told = caffe_parity.compare_blobs(model, text)
    assert (told["blobs"], told["equal"], told["numbers"]) == (2, 2, 13)
