"""Posteriors: against arithmetic by hand, and whatever the batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import FACE, mean_net, preprocessing, random_net, write_bundle_folder

from emotiw_cli.bundle.fusion import EnsembleWeights, Prior
from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.runtime import CHUNK, Bundle
from emotiw_cli.inputs import representation
from emotiw_cli.lbp.codes import lbp_codes

WIDTH, HEIGHT = FACE


def random_faces(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return list(rng.integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8))


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


def test_one_face_of_one_colour_by_hand(tmp_path: Path) -> None:
    # Logits are (red, green, blue) / 10, then zeros: for (10, 20, 0) they are 1, 2, 0, 0, 0, 0, 0.
    matrix = np.zeros((3, 7))
    matrix[:, :3] = np.eye(3) / 10
    inputs = preprocessing("rgb", mean=(0.0, 0.0, 0.0), scale=1.0)
    folder = write_bundle_folder(tmp_path / "mean", [(inputs, mean_net(matrix))])
    face = np.full((HEIGHT, WIDTH, 3), (10, 20, 0), dtype=np.uint8)
    powers = np.array([np.e, np.e**2, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(
        load_bundle(folder).posteriors([face]), [powers / powers.sum()], rtol=1e-6
    )


def test_crops_count_alike(tmp_path: Path) -> None:
    # Left half black, right half white: in the middle columns of a narrow crop the two crops of
    # `mirror` see the same, the four corner crops of `ten` do not. Posteriors, not logits, are
    # averaged: recompute them from the crops themselves.
    matrix = np.zeros((3, 7))
    matrix[0, 3] = 0.02
    inputs = preprocessing("rgb", mean=(0.0, 0.0, 0.0), scale=1.0, crops="ten", resize=32, crop=16)
    folder = write_bundle_folder(tmp_path / "ten", [(inputs, mean_net(matrix))])
    face = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    face[:, WIDTH // 2 :] = 255
    happy = np.exp(0.02 * inputs.crops_of(face)[:, 0].mean(axis=(1, 2)).astype(float))
    assert happy.max() / happy.min() > 10
    expected = np.mean(happy / (happy + 6))
    posterior = load_bundle(folder).posteriors([face])[0]
    assert posterior[3] == pytest.approx(expected, abs=1e-6)
    assert posterior.sum() == pytest.approx(1)


def test_weights_prior_and_temperature_are_the_bundles_own(tmp_path: Path) -> None:
    target = (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    folder = write_bundle_folder(
        tmp_path / "fused",
        [(preprocessing("rgb"), random_net(1)), (preprocessing("grey"), random_net(2))],
        weights=EnsembleWeights("member", np.array([0.25, 0.75])),
        prior=Prior(target=target, strength=0.5),
        temperature=2.0,
    )
    faces = random_faces(3)
    bundle = load_bundle(folder)
    first, second = bundle.member_posteriors(faces)
    mixed = (0.25 * first + 0.75 * second) * (np.array(target) * 7) ** 0.5
    softened = np.sqrt(mixed)
    np.testing.assert_allclose(
        bundle.posteriors(faces), softened / softened.sum(axis=1, keepdims=True), rtol=1e-9
    )


def test_alone_or_among_others_is_the_same(bundle: Bundle) -> None:
    faces = random_faces(2 * CHUNK + 5)
    together = bundle.member_posteriors(faces)
    assert together.shape == (2, 2 * CHUNK + 5, 7)
    alone = np.concatenate([bundle.member_posteriors([face]) for face in faces], axis=1)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_threads_change_nothing(tiny_bundle: Path, bundle: Bundle) -> None:
    faces = random_faces(3 * CHUNK)
    np.testing.assert_array_equal(
        load_bundle(tiny_bundle, threads=2).posteriors(faces), bundle.posteriors(faces)
    )


def test_no_faces_no_posteriors(bundle: Bundle) -> None:
    assert bundle.posteriors([]).shape == (0, 7)
    assert bundle.member_posteriors([]).shape == (2, 0, 7)


def test_members_of_one_radius_share_their_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["cyclic-2", "regular-2", "cyclic-3", "rgb", "grey"]
    folder = write_bundle_folder(
        tmp_path / "shared", [(preprocessing(name), random_net(1)) for name in names]
    )
    bundle = load_bundle(folder)
    radii: list[int] = []

    def counting(grey: np.ndarray, radius: int) -> np.ndarray:
        radii.append(radius)
        return lbp_codes(grey, radius)

    monkeypatch.setattr(representation, "lbp_codes", counting)
    bundle.posteriors(random_faces(1))
    assert sorted(radii) == [2, 3]


@pytest.mark.parametrize("shape", [(WIDTH, HEIGHT, 3), (HEIGHT, WIDTH), (HEIGHT, WIDTH, 1)])
def test_a_face_of_another_shape_is_refused(bundle: Bundle, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(60, 48, 3\) uint8"):
        bundle.posteriors([np.zeros(shape, np.uint8)])


def test_a_program_that_ends_waits_for_the_members_being_opened() -> None:
    """ONNX Runtime aborts a process that ends in the middle of making a session."""
    program = """
import time
from pathlib import Path
from emotiw_cli.bundle.runtime import Opening, open_all

def read():
    time.sleep(0.3)
    print("read to the end")
    return b""

open_all([Opening(read, Path("member.onnx"))])
raise SystemExit(8)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 8
    assert done.stdout == "read to the end\n"
