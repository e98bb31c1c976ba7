"""From a still bundle and a voice module to a clip bundle on disk."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    command_line,
    exclusive,
    folder_of,
    landing_file,
    open_artefact,
    reference,
    sha256,
    write_json,
    write_manifest,
)
from emotiw_cli.bundle.card import card_environment, portable
from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.bundle.load import DEFAULT, find_bundle, verify_bundle
from emotiw_cli.bundle.schema import CARD
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.clips.bundle import DIGEST, SPEC, ClipSpec
from emotiw_cli.clips.voice.make import KIND as VOICES
from emotiw_cli.clips.voice.run import ARRAYS, NET, read_voice
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
    InputError
        If the share is none.
    """
    if not 0 <= share <= 1:
        raise InputError(f"a share of {share:g} is none; give one from 0 to 1.")
    folder = folder_of(work, BUNDLES, name)
    module = open_artefact(work, VOICES, voice)
    (file,) = [file for file in (ARRAYS, NET) if file in module.manifest["outputs"]]
    still_folder = find_bundle(faces, work)
    still = verify_bundle(still_folder)
    licences = [f"faces: {still.licence or 'none stated'}"]
    licences += [f"voice: {licence}" for licence in module.manifest["licences"] or ["none stated"]]
    spec = ClipSpec(
        name=name,
        version=version,
        faces=still.name,
        faces_sha256=sha256(still_folder / STILL_SPEC),
        voice=f"voice{Path(file).suffix}",
        weights=EnsembleWeights("member", np.array([1 - share, share])),
        metrics={"voice": module.manifest["metrics"]},
        licence="; ".join(licences),
    )
    with exclusive(folder):
        still_there = (folder / STILL_SPEC).exists()  # a bundle for photos is not written over
        if still_there or ((folder / MANIFEST).exists() and not overwrite):
            raise ArtefactError(
                f"{folder} is there already; choose another --name, or start again with "
                "--overwrite."
            )
        (folder / MANIFEST).unlink(missing_ok=True)
        content = (module.folder / file).read_bytes()
        read_voice(module.folder / file, content)
        with landing_file(folder / spec.voice) as copy:
            copy.write(content)
        with landing_file(folder / CARD, "w") as card:
            card.write(_card(spec, module, chosen))
        spec = replace(spec, files={file: sha256(folder / file) for file in (spec.voice, CARD)})
        write_json(folder / SPEC, spec.to_json())
        with landing_file(folder / DIGEST, "w") as digest:
            digest.write(sha256(folder / SPEC) + "\n")
        return write_manifest(
            folder,
            BUNDLES,
            parameters={"faces": still.name, "voice_share": share, "version": version},
            inputs=[reference(module)],
            outputs=[SPEC, DIGEST, CARD, spec.voice],
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
