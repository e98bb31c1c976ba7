"""``groups.json``: what a group bundle says of itself, as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emotiw_cli.errors import ArtefactError
from emotiw_cli.groups.fusion import GroupFusion
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.inputs.preprocessing import Preprocessing

SCHEMA = 2
"""Bundles of schema 1, without a net that embeds faces, are read too."""
SPEC = "groups.json"
"""The specification; it records the SHA-256 of the other files of the bundle."""
DIGEST = "groups.sha256"
SCENE_FILE = "scene.onnx"


@dataclass(frozen=True)
class GroupSpec:
    """A deployable way to read group photos.

    Attributes
    ----------
    name, version : what it is called; a bundle is never changed, a better one is a new version.
    faces, faces_digest : the bundle whose members' features and posteriors describe the faces, and
        the SHA-256 of its ``bundle.json``.
    detector : what finds the faces, see :mod:`emotiw_cli.faces.detectors`.
    members : in the order of the fusion's weights: keys of embeddings, ``posterior``,
        ``landmarks``, each with a forest, or ``scene``, a net that reads the whole image.
    fusion : how the members become one.
    scene : how the whole image becomes the net's input; None without that member.
    embedding : what :func:`emotiw_cli.artefact.reference` says of the weights of the net in
        ``embedding.onnx``, which embeds the faces; None: the bundle of faces does.
    metrics : figures when it was made.
    licence : what data and initial weights allow.
    files : name → SHA-256 of every file of the bundle but its specification, the digest of that,
        and the artefact's manifest.
    """

    name: str
    version: str
    faces: str
    faces_digest: str
    detector: str
    members: tuple[str, ...]
    fusion: GroupFusion
    scene: Preprocessing | None = None
    embedding: Mapping[str, str] | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values: the content of ``groups.json``."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "classes": list(CLASSES),
            "faces": {"bundle": self.faces, "digest": self.faces_digest},
            "detector": self.detector,
            "members": list(self.members),
            "fusion": self.fusion.to_json(),
            "scene": None if self.scene is None else self.scene.to_json(),
            "embedding": None if self.embedding is None else dict(self.embedding),
            "metrics": dict(self.metrics),
            "licence": self.licence,
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str) -> GroupSpec:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ArtefactError
            If it is something else, of another schema, or inconsistent; `where` names the file.
        """
        try:
            if not 1 <= content["schema"] <= SCHEMA:
                raise ValueError(f"schema {content['schema']}, this emotiw reads up to {SCHEMA}")
            if tuple(content["classes"]) != CLASSES:
                raise ValueError("its classes are others or in another order")
            scene, embedding = content["scene"], content.get("embedding")
            spec = cls(
                name=str(content["name"]),
                version=str(content["version"]),
                faces=str(content["faces"]["bundle"]),
                faces_digest=str(content["faces"]["digest"]),
                detector=str(content["detector"]),
                members=tuple(map(str, content["members"])),
                fusion=GroupFusion.from_json(content["fusion"]),
                scene=None if scene is None else Preprocessing.from_json(scene),
                embedding=None if embedding is None else dict(embedding),
                metrics=content["metrics"],
                licence=str(content["licence"]),
                files=dict(content["files"]),
            )
            if len(spec.members) != len(spec.fusion.parts):
                raise ValueError("it does not have one weight for each member")
            if ("scene" in spec.fusion.parts) != (spec.scene is not None):
                raise ValueError("a member that reads the whole image lacks its preprocessing")
        except (KeyError, TypeError, ValueError, ArtefactError) as error:
            raise ArtefactError(
                f"{where} is not a group bundle's specification ({error}); make the bundle again "
                "with `emotiw groups fuse`."
            ) from error
        return spec
