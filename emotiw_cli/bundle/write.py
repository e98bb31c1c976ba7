"""Write a bundle: nets halved, preprocessing and weights as data, card, hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, landing_file, sha256, write_json
from emotiw_cli.bundle.card import render_card
from emotiw_cli.bundle.halve import halve
from emotiw_cli.bundle.schema import CARD, DIGEST, SEEN, SPEC, BundleSpec
from emotiw_cli.errors import ArtefactError


def write_nets(folder: Path, spec: BundleSpec, nets: Sequence[Path]) -> None:
    """Write each member's net, halved, from the ONNX files `nets` into the bundle `folder`."""
    for member, net in zip(spec.members, nets, strict=True):
        halve(net, folder / member.file)


def write_bundle(
    folder: Path, spec: BundleSpec, seen: Mapping[str, np.ndarray], ancestors: Sequence[Artefact]
) -> BundleSpec:
    """Write all of a bundle but its nets, which are in `folder` already, and its manifest.

    Parameters
    ----------
    spec : what the bundle says of itself; its `files` are filled in here.
    seen : the arrays of :func:`seen_by`.
    ancestors : artefacts it was made from, for the card.

    Returns
    -------
    `spec` with the SHA-256 of every file.
    """
    with landing_file(folder / SEEN) as file:
        np.savez_compressed(file, **seen)
    with landing_file(folder / CARD, "w") as file:
        file.write(render_card(spec, ancestors))
    names = [*(member.file for member in spec.members), SEEN, CARD]
    complete = replace(spec, files={name: sha256(folder / name) for name in names})
    write_json(folder / SPEC, complete.to_json())
    with landing_file(folder / DIGEST, "w") as file:
        file.write(sha256(folder / SPEC) + "\n")
    return complete


def seen_by(models: Sequence[Artefact], chosen: np.ndarray) -> dict[str, np.ndarray]:
    """What any of `models` was trained on or chosen on.

    Parameters
    ----------
    chosen : (n,) strings: pixel digests of the validation faces.

    Returns
    -------
    ``pixels``, ``chosen``: sorted uint64; ``groups``: sorted strings.
    """
    pixels, groups = [np.zeros(0, np.uint64)], {""}
    for model in models:
        path = model.folder / SEEN
        try:
            with np.load(path, allow_pickle=False) as file:
                pixels.append(file["pixels"].astype(np.uint64))
                groups |= set(file["groups"].tolist())
        except (OSError, ValueError, KeyError) as error:
            raise ArtefactError(f"{path} cannot be read ({error}); train it again.") from error
    return {
        "pixels": np.unique(np.concatenate(pixels)),
        "chosen": digest_numbers(chosen),
        "groups": np.array(sorted(groups - {""}), dtype=np.str_),
    }


def digest_numbers(pixels: Sequence[str] | np.ndarray) -> np.ndarray:
    """Pixel digests, 16 hexadecimal digits each, as sorted uint64 without repeats or blanks."""
    return np.unique(np.array([int(digest, 16) for digest in pixels if digest], np.uint64))
