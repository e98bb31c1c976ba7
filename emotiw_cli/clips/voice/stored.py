"""What voice modules of arrays share: how they get into an npz and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from emotiw_cli.errors import ArtefactError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Stored:
    """A dataclass whose fields are arrays of :meth:`shapes`."""

    def shapes(self) -> Shapes:
        """The shape each array should have, by those of some of them."""
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for an npz."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], where: str) -> Self:
        """What :meth:`arrays` gave; :class:`ArtefactError` naming `where` if it is not that."""
        try:
            made = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            if any(arrays[name].shape != shape for name, shape in made.shapes().items()):
                raise ValueError("its arrays do not fit together")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{where} is not a voice module ({error}); make it again with "
                "`emotiw clips train audio`."
            ) from error
        return made
