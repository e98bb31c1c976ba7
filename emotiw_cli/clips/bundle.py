"""The clip bundle: a still bundle for the faces, a voice module, and how the two are fused.

The still bundle is named, with the SHA-256 of its ``bundle.json``, and not copied; the voice module
lies in the clip bundle's folder. Every file is the one its hash names, or nothing is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import sha256
from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.bundle.load import DEFAULT, find_bundle, load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.bundle.verified import check, read_verified
from emotiw_cli.clips.result import Posterior
from emotiw_cli.clips.voice.run import VoiceModel, read_voice
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, TamperedError

SCHEMA = 1
SPEC = "clips.json"
"""The specification; it records the SHA-256 of the other files of the bundle."""
DIGEST = "clips.sha256"

SHIPPED: dict[str, str] = {
    "clips-1": "4ca18ee8d7b5c4cf919e4c23cba44024abb393b5769549ff093619a520236842",
}
"""Clip bundles that come with the package: name → SHA-256 of its ``clips.json``."""
SHIPPED_FOLDER = Path(__file__).parent / "shipped"
DEFAULT_NAME = "clips-1"
"""What `predict` reads clips with unless told otherwise."""

FACES, VOICE = "faces", "voice"
MODULES = (FACES, VOICE)
"""The modules, in the order of the weights."""


@dataclass(frozen=True)
class ClipSpec:
    """What a clip bundle says of itself.

    Attributes
    ----------
    name, version : what it is called; it is never changed, a better one is a new one.
    faces, faces_sha256 : the still bundle, and the SHA-256 of its ``bundle.json``.
    voice : file of the voice module.
    weights : of the modules' posteriors, in the order of :data:`MODULES`.
    metrics : figures of the voice module when it was made.
    licence : what data and weights allow.
    files : name → SHA-256 of the files of the bundle but :data:`SPEC` and :data:`DIGEST`.
    """

    name: str
    version: str
    faces: str
    faces_sha256: str
    voice: str
    weights: EnsembleWeights
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values: the content of ``clips.json``."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "emotions": list(EMOTIONS),
            "faces": {"bundle": self.faces, "sha256": self.faces_sha256},
            "voice": self.voice,
            "weights": self.weights.to_json(),
            "metrics": dict(self.metrics),
            "licence": self.licence,
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str = SPEC) -> ClipSpec:
        """Read what :meth:`to_json` wrote; :class:`ArtefactError`, with `where`, if it is not."""
        try:
            if content["schema"] != SCHEMA:
                raise ValueError(f"schema {content['schema']}, this emotiw reads {SCHEMA}")
            if tuple(content["emotions"]) != EMOTIONS:
                raise ValueError("its emotions are others or in another order")
            spec = cls(
                name=str(content["name"]),
                version=str(content["version"]),
                faces=str(content["faces"]["bundle"]),
                faces_sha256=str(content["faces"]["sha256"]),
                voice=str(content["voice"]),
                weights=EnsembleWeights.from_json(content["weights"]),
                metrics=content.get("metrics", {}),
                licence=str(content.get("licence", "")),
                files=dict(content["files"]),
            )
            if len(spec.weights.values) != len(MODULES):
                raise ValueError("it does not have one weight for each module")
            if spec.voice not in spec.files or any(name != Path(name).name for name in spec.files):
                raise ValueError("its files are not those of a clip bundle")
        except (KeyError, TypeError, ValueError, ArtefactError) as error:
            raise ArtefactError(
                f"{where} is not a clip bundle's specification ({error}); make it again with "
                "`emotiw clips bundle`."
            ) from error
        return spec


class ClipBundle:
    """A loaded clip bundle, or a still bundle that reads clips by their faces alone.

    Parameters
    ----------
    faces : reads the faces. voice : reads the sound, or None. weights : of the two.
    """

    def __init__(
        self,
        faces: Bundle,
        voice: VoiceModel | None = None,
        weights: EnsembleWeights | None = None,
    ) -> None:
        self.faces, self.voice = faces, voice
        self._weights = weights or EnsembleWeights.equal(len(MODULES))

    def fuse(self, faces: Posterior, voice: Posterior) -> Posterior:
        """The clip's posterior; if a module said nothing (empty), that of the other."""
        if not faces or not voice:
            return faces or voice
        return tuple(self._weights.combine(np.array([[faces], [voice]]))[0].tolist())


def is_clip_bundle(folder: Path) -> bool:
    """Whether `folder` is a clip bundle's."""
    return (folder / SPEC).is_file()


def find_clip_bundle(name_or_path: str | Path, work: Path = Path("work")) -> Path:
    """The folder of a clip bundle or a still bundle; nothing in it is read yet.

    Raises
    ------
    ArtefactError
        If there is none.
    """
    name = DEFAULT_NAME if str(name_or_path) == DEFAULT else str(name_or_path)
    return SHIPPED_FOLDER / name if name in SHIPPED else find_bundle(name, work)


def load_clip_bundle(
    name_or_path: str | Path = DEFAULT, *, work: Path = Path("work"), voice: bool = True
) -> ClipBundle:
    """Load a clip bundle, or a still bundle for the faces alone.

    Parameters
    ----------
    name_or_path : ``default``, the name of a shipped bundle or of one in ``work/bundles``, or a
        bundle's folder.
    voice : listen to the sound too, where the bundle has a module for it.

    Raises
    ------
    ArtefactError
        If there is no such bundle, or it or its still bundle is incomplete or of a newer schema.
    TamperedError
        If a file is not the one its recorded SHA-256 names, or the still bundle is another one.
    """
    folder = find_clip_bundle(name_or_path, work)
    if not is_clip_bundle(folder):
        return ClipBundle(load_bundle(folder))
    spec = read_spec(folder)
    content = {
        name: read_verified(folder / name, expected) for name, expected in spec.files.items()
    }
    faces = load_bundle(_faces_of(folder, spec, work))
    model = read_voice(folder / spec.voice, content[spec.voice]) if voice else None
    return ClipBundle(faces, model, spec.weights)


def verify_clip_bundle(folder: Path) -> ClipSpec:
    """Check every file of a clip bundle, not of its still bundle; return its specification.

    Raises
    ------
    ArtefactError, TamperedError
        As :func:`load_clip_bundle`.
    """
    spec = read_spec(folder)
    for name, expected in spec.files.items():
        read_verified(folder / name, expected)
    return spec


def read_spec(folder: Path) -> ClipSpec:
    """The specification of a clip bundle, checked against its hash."""
    path = folder / SPEC
    try:
        content = path.read_bytes()
        recorded = (folder / DIGEST).read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError) as error:
        raise ArtefactError(
            f"{folder} is not a whole clip bundle ({SPEC} and {DIGEST} are needed); copy it again."
        ) from error
    shipped = folder.parent == SHIPPED_FOLDER
    check(path, content, SHIPPED.get(folder.name, recorded) if shipped else recorded)
    try:
        described = json.loads(content)
    except ValueError as error:
        raise ArtefactError(f"{path} is not JSON ({error}); copy the bundle again.") from error
    return ClipSpec.from_json(described, str(path))


def _faces_of(folder: Path, spec: ClipSpec, work: Path) -> Path:
    found = find_bundle(spec.faces, work)
    if not (found / STILL_SPEC).is_file() or sha256(found / STILL_SPEC) != spec.faces_sha256:
        raise TamperedError(
            f"{folder} reads faces with the bundle {spec.faces}, but {found} is another one "
            "of that name; copy the right one there, or make the clip bundle again."
        )
    return found
