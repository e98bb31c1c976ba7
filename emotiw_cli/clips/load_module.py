"""From a module of the workspace, and all it is made of, to one at work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from emotiw_cli.artefact import Artefact, check_fresh, open_artefact, output_file, sha256
from emotiw_cli.bundle.load import DEFAULT, find_bundle, load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips.bundle import SPEC as CLIP_SPEC
from emotiw_cli.clips.bundle import find_clip_bundle, verify_clip_bundle
from emotiw_cli.clips.module_maker import MODEL
from emotiw_cli.clips.modules import KIND
from emotiw_cli.clips.parts import Kind, Part, assemble
from emotiw_cli.clips.system import Module
from emotiw_cli.clips.voice.make import KIND as VOICES
from emotiw_cli.clips.voice.run import voice_file
from emotiw_cli.errors import ArtefactError, InputError


@dataclass(frozen=True)
class Origin:
    """What a part of a system comes from.

    Attributes
    ----------
    part : what it is.
    artefact : the module of the workspace.
    path : of its file, if it has one.
    below : those of the modules it fuses.
    """

    part: Part
    artefact: Artefact
    path: Path | None = None
    below: tuple[Origin, ...] = ()

    def __iter__(self) -> Iterator[Origin]:
        """It and all below it."""
        yield self
        for origin in self.below:
            yield from origin


def find_origin(work: Path, name: str) -> Origin:
    """What the module `name` of the workspace is and is made of; its arrays are not read yet.

    Raises
    ------
    ArtefactError
        If it, or what it fuses, is missing or stale.
    TamperedError
        If a file of theirs is not the one that was written.
    InputError
        If it was made before what it takes was kept.
    """
    artefact = open_artefact(work, KIND, name)
    check_fresh(artefact, work)
    parameters = artefact.manifest["parameters"]
    if "applied" in parameters:
        return find_origin(work, parameters["applied"])
    kind = parameters.get("module")
    file = f"{KIND}-{name}.npz"
    if kind == "voice":
        path = _voice(work, artefact)
        return Origin(Part("voice", name, f"{KIND}-{name}{path.suffix}"), artefact, path)
    if kind == "faces":
        recorded = _recorded(artefact, STILL_SPEC)
        still = parameters["bundle"], recorded[1] if recorded else ""
        if parameters["aggregate"] == "mean":
            return Origin(Part("faces", name, "", *still), artefact)
        return Origin(Part("faces", name, file, *still), artefact, output_file(artefact, MODEL))
    if kind not in ("mouths", "activity", "fused"):
        raise ArtefactError(
            f"{artefact.folder} is a module of an unknown kind, {kind}; make it again with "
            "--overwrite."
        )
    if MODEL not in artefact.manifest["outputs"]:
        raise InputError(
            f"{artefact.folder} was made before modules kept what they fitted; make it again with "
            "--overwrite."
        )
    below = tuple(find_origin(work, one) for one in parameters.get("modules", ()))
    part = Part(cast(Kind, kind), name, file, parts=tuple(origin.part for origin in below))
    return Origin(part, artefact, output_file(artefact, MODEL), below)


def load_module(origin: Origin, work: Path) -> Module:
    """A module of the workspace at work.

    Raises
    ------
    ArtefactError
        If a file is damaged, or a bundle is missing or another one than the module was made with.
    """
    paths = {one.part.file: one.path for one in origin if one.path is not None}
    bundles: dict[str, Bundle] = {}

    def bundle(part: Part) -> Bundle:
        if part.bundle not in bundles:
            bundles[part.bundle] = load_bundle(still_folder(part, work))
        return bundles[part.bundle]

    def read(part: Part) -> tuple[Path, bytes]:
        path = paths[part.file]
        return path, path.read_bytes()

    return assemble(origin.part, read, bundle)


def seen_by(origin: Origin, work: Path) -> Seen:
    """What a module, or what it fuses, was trained on; what its bundle for photos and its voice
    were, too.

    The mean of faces and the voice learned nothing from the clips of their tubes, nor did the mean
    of modules. A voice of before it was recorded is not known to have seen anything.
    """
    parts = []
    for one in origin:
        learned = one.part.file and one.part.kind != "voice"
        if learned and one.artefact.manifest["parameters"].get("method") != "mean":
            parts.append(Seen.read(one.artefact.folder / SEEN))
        behind = None
        if one.part.kind == "faces":
            behind = still_folder(one.part, work) / SEEN
        elif one.part.kind == "voice" and one.path is not None:
            behind = one.path.parent / SEEN
        if behind is not None and behind.is_file():
            parts.append(Seen.read(behind))
    return Seen.union(parts)


def still_folder(part: Part, work: Path) -> Path:
    """The folder of the bundle that reads a part's faces; :class:`ArtefactError` if the one of that
    name is another one now.
    """
    folder = find_bundle(part.bundle, work)
    _check(folder / STILL_SPEC, part.sha256, part.name)
    return folder


def _voice(work: Path, artefact: Artefact) -> Path:
    """The file of the voice module that a module of tubes listens with."""
    voice = artefact.manifest["parameters"]["voice"]
    if voice == DEFAULT:
        recorded = _recorded(artefact, CLIP_SPEC)
        folder = find_clip_bundle(recorded[0] if recorded else DEFAULT, work)
        _check(folder / CLIP_SPEC, recorded[1] if recorded else "", artefact.name)
        return folder / verify_clip_bundle(folder).voice
    return voice_file(open_artefact(work, VOICES, voice))


def _recorded(artefact: Artefact, spec: str) -> tuple[str, str] | None:
    """Name and digest of the bundle a module was made with, if that was recorded."""
    for entry in artefact.manifest["inputs"]:
        folder, _, file = entry["name"].rpartition("/")
        if file == spec and folder:
            return folder, entry["digest"]
    return None


def _check(spec: Path, expected: str, module: str) -> None:
    if expected and (not spec.is_file() or sha256(spec) != expected):
        raise ArtefactError(
            f"the module {module} was made with another bundle than {spec.parent} is now; copy the "
            "right one there, or make the module again with --overwrite."
        )
