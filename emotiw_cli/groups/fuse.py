"""The stage `groups fuse`: weigh members, measure that, and write a group bundle.

What is weighed is outputs on disk: of forests and scene nets of the workspace, or any npz that
:meth:`Outputs.read` understands. Weights are fitted on their validation photos; every figure of
them comes from cross-validation, but members themselves may have been chosen on these photos.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    check_fresh,
    exclusive,
    folder_of,
    landing,
    landing_file,
    open_artefact,
    reference,
    sha256,
    write_json,
    write_manifest,
)
from emotiw_cli.bundle.schema import CARD, SEEN
from emotiw_cli.bundle.schema import SPEC as FACES_SPEC
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.groups.bundle import verify_group_bundle
from emotiw_cli.groups.card import render_card
from emotiw_cli.groups.embedding import EMBEDDING
from emotiw_cli.groups.figures import compare, measure
from emotiw_cli.groups.fit import FOLDS, Method, cross_validated, fit_fusion
from emotiw_cli.groups.forest import Forest, normalise_known
from emotiw_cli.groups.forests import FORESTS, read_forests, write_forests
from emotiw_cli.groups.fusion import GroupFusion
from emotiw_cli.groups.outputs import OUTPUTS, Outputs, joined
from emotiw_cli.groups.schema import DIGEST, SCENE_FILE, SPEC, GroupSpec
from emotiw_cli.groups.train import groups_of
from emotiw_cli.inputs.preprocessing import Preprocessing

BUNDLES = "bundles"
FOREST_KIND, SCENE_KIND = "forests", "scenes"


@dataclass(frozen=True)
class Fused:
    """Members weighed and measured.

    Attributes
    ----------
    members : whose weights `fusion` has, in its order.
    fusion : fitted on all labelled photos.
    figures : see :func:`fuse_outputs`.
    """

    members: tuple[str, ...]
    fusion: GroupFusion
    figures: dict[str, Any]


def fuse_outputs(outputs: Outputs, method: Method, *, folds: int = FOLDS, seed: int = 0) -> Fused:
    """Weigh members by a method and measure it.

    Returns
    -------
    The fusion. Its figures are of two sets of photos, ``with_faces`` and ``all``, each with the
    systems ``fused`` (cross-validated), ``equal`` weights, the ``paper``'s, and each member alone
    on the photos it says something of; and ``gain``, fused less equal, on all photos.

    Raises
    ------
    InputError
        If no photo has a label, or there are fewer than folds.
    """
    known = outputs.of((outputs.labels >= 0) & (outputs.splits != "train"))
    if len(known.labels) < folds:
        raise InputError(
            f"weights need at least {folds} labelled photos outside the split train, and there are "
            f"{len(known.labels)}."
        )
    vectors, labels = known.vectors.astype(float), known.labels
    fusion = fit_fusion(method, vectors, labels, known.parts, folds=folds, seed=seed)
    systems = {
        "fused": cross_validated(method, vectors, labels, known.parts, folds=folds, seed=seed),
        **{
            name: cross_validated(name, vectors, labels, known.parts, folds=folds, seed=seed)
            for name in ("equal", "paper")
        },
    }
    faces = known.with_faces
    figures: dict[str, Any] = {
        name: {
            **{
                system: measure(posteriors[photos], labels[photos], seed=seed)
                for system, posteriors in systems.items()
            },
            "members": {
                member: measure(
                    normalise_known(row[photos & there]), labels[photos & there], seed=seed
                )
                for member, row in zip(known.members, vectors, strict=True)
                for there in [np.isfinite(row).all(axis=1)]
            },
        }
        for name, photos in (("with_faces", faces), ("all", np.ones(len(labels), bool)))
    }
    figures["gain"] = compare(systems["fused"], systems["equal"], labels, seed=seed)
    return Fused(known.members, fusion, figures)


def read_members(work: Path, names: Sequence[str]) -> tuple[Outputs, list[Artefact]]:
    """The outputs of members, and the artefacts they come from.

    Parameters
    ----------
    names : of forests or scene nets in `work`, or npz files.

    Raises
    ------
    InputError, ArtefactError
        If one is neither, or damaged, or they have no photo in common.
    """
    found, artefacts = [], []
    for name in names:
        if name.endswith(".npz"):
            found.append(Outputs.read(Path(name)))
            continue
        kind = SCENE_KIND if folder_of(work, SCENE_KIND, name).is_dir() else FOREST_KIND
        artefact = open_artefact(work, kind, name)
        check_fresh(artefact, work)
        artefacts.append(artefact)
        found.append(Outputs.read(artefact.folder / OUTPUTS))
    return joined(found), artefacts


def make_group_bundle(
    work: Path,
    name: str,
    members: Sequence[str],
    method: Method,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    version: str = "1",
    about: str = "",
    overwrite: bool = False,
) -> Artefact:
    """Weigh members of the workspace and write ``WORK/bundles/NAME``.

    Members without a weight are left out. A bundle of the same members and options that is there
    already is returned as it is.

    Parameters
    ----------
    version : of the bundle, for people. about : a paragraph on the photos, for its card.

    Raises
    ------
    InputError
        If a member is a file, not an artefact, or two are of one name.
    ArtefactError
        If a member is missing or stale, or forests were grown on faces described otherwise.
    """
    outputs, artefacts = read_members(work, members)
    if len(artefacts) != len(members):
        raise InputError(
            "a bundle is made of forests and scene nets of the workspace; leave --name out to "
            "weigh outputs of others."
        )
    if len(set(outputs.members)) != len(outputs.members):
        raise InputError("two members have one name; a bundle takes one artefact of forests.")
    forests = [artefact for artefact in artefacts if artefact.kind == FOREST_KIND]
    if not forests:
        raise InputError("a bundle needs forests; train some with `emotiw groups train forests`.")
    described, *others = (_described(work, artefact) for artefact in forests)
    if any(other != described for other in others):
        raise ArtefactError(
            "these forests were grown on faces that were found, described or embedded in different "
            "ways, and a bundle does it in one; fuse forests of features made alike."
        )
    inputs = [reference(artefact) for artefact in artefacts]
    parameters = {
        "method": method,
        "folds": folds,
        "seed": seed,
        "version": version,
        "about": about,
    }
    folder = folder_of(work, BUNDLES, name)
    with exclusive(folder):
        if (folder / MANIFEST).is_file() and not overwrite:
            made = open_artefact(work, BUNDLES, name)
            if made.manifest["inputs"] == inputs and made.manifest["parameters"] == parameters:
                return made
            raise ArtefactError(
                f"{folder} was made of other members or with other options; choose another --name "
                "or add --overwrite."
            )
        for old in (MANIFEST, SPEC, DIGEST, CARD, SEEN, FORESTS, SCENE_FILE, EMBEDDING):
            (folder / old).unlink(missing_ok=True)
        fused = fuse_outputs(outputs, method, folds=folds, seed=seed)
        spec = _specification(name, version, fused, described, artefacts)
        return _write(work, folder, spec, artefacts, parameters, inputs, about, seed)


def _features_of(work: Path, forests: Artefact) -> Artefact:
    (made_from,) = forests.manifest["inputs"]
    return open_artefact(work, made_from["kind"], made_from["name"])


def _described(work: Path, forests: Artefact) -> Mapping[str, Any]:
    """With which bundle, detector and net the forests' features were made."""
    features = _features_of(work, forests)
    parameters = features.manifest["parameters"]
    bundle_file = f"{parameters['bundle']}/{FACES_SPEC}"
    (digest,) = (
        entry["digest"] for entry in features.manifest["inputs"] if entry["name"] == bundle_file
    )
    return {
        "faces": parameters["bundle"],
        "digest": digest,
        "detector": groups_of(features, work).manifest["parameters"]["detector"],
        "embedding": parameters.get("embedding"),
    }


