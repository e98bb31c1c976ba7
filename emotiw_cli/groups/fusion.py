"""How what several members say of a group photo becomes one posterior. numpy only.

A member reads either the faces, through a forest on embeddings or on landmarks, or the whole image.
The rules are those of the AMD entry of 2017 (Rassadin, Gruzdev & Savchenko,
doi:10.1145/3136755.3143007):

- a member that has nothing to say of a photo, a row that is not finite, does not count there;
- a photo without a face is left to the members that read the whole image;
- the landmarks' vector is a sum over faces: where its maximum reaches 3.6 it is divided by it.

The last belongs to the entry's own weights, which meet sums; fitted and equal weights meet
posteriors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from emotiw_cli.bundle.fusion import apply_temperature, normalise
from emotiw_cli.errors import ArtefactError
from emotiw_cli.groups.layout import CLASSES

Part = Literal["landmarks", "embedding", "scene"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a member reads: landmarks or embeddings of the faces, or the whole image."""

PAPER_WEIGHTS: Mapping[Part, float] = {"landmarks": 0.6, "embedding": 0.7, "scene": 0.86}
CROWD = 3.6
"""A landmark vector whose maximum reaches this is divided by it."""
_COUNT = len(CLASSES)


def tame(sums: np.ndarray) -> np.ndarray:
    """The landmark rule: vectors (..., 3) whose maximum is 3.6 or more, divided by it."""
    most = sums.max(axis=-1, keepdims=True)
    return np.where(most >= CROWD, sums / np.where(most > 0, most, 1), sums)


@dataclass(frozen=True)
class GroupFusion:
    """Weights of members, and what to say where none of them says anything.

    Attributes
    ----------
    parts : (m,) what each member reads.
    weights : (m,) not negative, one at least above zero.
    sums : vectors are taken as they are, the landmarks' by :func:`tame`; else as posteriors.
    prior : (3,) the answer where no member has one.
    temperature : softens or sharpens what the members say together.
    """

    parts: tuple[Part, ...]
    weights: tuple[float, ...]
    sums: bool = False
    prior: tuple[float, ...] = (1 / _COUNT,) * _COUNT
    temperature: float = 1.0

    def __post_init__(self) -> None:
        weights, prior = np.asarray(self.weights, float), np.asarray(self.prior, float)
        if len(self.parts) != len(weights) or not set(self.parts) <= set(PARTS):
            raise ValueError("each member needs a weight and one of the parts " + ", ".join(PARTS))
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
            raise ValueError("weights must be finite, not negative, and not all zero")
        if prior.shape != (_COUNT,) or not ((prior >= 0).all() and abs(prior.sum() - 1) < 1e-6):
            raise ValueError(f"the prior must be {_COUNT} shares that sum to one")
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError("the temperature must be a positive number")

    def posteriors(self, vectors: np.ndarray) -> np.ndarray:
        """One posterior a photo.

        Parameters
        ----------
        vectors : (m, n, 3) float, not negative; a row that is not finite does not count.

        Returns
        -------
        (n, 3) float64, rows sum to one.
        """
        vectors = np.asarray(vectors, dtype=np.float64)
        if vectors.ndim != 3 or vectors.shape[::2] != (len(self.parts), _COUNT):
            raise ValueError(f"{len(self.parts)} members' (n, 3) expected, not {vectors.shape}")
        there = np.isfinite(vectors).all(axis=2)
        filled = np.where(there[..., None], vectors, 0)
        landmarks = np.array([part == "landmarks" for part in self.parts])
        if self.sums:
            filled = np.where(landmarks[:, None, None], tame(filled), filled)
        else:
            filled = normalise(filled)
        weights = np.asarray(self.weights)[:, None] * there
        # Where those that speak have no weight, as when a photo without a face is left to a
        # scene member that gains nothing elsewhere, they count alike.
        weights = np.where(weights.sum(axis=0) > 0, weights, there)
        fused = normalise(np.einsum("mn,mnc->nc", weights, filled))
        fused = apply_temperature(fused, self.temperature)
        return np.where(there.any(axis=0)[:, None], fused, np.asarray(self.prior))

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return {
            "parts": list(self.parts),
            "weights": list(self.weights),
            "sums": self.sums,
            "prior": list(self.prior),
            "temperature": self.temperature,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> GroupFusion:
        """Read what :meth:`to_json` wrote; :class:`ArtefactError` if it is something else."""
        try:
            return cls(
                tuple(cast(Part, str(part)) for part in content["parts"]),
                tuple(float(weight) for weight in content["weights"]),
                bool(content["sums"]),
                tuple(float(share) for share in content["prior"]),
                float(content["temperature"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"these group weights cannot be read ({error}).") from error
