"""How members' posteriors become one: weights, calibration, class prior, temperature. numpy only.

mixture = Σ_m w_m p_m; calibrated = normalise(mixture^(1 / its temperature) · exp(bias));
posterior = normalise((calibrated · (target prior / train prior)^strength)^(1 / temperature))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError

WeightKind = Literal["member", "member-class"]
_CLASSES = len(EMOTIONS)
_FLOOR = 1e-12
_SUM_TOLERANCE = 1e-6


def fill_missing(posteriors: np.ndarray) -> np.ndarray:
    """Give a member that failed on a face (a row that is not finite) the uniform posterior.

    As the 2013 challenge's winner did (Kahou et al., doi:10.1007/s12193-015-0195-2).

    Parameters
    ----------
    posteriors : (..., k) float.

    Returns
    -------
    (..., k) float64, a copy.
    """
    filled = np.array(posteriors, dtype=np.float64)
    filled[~np.isfinite(filled).all(axis=-1)] = 1 / filled.shape[-1]
    return filled


def normalise(scores: np.ndarray) -> np.ndarray:
    """Scale non-negative `scores` (..., 7) to sum to one; a row of zeros becomes uniform."""
    totals = scores.sum(axis=-1, keepdims=True)
    return np.where(totals > 0, scores / np.where(totals > 0, totals, 1), 1 / scores.shape[-1])


def softmax(scores: np.ndarray) -> np.ndarray:
    """Logits (..., k) float as probabilities over the last axis, float64."""
    scores = np.asarray(scores, dtype=np.float64)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class EnsembleWeights:
    """What each member counts for.

    Attributes
    ----------
    kind : ``member``: one weight a member; ``member-class``: one a member and class.
    values : (m,) or (m, 7) float64, non-negative; each column sums to one.
    """

    kind: WeightKind
    values: np.ndarray

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        shaped = values.ndim == 1 if self.kind == "member" else values.shape[1:] == (_CLASSES,)
        if self.kind not in ("member", "member-class") or not shaped or len(values) == 0:
            raise ValueError(f"{self.kind!r} weights cannot have the shape {values.shape}")
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError("ensemble weights must be finite and not negative")
        if np.abs(values.sum(axis=0) - 1).max() > _SUM_TOLERANCE:
            raise ValueError("ensemble weights must sum to one over the members")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @property
    def counting(self) -> tuple[int, ...]:
        """Numbers of the members with any weight: the others need not be run."""
        columns = self.values.reshape(len(self.values), -1)
        return tuple(np.flatnonzero((columns > 0).any(axis=1)).tolist())

    @classmethod
    def equal(cls, members: int) -> EnsembleWeights:
        """The same weight for each of `members`."""
        return cls("member", np.full(members, 1 / members))

    def combine(self, posteriors: np.ndarray) -> np.ndarray:
        """The weighted mean of members' posteriors.

        Parameters
        ----------
        posteriors : (m, n, 7) float; a row that is not finite counts as uniform. Weights of the
            kind ``member`` take any number of classes.

        Returns
        -------
        (n, 7) float64, rows sum to one.
        """
        filled = fill_missing(posteriors)
        columns = self.values[:, None] if self.kind == "member" else self.values
        if (
            filled.ndim != 3
            or len(filled) != len(columns)
            or (columns.shape[1] not in (1, filled.shape[2]))
        ):
            raise ValueError(f"{len(self.values)} members' (n, 7) expected, not {filled.shape}")
        return normalise(
            np.einsum("mc,mnc->nc", np.broadcast_to(columns, filled.shape[::2]), filled)
        )

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return {"kind": self.kind, "values": self.values.tolist()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> EnsembleWeights:
        """Read what :meth:`to_json` wrote; :class:`ArtefactError` if it is something else."""
        try:
            return cls(cast(WeightKind, content["kind"]), np.asarray(content["values"], float))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"these ensemble weights cannot be read ({error}).") from error


@dataclass(frozen=True)
class Prior:
    """The class mix a posterior refers to, and the one it shall refer to.

    Dividing a posterior by the prior it was learned under and multiplying by another is Bayes'
    rule under a changed class mix (Saerens et al. 2002, doi:10.1162/089976602753284446).

    Attributes
    ----------
    train : (7,) class shares the posteriors refer to: of training (uniform for members trained
        with logit adjustment or balanced sampling), or of the faces they were calibrated on.
    target : (7,) class shares wanted; None is uniform.
    strength : exponent of the ratio: 0 leaves the posterior as it is, 1 corrects fully.
    """

    train: tuple[float, ...] = (1 / _CLASSES,) * _CLASSES
    target: tuple[float, ...] | None = None
    strength: float = 0.0

    def __post_init__(self) -> None:
        for name, shares in (("train", self.train), ("target", self.target)):
            if shares is None:
                continue
            values = np.asarray(shares, dtype=np.float64)
            if values.shape != (_CLASSES,) or not (np.isfinite(values) & (values > 0)).all():
                raise ValueError(f"the {name} prior must be {_CLASSES} positive numbers")
            if abs(values.sum() - 1) > 1e-9:  # left alone when it sums to one: exact round trips
                values = values / values.sum()
            object.__setattr__(self, name, tuple(values.tolist()))
        if not np.isfinite(self.strength):
            raise ValueError("the prior's strength must be a finite number")

    def apply(self, posteriors: np.ndarray) -> np.ndarray:
        """`posteriors` (..., 7) under the wanted class mix, float64, rows sum to one."""
        if self.strength == 0:
            return np.asarray(posteriors, dtype=np.float64)
        wanted = np.asarray(self.target if self.target is not None else [1 / _CLASSES] * _CLASSES)
        return normalise(posteriors * (wanted / np.asarray(self.train)) ** self.strength)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        target = None if self.target is None else list(self.target)
        return {"train": list(self.train), "target": target, "strength": self.strength}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Prior:
        """Read what :meth:`to_json` wrote; :class:`ArtefactError` if it is something else."""
        try:
            target = content["target"]
            return cls(
                tuple(content["train"]),
                None if target is None else tuple(target),
                float(content["strength"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"this prior cannot be read ({error}).") from error


@dataclass(frozen=True)
class Calibration:
    """Bias-corrected temperature scaling: a temperature, and a bias for each class.

    A posterior corrected so refers to the class mix of the faces it was fitted on, which is what
    makes a prior correction after it a true one (Alexandari et al. 2020, arXiv:1901.06852).

    Attributes
    ----------
    temperature : above 0; more than 1 softens, less sharpens.
    bias : (7,) added to the logarithms of the posterior after the temperature.
    """

    temperature: float = 1.0
    bias: tuple[float, ...] = (0.0,) * _CLASSES

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError("a calibration's temperature must be a positive number")
        if len(self.bias) != _CLASSES or not np.isfinite(self.bias).all():
            raise ValueError(f"a calibration's bias must be {_CLASSES} finite numbers")

    def apply(self, posteriors: np.ndarray) -> np.ndarray:
        """`posteriors` (..., 7) calibrated, float64, rows sum to one."""
        tempered = apply_temperature(posteriors, self.temperature)
        return normalise(tempered * np.exp(self.bias)) if any(self.bias) else tempered

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return {"temperature": self.temperature, "bias": list(self.bias)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Calibration:
        """Read what :meth:`to_json` wrote; :class:`ArtefactError` if it is something else."""
        try:
            return cls(float(content["temperature"]), tuple(map(float, content["bias"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"this calibration cannot be read ({error}).") from error


def apply_temperature(posteriors: np.ndarray, temperature: float) -> np.ndarray:
    """Soften (`temperature` > 1) or sharpen (< 1) posteriors: p^(1/T), normalised.

    Equal to dividing the logits by T (Guo et al. 2017, arXiv:1706.04599). Probabilities are
    floored at 1e-12 first.

    Parameters
    ----------
    posteriors : (..., 7) float, rows sum to one.

    Returns
    -------
    (..., 7) float64, rows sum to one.
    """
    if temperature == 1:
        return np.asarray(posteriors, dtype=np.float64)
    logs = np.log(np.maximum(posteriors, _FLOOR)) / temperature
    return normalise(np.exp(logs - logs.max(axis=-1, keepdims=True)))


def turn(
    mixture: np.ndarray,
    prior: Prior | None = None,
    temperature: float = 1.0,
    calibration: Calibration | None = None,
) -> np.ndarray:
    """A mixture of members' posteriors (..., 7) → the posterior (..., 7), see the module."""
    calibrated = calibration.apply(mixture) if calibration else mixture
    return apply_temperature(prior.apply(calibrated) if prior else calibrated, temperature)


def fuse(
    posteriors: np.ndarray,
    weights: EnsembleWeights,
    prior: Prior | None = None,
    temperature: float = 1.0,
    calibration: Calibration | None = None,
) -> np.ndarray:
    """An ensemble's posterior, see the module: (m, n, 7) float → (n, 7) float64."""
    return turn(weights.combine(posteriors), prior, temperature, calibration)
