"""``bundle.json``: what a bundle says of itself, as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emotiw_cli.bundle.fusion import (
    Calibration,
    EnsembleWeights,
    Prior,
    fill_missing,
    fuse,
    turn,
)
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError
from emotiw_cli.inputs.preprocessing import Preprocessing

SCHEMA = 2
"""The newest; a bundle of schema 1 has no calibration, which leaves its posterior as it is."""
SPEC = "bundle.json"
"""The specification; it records the SHA-256 of every other file of the bundle."""
DIGEST = "bundle.sha256"
"""SHA-256 of :data:`SPEC` in hexadecimal."""
CARD = "MODEL_CARD.md"
SEEN = "seen.npz"
"""npz of ``pixels`` and ``chosen``, uint64 (digests of the pictures the members were trained on
and of those they were chosen on), and ``groups``, strings (subjects trained on)."""


@dataclass(frozen=True)
class MemberSpec:
    """One member of a bundle.

    Attributes
    ----------
    name : the model artefact it was.
    file : its ONNX file within the bundle; input ``input`` float32 (N, 3, s, s), outputs
        ``logits`` float32 (N, 7) and, after faces-1, ``features`` float32 (N, d).
    net : its architecture.
    preprocessing : how its input is made.
    validation : figures of the member alone on the validation faces.
    """

    name: str
    file: str
    net: str
    preprocessing: Preprocessing
    validation: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return {
            "name": self.name,
            "file": self.file,
            "net": self.net,
            "preprocessing": self.preprocessing.to_json(),
            "validation": dict(self.validation),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> MemberSpec:
        """Read what :meth:`to_json` wrote."""
        return cls(
            name=str(content["name"]),
            file=str(content["file"]),
            net=str(content["net"]),
            preprocessing=Preprocessing.from_json(content["preprocessing"]),
            validation=content.get("validation", {}),
        )


@dataclass(frozen=True)
class BundleSpec:
    """A deployable ensemble.

    Attributes
    ----------
    name, version : what it is called; a bundle is never changed, a better one is a new version.
    face_size : (width, height) in pixels of the aligned face its members are made for.
    detail : widest a face's own pixels may be before it is enlarged to `face_size`, or None.
    members : at least one.
    weights, calibration, prior, temperature : how the members' posteriors become one, see
        :mod:`emotiw_cli.bundle.fusion`.
    metrics : the ensemble's figures when it was made.
    licence : what data and initial weights allow.
    files : name → SHA-256 of every file of the bundle but :data:`SPEC`, :data:`DIGEST` and the
        artefact's manifest.
    """

    name: str
    version: str
    face_size: tuple[int, int]
    members: tuple[MemberSpec, ...]
    weights: EnsembleWeights
    detail: int | None = None
    calibration: Calibration = field(default_factory=Calibration)
    prior: Prior = field(default_factory=Prior)
    temperature: float = 1.0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    def fuse(self, posteriors: np.ndarray) -> np.ndarray:
        """The ensemble's posterior: members' (m, n, 7) float → (n, 7) float64.

        A member's row that is not finite counts as uniform.
        """
        return fuse(posteriors, self.weights, self.prior, self.temperature, self.calibration)

    def alone(self, posteriors: np.ndarray) -> np.ndarray:
        """What each member would give as the only one, turned as the ensemble's is.

        Beside :meth:`fuse`, then, systems differ in their weights and nothing else.

        Parameters
        ----------
        posteriors : (m, n, 7) float.

        Returns
        -------
        (m, n, 7) float64.
        """
        return self.turned(fill_missing(posteriors))

    def turned(self, mixture: np.ndarray) -> np.ndarray:
        """A mixture of posteriors (..., 7) after calibration, prior and temperature, float64."""
        return turn(mixture, self.prior, self.temperature, self.calibration)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values: the content of ``bundle.json``."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "emotions": list(EMOTIONS),
            "face": {"size": list(self.face_size), "detail": self.detail},
            "members": [member.to_json() for member in self.members],
            "weights": self.weights.to_json(),
            "calibration": self.calibration.to_json(),
            "prior": self.prior.to_json(),
            "temperature": self.temperature,
            "metrics": dict(self.metrics),
            "licence": self.licence,
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str = SPEC) -> BundleSpec:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ArtefactError
            If it is something else, of another schema, or inconsistent; `where` names the file.
        """
        try:
            if content["schema"] not in range(1, SCHEMA + 1):
                raise ValueError(f"schema {content['schema']}, this emotiw reads up to {SCHEMA}")
            if tuple(content["emotions"]) != EMOTIONS:
                raise ValueError("its emotions are others or in another order")
            width, height = content["face"]["size"]
            spec = cls(
                name=str(content["name"]),
                version=str(content["version"]),
                face_size=(int(width), int(height)),
                detail=content["face"]["detail"],
                members=tuple(MemberSpec.from_json(member) for member in content["members"]),
                weights=EnsembleWeights.from_json(content["weights"]),
                calibration=(
                    Calibration.from_json(content["calibration"])
                    if content["schema"] > 1
                    else Calibration()
                ),
                prior=Prior.from_json(content["prior"]),
                temperature=float(content["temperature"]),
                metrics=content.get("metrics", {}),
                licence=str(content.get("licence", "")),
                files=dict(content["files"]),
            )
            if len(spec.members) != len(spec.weights.values):
                raise ValueError("it does not have one weight for each member")
            if not (np.isfinite(spec.temperature) and spec.temperature > 0):
                raise ValueError("its temperature is not a positive number")
        except (KeyError, TypeError, ValueError, ArtefactError) as error:
            raise ArtefactError(
                f"{where} is not a bundle's specification ({error}); make the bundle again with "
                "`emotiw ensemble`."
            ) from error
        return spec
