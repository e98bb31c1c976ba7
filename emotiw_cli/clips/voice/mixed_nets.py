"""Nets on a clip's functionals and nets on its pieces, together; numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emotiw_cli.clips.voice.context_nets import ContextNets
from emotiw_cli.clips.voice.functional_nets import FunctionalNets

_CONTEXT = "context_"


@dataclass(frozen=True)
class MixedNets:
    """The mean of what both kinds say, each counting as much as the other."""

    functional: FunctionalNets
    context: ContextNets

    def posterior(self, windows: np.ndarray) -> np.ndarray:
        """Of a clip's features (T, 141), T ≥ 2: (7,) float64, sums to one."""
        both = self.functional.posterior(windows), self.context.posterior(windows)
        return np.mean(both, axis=0)

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        context = {_CONTEXT + name: value for name, value in self.context.arrays().items()}
        return {**self.functional.arrays(), **context}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], where: str) -> MixedNets:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that."""
        context = {
            name.removeprefix(_CONTEXT): value
            for name, value in arrays.items()
            if name.startswith(_CONTEXT)
        }
        return cls(
            FunctionalNets.from_arrays(arrays, where), ContextNets.from_arrays(context, where)
        )
