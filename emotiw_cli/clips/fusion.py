"""A fitted way of fusing at work: arrays that run in numpy, without scikit-learn.

After Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2). A module that failed on a clip is
a row that is not finite: zeros for the SVM, as the 2013 entry fed it, and uniform otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from emotiw_cli.bundle.fusion import EnsembleWeights, fill_missing
from emotiw_cli.clips.mlp import Mlp
from emotiw_cli.clips.svm import Svm
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError

Method = Literal["mean", "random-search", "svm", "mlp"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Fusion:
    """What was fitted to fuse the posteriors of some modules.

    Attributes
    ----------
    method : how. fitted : weights for ``mean`` and ``random-search``, else the machine or the net.
    """

    method: Method
    fitted: EnsembleWeights | Svm | Mlp

    def posteriors(self, posteriors: np.ndarray) -> np.ndarray:
        """Modules' posteriors (m, n, 7), rows not finite where one failed → (n, 7) float64."""
        if isinstance(self.fitted, EnsembleWeights):
            return self.fitted.combine(posteriors)
        if isinstance(self.fitted, Svm):
            row = side_by_side(posteriors, missing="zero")
            return self.fitted.posteriors(row, len(EMOTIONS))
        return self.fitted.posteriors(side_by_side(posteriors, missing="uniform"))

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        if isinstance(self.fitted, EnsembleWeights):
            arrays = {"weights": self.fitted.values}
        else:
            arrays = self.fitted.arrays()
        return {"method": np.asarray(self.method), **arrays}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], modules: int, where: str) -> Fusion:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that, or
        fuses another number of modules than `modules`.
        """
        try:
            method = cast(Method, str(arrays["method"]))
            if method == "svm":
                made = cls("svm", Svm.from_arrays(arrays, where))
            elif method == "mlp":
                made = cls("mlp", Mlp.from_arrays(arrays, where))
            elif method in ("mean", "random-search"):
                weights = arrays["weights"]
                kind: Literal["member", "member-class"] = (
                    "member" if weights.ndim == 1 else "member-class"
                )
                made = cls(method, EnsembleWeights(kind, weights))
            else:
                raise ValueError(f"it is a {method}")
            if not made._fits(modules):
                raise ValueError(f"it does not fuse {modules} modules")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{where} does not hold what fuses modules ({error}); make it again with "
                "`emotiw clips fuse`."
            ) from error
        return made

    def _fits(self, modules: int) -> bool:
        width = len(EMOTIONS) * modules
        if isinstance(self.fitted, EnsembleWeights):
            return len(self.fitted.values) == modules
        if isinstance(self.fitted, Svm):
            classes = self.fitted.classes
            return self.fitted.support.shape[1] == width and set(classes) <= set(
                range(len(EMOTIONS))
            )
        return (len(self.fitted.hidden), len(self.fitted.out_bias)) == (width, len(EMOTIONS))


def side_by_side(posteriors: np.ndarray, *, missing: Literal["zero", "uniform"]) -> np.ndarray:
    """Modules' posteriors of a clip in a row: (m, n, 7) float → (n, 7 m) float64."""
    filled = np.array(posteriors, dtype=np.float64)
    if missing == "uniform":
        filled = fill_missing(filled)
    else:
        filled[~np.isfinite(filled).all(axis=-1)] = 0
    return filled.transpose(1, 0, 2).reshape(filled.shape[1], -1)
