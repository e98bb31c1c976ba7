"""From a still bundle and a voice module, or from a fused module, to a clip bundle on disk."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    command_line,
    exclusive,
    folder_of,
    landing_file,
    open_artefact,
    read_json,
    reference,
    sha256,
    write_json,
    write_manifest,
)
from emotiw_cli.bundle.card import card_environment, lineage, portable
from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.bundle.load import DEFAULT, find_bundle, verify_bundle
from emotiw_cli.bundle.schema import CARD, SEEN
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips.bundle import is_clip_bundle, verify_clip_bundle
from emotiw_cli.clips.load_module import (
    Origin,
    find_origin,
    load_module,
    seen_by,
    still_folder,
)
from emotiw_cli.clips.make_tubes import KIND as TUBES
from emotiw_cli.clips.modules import KIND as MODULES
from emotiw_cli.clips.parts import Part
from emotiw_cli.clips.schema import DIGEST, SPEC, ClipSpec
from emotiw_cli.clips.voice.make import KIND as VOICES
from emotiw_cli.clips.voice.run import read_voice, voice_file
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError

BUNDLES = "bundles"

_VARIANTS = {
    "linear": "Linear discriminants",
    "dbn": "A deep belief net",
    "dbn-functionals": "Deep belief nets on functionals",
}


def make_clip_bundle(
    work: Path,
    name: str,
    voice: str,
    share: float,
    *,
    faces: str = DEFAULT,
    version: str = "1",
    chosen: str = "",
    overwrite: bool = False,
) -> Artefact:
    """Write a clip bundle as ``WORK/bundles/NAME``.

    Parameters
    ----------
    voice : a voice module of the workspace.
    share : of the voice in the answer, from 0 to 1; the faces have the rest.
    faces : the still bundle, by name or folder; it is not copied.
    chosen : for the card, on what the share was chosen.

    Raises
    ------
    ArtefactError
        If a part is missing, or there is such a bundle already.
    TamperedError
        If a file is not the one that was written.
    InputError
        If the share is none.
    """
    if not 0 <= share <= 1:
        raise InputError(f"a share of {share:g} is none; give one from 0 to 1.")
    folder = folder_of(work, BUNDLES, name)
    module = open_artefact(work, VOICES, voice)
    file = voice_file(module)
    still_at = find_bundle(faces, work)
    still = verify_bundle(still_at)
    licences = [f"faces: {still.licence or 'none stated'}"]
    licences += [f"voice: {licence}" for licence in module.manifest["licences"] or ["none stated"]]
    spec = ClipSpec(
        name=name,
        version=version,
        faces=still.name,
        faces_sha256=sha256(still_at / STILL_SPEC),
        voice=f"voice{file.suffix}",
        weights=EnsembleWeights("member", np.array([1 - share, share])),
        metrics={"voice": module.manifest["metrics"]},
        licence="; ".join(licences),
    )
    # What the faces' members have seen stays in their bundle. Voices of before they recorded it do
    # not say what they have.
    seen = module.folder / SEEN
    content = file.read_bytes()
    read_voice(file, content)
    return _land(
        folder,
        spec,
        {spec.voice: content},
        _card(spec, module, chosen),
        overwrite,
        seen=Seen.read(seen) if seen.is_file() else None,
        parameters={"faces": still.name, "voice_share": share, "version": version},
        inputs=[reference(module)],
        licences=licences,
    )


def make_system_bundle(
    work: Path,
    name: str,
    module: str,
    *,
    faces: str = DEFAULT,
    version: str = "1",
    overwrite: bool = False,
) -> Artefact:
    """Write a fused module, and all it fuses, as a clip bundle, ``WORK/bundles/NAME``.

    Parameters
    ----------
    module : of the workspace, of whatever kind. The tubes it is of must be there, too: they tell
        whether it reads every frame.
    faces : the still bundle that reads each face by itself if no module does; it is not copied.

    Raises
    ------
    ArtefactError
        If a part is missing, or there is such a bundle already.
    TamperedError
        If a file is not the one that was written.
    InputError
        If the module was made before what it takes was kept.
    """
    folder = folder_of(work, BUNDLES, name)
    origin = find_origin(work, module)
    load_module(origin, work)  # what cannot run is not bundled
    (tubes,) = [
        open_artefact(work, TUBES, source["name"])
        for source in origin.artefact.manifest["inputs"]
        if source["kind"] == TUBES
    ]
    stills: dict[str, Path] = {}

    def pinned(part: Part) -> Part:
        if part.kind == "faces":
            stills[part.bundle] = still_folder(part, work)
            part = replace(part, sha256=sha256(stills[part.bundle] / STILL_SPEC))
        return replace(part, parts=tuple(pinned(one) for one in part.parts))

    system = pinned(origin.part)
    still_at = next(iter(stills.values()), None) or find_bundle(faces, work)
    still = verify_bundle(still_at)
    spec = ClipSpec(
        name=name,
        version=version,
        faces=still.name,
        faces_sha256=sha256(still_at / STILL_SPEC),
        system=system,
        every_frame=bool(tubes.manifest["parameters"].get("every_frame")),
        metrics={one.artefact.name: one.artefact.manifest["metrics"] for one in origin},
        licence="; ".join(licences := _licences(origin, [*stills.values(), still_at])),
    )
    files = {one.part.file: one.path.read_bytes() for one in origin if one.path is not None}
    return _land(
        folder,
        spec,
        files,
        _system_card(work, spec, origin),
        overwrite,
        seen=seen_by(origin, work),
        parameters={"faces": still.name, "fused": module, "version": version},
        inputs=[reference(origin.artefact)],
        licences=licences,
    )


def _licences(origin: Origin, stills: Sequence[Path]) -> list[str]:
    notes = [f"faces: {verify_bundle(one).licence or 'none stated'}" for one in stills]
    notes += origin.artefact.manifest["licences"]
    for one in origin:
        if one.path is not None and is_clip_bundle(one.path.parent):
            notes.append(verify_clip_bundle(one.path.parent).licence)
    return list(dict.fromkeys(notes))


def _land(
    folder: Path,
    spec: ClipSpec,
    files: Mapping[str, bytes],
    card: str,
    overwrite: bool,
    *,
    seen: Seen | None = None,
    parameters: Mapping[str, Any],
    inputs: Sequence[Mapping[str, str]],
    licences: Sequence[str],
) -> Artefact:
    """Write a bundle's files, then their hashes, then its manifest."""
    with exclusive(folder):
        still_there = (folder / STILL_SPEC).exists()  # a bundle for photos is not written over
        if still_there or ((folder / MANIFEST).exists() and not overwrite):
            raise ArtefactError(
                f"{folder} is there already; choose another --name, or start again with "
                "--overwrite."
            )
        if (folder / MANIFEST).exists():
            earlier = read_json(folder / MANIFEST)["outputs"]
            for path in (MANIFEST, *earlier):  # the new one may have other modules
                (folder / path).unlink(missing_ok=True)
        for name, content in files.items():
            with landing_file(folder / name) as copy:
                copy.write(content)
        with landing_file(folder / CARD, "w") as file:
            file.write(card)
        names = [*files, CARD]
        if seen is not None:
            seen.write(folder / SEEN)
            names.append(SEEN)
        spec = replace(spec, files={name: sha256(folder / name) for name in names})
        write_json(folder / SPEC, spec.to_json())
        with landing_file(folder / DIGEST, "w") as digest:
            digest.write(sha256(folder / SPEC) + "\n")
        return write_manifest(
            folder,
            BUNDLES,
            parameters=parameters,
            inputs=inputs,
            outputs=[SPEC, DIGEST, *names],
            licences=licences,
        )


def _card(spec: ClipSpec, module: Artefact, chosen: str) -> str:
    parameters = module.manifest["parameters"]
    template = card_environment("emotiw_cli.clips").get_template("MODEL_CARD.md.j2")
    return template.render(
        spec=spec,
        emotions=EMOTIONS,
        variant=_VARIANTS[parameters["variant"]],
        counts=module.manifest["counts"],
        held_out=parameters["held_out"],
        metrics=module.manifest["metrics"],
        chosen=textwrap.fill(chosen, 100),
        commands=[
            portable(module.manifest["command"]),
            portable(command_line()).replace(shlex.quote(chosen), "…"),
        ],
    )


def _system_card(work: Path, spec: ClipSpec, origin: Origin) -> str:
    made = [one for one in lineage(work, [origin.artefact]) if one.kind in (MODULES, VOICES, TUBES)]
    template = card_environment("emotiw_cli.clips").get_template("SYSTEM_CARD.md.j2")
    return template.render(
        spec=spec,
        emotions=EMOTIONS,
        parts=list({one.part: (one.part, one.artefact.manifest) for one in origin}.values()),
        commands=dict.fromkeys(
            [*(portable(one.manifest["command"]) for one in made), portable(command_line())]
        ),
    )
