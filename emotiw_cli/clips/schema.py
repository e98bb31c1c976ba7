"""``clips.json``: what a clip bundle says of itself, as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.clips.parts import Part
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError

SCHEMA, SYSTEM_SCHEMA = 1, 2
"""Of bundles of faces and a voice with a weight each, and of those of a system of modules."""
SPEC = "clips.json"
"""The specification; it records the SHA-256 of the other files of the bundle."""
DIGEST = "clips.sha256"

FACES, VOICE = "faces", "voice"
MODULES = (FACES, VOICE)
"""The modules that have a weight each, in the order of the weights."""


@dataclass(frozen=True)
class ClipSpec:
    """What a clip bundle says of itself.

    Attributes
    ----------
    name, version : what it is called; it is never changed, a better one is a new one.
    faces, faces_sha256 : the still bundle, and the SHA-256 of its ``bundle.json``.
    voice : file of the voice module; empty in a bundle of a system.
    weights : of the modules' posteriors, in the order of :data:`MODULES`; None in one of a system.
    system : the modules and what fuses them, or None.
    every_frame : whether the system reads every frame's faces; else those of the looks for faces.
    metrics : figures of the modules when they were made.
    licence : what data and weights allow.
    files : name → SHA-256 of the files of the bundle but :data:`SPEC` and :data:`DIGEST`.
    """

    name: str
    version: str
    faces: str
    faces_sha256: str
    voice: str = ""
    weights: EnsembleWeights | None = None
    system: Part | None = None
    every_frame: bool = False
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values: the content of ``clips.json``."""
        if self.system is not None:
            how: dict[str, Any] = {
                "system": self.system.to_json(),
                "every_frame": self.every_frame,
            }
        else:
            assert self.weights is not None
            how = {"voice": self.voice, "weights": self.weights.to_json()}
        return {
            "schema": SCHEMA if self.system is None else SYSTEM_SCHEMA,
            "name": self.name,
            "version": self.version,
            "emotions": list(EMOTIONS),
            "faces": {"bundle": self.faces, "sha256": self.faces_sha256},
            **how,
            "metrics": dict(self.metrics),
            "licence": self.licence,
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str = SPEC) -> ClipSpec:
        """Read what :meth:`to_json` wrote; :class:`ArtefactError`, with `where`, if it is not."""
        try:
            if content["schema"] not in (SCHEMA, SYSTEM_SCHEMA):
                raise ValueError(
                    f"schema {content['schema']}, this emotiw reads {SCHEMA} and {SYSTEM_SCHEMA}"
                )
            if tuple(content["emotions"]) != EMOTIONS:
                raise ValueError("its emotions are others or in another order")
            spec = cls(
                name=str(content["name"]),
                version=str(content["version"]),
                faces=str(content["faces"]["bundle"]),
                faces_sha256=str(content["faces"]["sha256"]),
                **cls._how(content),
                metrics=content.get("metrics", {}),
                licence=str(content.get("licence", "")),
                files=dict(content["files"]),
            )
            if spec.weights is not None and len(spec.weights.values) != len(MODULES):
                raise ValueError("it does not have one weight for each module")
            needed = {part.file for part in spec.system if part.file} if spec.system else set()
            needed |= {SEEN} if spec.system else {spec.voice}
            if not needed <= set(spec.files) or any(name != Path(name).name for name in spec.files):
                raise ValueError("its files are not those of a clip bundle")
        except (KeyError, TypeError, ValueError, ArtefactError) as error:
            raise ArtefactError(
                f"{where} is not a clip bundle's specification ({error}); make it again with "
                "`emotiw clips bundle`."
            ) from error
        return spec

    @staticmethod
    def _how(content: Mapping[str, Any]) -> dict[str, Any]:
        if content["schema"] == SYSTEM_SCHEMA:
            return {
                "system": Part.from_json(content["system"]),
                "every_frame": bool(content["every_frame"]),
            }
        return {
            "voice": str(content["voice"]),
            "weights": EnsembleWeights.from_json(content["weights"]),
        }