def _specification(
    name: str,
    version: str,
    fused: Fused,
    described: Mapping[str, Any],
    artefacts: Sequence[Artefact],
) -> GroupSpec:
    """The specification, without what has no weight: a scene member stays for photos without a
    face.
    """
    fusion = fused.fusion
    kept = [
        place
        for place, (part, weight) in enumerate(zip(fusion.parts, fusion.weights, strict=True))
        if weight > 0 or part == "scene"
    ]
    scenes = [artefact for artefact in artefacts if artefact.kind == SCENE_KIND]
    licences = sorted({text for one in artefacts for text in one.manifest.get("licences", [])})
    return GroupSpec(
        name=name,
        version=version,
        faces=described["faces"],
        faces_digest=described["digest"],
        detector=described["detector"],
        members=tuple(fused.members[place] for place in kept),
        fusion=GroupFusion(
            tuple(fusion.parts[place] for place in kept),
            tuple(fusion.weights[place] for place in kept),
            fusion.sums,
            fusion.prior,
            fusion.temperature,
        ),
        scene=None if not scenes else _preprocessing(scenes[0]),
        embedding=described["embedding"],
        metrics=fused.figures,
        licence="; ".join(licences),
    )


def _preprocessing(scene: Artefact) -> Preprocessing:
    return Preprocessing.from_json(scene.manifest["parameters"]["preprocessing"])


def _write(
    work: Path,
    folder: Path,
    spec: GroupSpec,
    artefacts: Sequence[Artefact],
    parameters: Mapping[str, Any],
    inputs: Sequence[Mapping[str, str]],
    about: str,
    seed: int,
) -> Artefact:
    forests: dict[str, Forest] = {}
    names = [FORESTS, SEEN, CARD]
    for artefact in artefacts:
        if artefact.kind == FOREST_KIND:
            read = read_forests(artefact.folder / FORESTS)
            forests |= {member: read[member] for member in read if member in spec.members}
        else:
            with landing_file(folder / SCENE_FILE) as file:
                file.write((artefact.folder / "model.onnx").read_bytes())
            names.append(SCENE_FILE)
    if spec.embedding is not None:
        (forest, *_) = (one for one in artefacts if one.kind == FOREST_KIND)
        with landing(folder / EMBEDDING) as temporary:
            shutil.copyfile(_features_of(work, forest).folder / EMBEDDING, temporary)
        names.append(EMBEDDING)
    write_forests(folder / FORESTS, forests)
    parts = [Seen.read(artefact.folder / SEEN) for artefact in artefacts]
    Seen(
        np.unique(np.concatenate([part.pixels for part in parts])),
        frozenset(),
        np.unique(np.concatenate([part.chosen for part in parts])),
    ).write(folder / SEEN)
    with landing_file(folder / CARD, "w") as file:
        file.write(render_card(spec, work, artefacts, forests, about))
    complete = replace(spec, files={name: sha256(folder / name) for name in sorted(names)})
    write_json(folder / SPEC, complete.to_json())
    with landing_file(folder / DIGEST, "w") as file:
        file.write(sha256(folder / SPEC) + "\n")
    verify_group_bundle(folder)
    return write_manifest(
        folder,
        BUNDLES,
        parameters=parameters,
        inputs=inputs,
        outputs=[*complete.files, SPEC, DIGEST],
        counts={
            "members": len(spec.members),
            "photos": spec.metrics["all"]["fused"]["images"],
            "bytes": sum((folder / file).stat().st_size for file in complete.files),
        },
        metrics=spec.metrics,
        seed=seed,
        licences=[spec.licence] if spec.licence else [],
    )
