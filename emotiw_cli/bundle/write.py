"""Write a bundle: nets halved, preprocessing and weights as data, card, hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emotiw_cli.artefact import Artefact, landing_file, sha256, write_json
from emotiw_cli.bundle.card import render_card
from emotiw_cli.bundle.halve import halve
from emotiw_cli.bundle.schema import CARD, DIGEST, SEEN, SPEC, BundleSpec
from emotiw_cli.bundle.seen import Seen


def write_nets(folder: Path, spec: BundleSpec, nets: Sequence[Path]) -> None:
    """Write each member's net, halved, from the ONNX files `nets` into the bundle `folder`."""
    for member, net in zip(spec.members, nets, strict=True):
        halve(net, folder / member.file)


def write_bundle(
    folder: Path, spec: BundleSpec, seen: Seen, ancestors: Sequence[Artefact]
) -> BundleSpec:
    """Write all of a bundle but its nets, which are in `folder` already, and its manifest.

    Parameters
    ----------
    spec : what the bundle says of itself; its `files` are filled in here.
    seen : what its members were trained on and chosen on.
    ancestors : artefacts it was made from, for the card.

    Returns
    -------
    `spec` with the SHA-256 of every file.
    """
    seen.write(folder / SEEN)
    with landing_file(folder / CARD, "w") as file:
        file.write(render_card(spec, ancestors))
    names = [*(member.file for member in spec.members), SEEN, CARD]
    complete = replace(spec, files={name: sha256(folder / name) for name in names})
    write_json(folder / SPEC, complete.to_json())
    with landing_file(folder / DIGEST, "w") as file:
        file.write(sha256(folder / SPEC) + "\n")
    return complete
