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
from emotiw_cli.clips import bundle as clips
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
    spec: BundleSpec | clips.ClipSpec | None
    size: int

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its members, or of what a clip bundle is made of."""
        if isinstance(self.spec, clips.ClipSpec):
            return (self.spec.faces, self.spec.voice)
        return tuple(member.name for member in self.spec.members) if self.spec else ()

    @property
    def default(self) -> bool:
        """Whether `predict` uses it unless told otherwise, for photos or for clips."""
        return self.shipped and self.name in (DEFAULT_NAME, clips.DEFAULT_NAME)


def list_bundles(work: Path) -> list[Listed]:
    """The shipped bundles, then those of the workspace by name, every file of each verified."""
    shipped = [SHIPPED_FOLDER / name for name in SHIPPED]
    shipped += [clips.SHIPPED_FOLDER / name for name in clips.SHIPPED]
    made = {
        path.parent for spec in (SPEC, clips.SPEC) for path in work.glob(f"bundles/[!.]*/{spec}")
    }
    return [look(folder) for folder in (*shipped, *sorted(made))]


def look(folder: Path) -> Listed:
    """One bundle, verified."""
    spec: BundleSpec | clips.ClipSpec | None = None
    state, note = VERIFIED, ""
    try:
        still = not clips.is_clip_bundle(folder)
        spec = verify_bundle(folder) if still else clips.verify_clip_bundle(folder)
    except (ArtefactError, TamperedError) as error:
        state, note = DAMAGED, str(error)
    size = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    shipped = folder.parent in (SHIPPED_FOLDER, clips.SHIPPED_FOLDER)
    return Listed(folder.name, folder, shipped, state, note, spec, size)


def chosen(names: list[str], work: Path) -> list[Listed]:
    """The bundles called `names`, or all; :class:`ArtefactError` for one there is not."""
    if not names:
        return list_bundles(work)
    return [
        look(clips.SHIPPED_FOLDER / name if name in clips.SHIPPED else find_bundle(name, work))
        for name in names
    ]
