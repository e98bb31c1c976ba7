"""From trained members to a bundle: read, fit, write, check, and only then call it finished."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    check_fresh,
    exclusive,
    folder_of,
    open_artefact,
    reference,
    write_manifest,
)
from emotiw_cli.bundle.card import lineage
from emotiw_cli.bundle.runtime import Bundle, Opening
from emotiw_cli.bundle.schema import CARD, DIGEST, SEEN, SPEC, BundleSpec, MemberSpec
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.bundle.write import write_bundle, write_nets
from emotiw_cli.data.faces import Faces
from emotiw_cli.ensemble.fit import EnsembleFit, Plan, fit_ensemble
from emotiw_cli.ensemble.members import Member, read_members
from emotiw_cli.errors import ArtefactError

PARITY_TOLERANCE = 0.02
"""Most that a posterior may move from training to ONNX: a GPU's reduced precision, no more."""
_CHECKED_FACES = 64

STEPS = ("reading members", "fitting weights", "writing nets", "checking nets")


def make_bundle(
    work: Path,
    name: str,
    members: Sequence[str],
    plan: Plan,
    *,
    version: str = "1",
    overwrite: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Artefact:
    """Fit the models called `members` as an ensemble and write the bundle `name`.

    A bundle of the same members and plan that is there already is returned as it is.

    Parameters
    ----------
    plan : how weights, prior and temperature are fitted.
    version : of the bundle, for people.
    on_step : is told which of :data:`STEPS` begins.

    Returns
    -------
    The bundle's artefact; its manifest's metrics are those of :func:`fit_ensemble`.

    Raises
    ------
    ArtefactError
        If a member is missing, half-written, stale, or its ONNX net does not give its
        posteriors; or if `name` is a bundle of others and `overwrite` is not set.
    LeakError
        If a member was trained on its validation faces or their subjects.
    """
    models = [open_artefact(work, "models", member) for member in members]
    for model in models:
        check_fresh(model, work)
    inputs = [reference(model) for model in models]
    parameters = {"plan": plan.to_json(), "version": version}
    folder = folder_of(work, "bundles", name)
    with exclusive(folder):
        if (folder / MANIFEST).is_file() and not overwrite:
            made = open_artefact(work, "bundles", name)
            same = made.manifest["inputs"] == inputs
            if same and made.manifest["parameters"] == parameters:
                return made
            raise ArtefactError(
                f"{folder} was made of other members or with other options; choose another --name "
                "or add --overwrite."
            )
        on_step(STEPS[0])
        read = read_members(models, work)
        on_step(STEPS[1])
        fit = fit_ensemble(read, plan, sets_of(work, read[0]))
        _clear(folder)
        on_step(STEPS[2])
        ancestors = lineage(work, models)
        licences = sorted(
            {
                note  # one may hold several, as those of a bundle's member do
                for one in ancestors
                for notes in one.manifest.get("licences", [])
                for note in notes.split("; ")
            }
        )
        spec = _specification(name, version, fit, licences)
        nets = [model.folder / "model.onnx" for model in models]
        write_nets(folder, spec, nets)
        on_step(STEPS[3])
        metrics = {**fit.figures, **_check_nets(work, folder, spec, nets, read)}
        spec = _specification(name, version, fit, licences, metrics)
        seen = Seen.by(models, read[0].pixels.tolist())
        spec = write_bundle(folder, spec, seen, ancestors)
        return write_manifest(
            folder,
            "bundles",
            parameters=parameters,
            inputs=inputs,
            outputs=[*spec.files, SPEC, DIGEST],
            counts={"members": len(read), "faces": fit.figures["faces"]},
            metrics=metrics,
            seed=plan.seed,
            licences=licences,
        )


def _clear(folder: Path) -> None:
    """Take away what an earlier or a killed run left, the manifest first."""
    for name in (MANIFEST, SPEC, DIGEST, CARD, SEEN):
        (folder / name).unlink(missing_ok=True)
    for net in folder.glob("*.onnx"):
        net.unlink()


def _specification(
    name: str,
    version: str,
    fit: EnsembleFit,
    licences: Sequence[str],
    metrics: dict[str, Any] | None = None,
) -> BundleSpec:
    first = fit.members[0].preprocessing
    return BundleSpec(
        name=name,
        version=version,
        face_size=first.face_size,
        detail=first.detail,
        members=tuple(
            MemberSpec(
                name=member.name,
                file=f"{member.name}.onnx",
                net=member.net,
                preprocessing=member.preprocessing,
                validation=fit.figures["members"][member.name],
            )
            for member in fit.members
        ),
        weights=fit.fusion.weights,
        calibration=fit.fusion.calibration,
        prior=fit.fusion.prior,
        temperature=fit.fusion.temperature,
        metrics=metrics or {},
        licence="; ".join(licences),
    )


def _check_nets(
    work: Path,
    folder: Path,
    spec: BundleSpec,
    nets: Sequence[Path],
    members: Sequence[Member],
) -> dict[str, Any]:
    """Run the nets on some of the validation faces, as `predict` will, and compare.

    Returns
    -------
    ``half_precision_change``: most that storing weights as float16 moved a posterior;
    ``training_difference``: most that ONNX differs from the posteriors of training; both None
    where the faces are no longer in the workspace.
    """
    places, faces = _validation_faces(work, members[0])
    if not faces:
        return {"half_precision_change": None, "training_difference": None, "checked_faces": 0}
    copies = [folder / member.file for member in spec.members]
    before, after = (
        _opened(folder, spec, paths).member_posteriors(faces) for paths in (nets, copies)
    )
    expected = np.stack([member.posteriors[places] for member in members])
    difference = np.nan_to_num(np.abs(before - expected)).max(axis=(1, 2))
    for member, moved in zip(members, difference, strict=True):
        if moved > PARITY_TOLERANCE:
            raise ArtefactError(
                f"{member.artefact.folder / 'model.onnx'} does not give the posteriors of "
                f"validation.npz (they differ by {moved:.3f}): its preprocessing or its faces are "
                "not those of training; train it again."
            )
    return {
        "half_precision_change": float(np.abs(after - before).max()),
        "training_difference": float(difference.max()),
        "checked_faces": len(faces),
    }


def _opened(folder: Path, spec: BundleSpec, nets: Sequence[Path]) -> Bundle:
    """The bundle with `nets` as its members' nets."""
    openings = [Opening(path.read_bytes, path) for path in nets]
    for opening in openings:
        opening.open()
    return Bundle(folder, spec, openings).wait()


def sets_of(work: Path, member: Member) -> np.ndarray:
    """The faces artefact each of the member's validation faces is of; empty where it is gone."""
    names: dict[str, str] = {}
    for source in member.artefact.manifest["inputs"]:
        if source.get("kind") == "faces":
            with contextlib.suppress(ArtefactError):
                faces = Faces.open(work, source["name"])
                names |= {row.pixels: faces.artefact.name for row in faces.rows}
    return np.array([names.get(pixels, "") for pixels in member.pixels.tolist()], dtype=np.str_)


def _validation_faces(work: Path, member: Member) -> tuple[list[int], list[np.ndarray]]:
    """Some of the member's validation faces: their places among them, and the aligned faces."""
    places = {pixels: place for place, pixels in enumerate(member.pixels.tolist())}
    found: dict[int, np.ndarray] = {}
    for source in member.artefact.manifest["inputs"]:
        if source.get("kind") != "faces":
            continue
        with contextlib.suppress(ArtefactError):
            faces = Faces.open(work, source["name"])
            known = [row for row in faces.select() if faces.rows[row].pixels in places]
            for row in known[:: max(1, len(known) // _CHECKED_FACES)]:
                found[places[faces.rows[row].pixels]] = faces.face(row)
    return list(found), list(found.values())
