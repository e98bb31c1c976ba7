"""The bundles there are: those that come with the package and those of a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emotiw_cli.bundle.load import (
    DEFAULT_NAME,
    SHIPPED,
    SHIPPED_FOLDER,
    find_bundle,
    verify_bundle,
)
from emotiw_cli.bundle.schema import SPEC, BundleSpec
from emotiw_cli.errors import ArtefactError, TamperedError

VERIFIED = "verified"
DAMAGED = "damaged"


@dataclass(frozen=True)
class Listed:
    """A bundle and whether its files are those it was made with.

    Attributes
    ----------
    state : :data:`VERIFIED` or :data:`DAMAGED`; `note` says what is wrong.
    spec : what it says of itself; None where that cannot be read.
    size : bytes on disk.
    """

    name: str
    folder: Path
    shipped: bool
    state: str
    note: str
    spec: BundleSpec | None
    size: int

    @property
    def default(self) -> bool:
        """Whether `predict` uses it unless told otherwise."""
        return self.shipped and self.name == DEFAULT_NAME


def list_bundles(work: Path) -> list[Listed]:
    """The shipped bundles, then those of the workspace by name, every file of each verified."""
    made = sorted(path.parent for path in (work / "bundles").glob(f"[!.]*/{SPEC}"))
    return [look(SHIPPED_FOLDER / name) for name in SHIPPED] + [look(folder) for folder in made]


def look(folder: Path) -> Listed:
    """One bundle, verified."""
    spec, state, note = None, VERIFIED, ""
    try:
        spec = verify_bundle(folder)
    except (ArtefactError, TamperedError) as error:
        state, note = DAMAGED, str(error)
    size = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    shipped = folder.parent == SHIPPED_FOLDER
    return Listed(folder.name, folder, shipped, state, note, spec, size)


def chosen(names: list[str], work: Path) -> list[Listed]:
    """The bundles called `names`, or all; :class:`ArtefactError` for one there is not."""
    return [look(find_bundle(name, work)) for name in names] if names else list_bundles(work)
