import json
from pathlib import Path

import numpy as np
import peers
import pytest
from peers import in_our_order, read_weights, resize_bilinear


def manifest(folder: Path, bare: bool) -> Path:
    """Two tensors in two files: one of bytes with scale and least value, one of floats."""
    (folder / "a.bin").write_bytes(bytes([0, 1, 2, 255]) + np.float32([1.5]).tobytes()[:2])
    (folder / "b.bin").write_bytes(np.float32([1.5]).tobytes()[2:])
    packing = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    weights = [
        {"name": "kernel", "shape": [2, 2], "dtype": "float32", "quantization": packing},
        {"name": "bias", "shape": [1], "dtype": "float32"},
    ]
    groups = [{"paths": ["a.bin", "b.bin"], "weights": weights}]
    path = folder / "model.json"
    path.write_text(json.dumps(groups if bare else {"weightsManifest": groups}))
    return path


@pytest.mark.parametrize("bare", [True, False])
def test_quantised_weights_are_scaled_and_those_after_them_found(
    tmp_path: Path, bare: bool
) -> None:
    tensors = read_weights(manifest(tmp_path, bare))
    assert tensors["kernel"].tolist() == [[-1, -0.5], [0, 126.5]]
    assert tensors["kernel"].dtype == np.float32
    assert tensors["bias"].tolist() == [1.5]


def test_pixels_are_placed_from_the_corner() -> None:
    # Four pixels to three: at 0, 4/3 and 8/3.
    face = np.repeat(np.array([[0, 30, 60, 90]] * 4, np.uint8)[:, :, None], 3, axis=2)
    assert resize_bilinear(face, 3)[0, :, 0] == pytest.approx([0, 40, 80])


def test_a_descent_is_not_lost_to_unsigned_numbers() -> None:
    face = np.repeat(np.array([[90, 60, 30, 0]] * 4, np.uint8)[:, :, None], 3, axis=2)
    assert resize_bilinear(face, 3)[2, :, 1] == pytest.approx([90, 50, 10])


def test_classes_come_in_our_order() -> None:
    answers = np.arange(7.0)[None]
    assert in_our_order(answers, peers.FER_CLASSES)[0].tolist() == [0, 1, 2, 3, 6, 4, 5]
    assert in_our_order(answers, peers.FACE_API_CLASSES)[0].tolist() == [3, 5, 4, 1, 0, 2, 6]


def test_white_and_black_of_each_input() -> None:
    white = np.full((144, 144, 3), 255, np.uint8)
    assert peers.human_input(white) == pytest.approx(np.full((1, 64, 64), 0.9998), abs=1e-6)
    assert peers.human_input(0 * white) == pytest.approx(np.full((1, 64, 64), -1))
    assert peers.face_api_input(white)[:, 0, 0] == pytest.approx(
        [(255 - mean) / 255 for mean in (122.782, 117.001, 104.298)]
    )


def test_same_padding_puts_the_odd_pixel_last() -> None:
    torch = pytest.importorskip("torch")
    layers = peers._Layers(
        {"ones": np.ones((3, 3, 1, 1), np.float32), "b": np.zeros(1, np.float32)}
    )
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    summed = layers.conv(picture, "ones", "b", stride=2)[0, 0]
    # 0-2, 4-6, 8-10; then the border of zeros on the right and below alone.
    assert summed.tolist() == [[45, 39], [66, 50]]
    assert layers.max_pool(picture)[0, 0].tolist() == [[10, 11], [14, 15]]


def test_a_peer_that_cannot_be_installed_says_why(tmp_path: Path) -> None:
    with pytest.raises(peers.PeerError, match="no-such-program cannot be run"):
        peers.run(["no-such-program"])
