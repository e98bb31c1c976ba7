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
from emotiw_cli.clips.schema import ClipSpec
from emotiw_cli.errors import ArtefactError, TamperedError
from emotiw_cli.groups import bundle as groups
from emotiw_cli.groups import schema as group_schema

Spec = BundleSpec | ClipSpec | group_schema.GroupSpec

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
    spec: Spec | None
    size: int

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its members, or of what a clip bundle is made of."""
        if isinstance(self.spec, ClipSpec):
            if self.spec.system is not None:
                leaves = (part.name for part in self.spec.system if not part.parts)
                return tuple(dict.fromkeys(leaves))
            return (self.spec.faces, self.spec.voice)
        if isinstance(self.spec, group_schema.GroupSpec):
            return self.spec.members
        return tuple(member.name for member in self.spec.members) if self.spec else ()

    @property
    def default(self) -> bool:
        """Whether `predict` uses it unless told otherwise, for photos, clips or groups."""
        defaults = (DEFAULT_NAME, clips.DEFAULT_NAME, groups.DEFAULT_NAME)
        return self.shipped and self.name in defaults


def list_bundles(work: Path) -> list[Listed]:
    """The shipped bundles, then those of the workspace by name, every file of each verified."""
    shipped = [SHIPPED_FOLDER / name for name in SHIPPED]
    shipped += [clips.SHIPPED_FOLDER / name for name in clips.SHIPPED]
    shipped += [groups.SHIPPED_FOLDER / name for name in groups.SHIPPED]
    made = {
        path.parent
        for spec in (SPEC, clips.SPEC, group_schema.SPEC)
        for path in work.glob(f"bundles/[!.]*/{spec}")
    }
    return [look(folder) for folder in (*shipped, *sorted(made))]


def look(folder: Path) -> Listed:
    """One bundle, verified."""
    spec: Spec | None = None
    state, note = VERIFIED, ""
    try:
        if clips.is_clip_bundle(folder):
            spec = clips.verify_clip_bundle(folder)
        elif groups.is_group_bundle(folder):
            spec = groups.verify_group_bundle(folder)
        else:
            spec = verify_bundle(folder)
    except (ArtefactError, TamperedError) as error:
        state, note = DAMAGED, str(error)
    size = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    shipped = folder.parent in (SHIPPED_FOLDER, clips.SHIPPED_FOLDER, groups.SHIPPED_FOLDER)
    return Listed(folder.name, folder, shipped, state, note, spec, size)


def chosen(names: list[str], work: Path) -> list[Listed]:
    """The bundles called `names`, or all; :class:`ArtefactError` for one there is not."""
    if not names:
        return list_bundles(work)
    return [look(_find(name, work)) for name in names]


def _find(name: str, work: Path) -> Path:
    for room in (clips, groups):
        if name in room.SHIPPED:
            return room.SHIPPED_FOLDER / name
    return find_bundle(name, work)
