"""What a fused system is made of: its modules as data, and from their arrays to modules at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.clips.activity import Activity
from emotiw_cli.clips.fusion import Fusion
from emotiw_cli.clips.mouths import Mouths
from emotiw_cli.clips.svm import Svm
from emotiw_cli.clips.system import (
    ActivityModule,
    FacesModule,
    FusedModule,
    Module,
    MouthsModule,
    VoiceModule,
)
from emotiw_cli.clips.voice.run import read_voice

Kind = Literal["faces", "voice", "mouths", "activity", "fused"]


@dataclass(frozen=True)
class Part:
    """A module of a system.

    Attributes
    ----------
    kind, name : which it is, and what it is called.
    file : of its arrays, by name alone; empty for the mean of faces, which has none.
    bundle, sha256 : of faces: the still bundle that reads them, and the SHA-256 of its
        ``bundle.json``, or empty where it was not recorded.
    parts : of a fused one: what it fuses.
    """

    kind: Kind
    name: str
    file: str = ""
    bundle: str = ""
    sha256: str = ""
    parts: tuple[Part, ...] = ()

    def __iter__(self) -> Iterator[Part]:
        """It and all below it."""
        yield self
        for part in self.parts:
            yield from part

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values; what is empty is left out."""
        told: dict[str, Any] = {"module": self.kind, "name": self.name, "file": self.file}
        told |= {"bundle": self.bundle, "sha256": self.sha256}
        told["modules"] = [part.to_json() for part in self.parts]
        return {name: value for name, value in told.items() if value}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Part:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is something else.
        """
        kind = content["module"]
        if kind not in get_args(Kind):
            raise ValueError(f"it has a module of an unknown kind, {kind}")
        part = cls(
            cast(Kind, kind),
            str(content["name"]),
            str(content.get("file", "")),
            str(content.get("bundle", "")),
            str(content.get("sha256", "")),
            tuple(cls.from_json(one) for one in content.get("modules", ())),
        )
        lacks_file = not part.file and kind != "faces"
        if (
            lacks_file
            or bool(part.parts) != (kind == "fused")
            or (kind == "faces") != bool(part.bundle)
        ):
            raise ValueError(f"its module {part.name} is not whole")
        return part


def assemble(
    part: Part,
    read: Callable[[Part], tuple[Path, bytes]],
    bundle: Callable[[Part], Bundle],
) -> Module:
    """A module at work.

    Parameters
    ----------
    read : gives the path and the bytes of the file of a part that has one.
    bundle : gives the still bundle of a part that reads faces.

    Raises
    ------
    ArtefactError
        If a file is not what the part says.
    """
    if part.kind == "faces" and not part.file:
        return FacesModule(bundle(part))
    path, content = read(part)
    if part.kind == "voice":
        return VoiceModule(read_voice(path, content))
    arrays, where = read_arrays(path, content), str(path)
    if part.kind == "faces":
        return FacesModule(bundle(part), Svm.from_arrays(arrays, where))
    if part.kind == "mouths":
        return MouthsModule(Mouths.from_arrays(arrays, where))
    if part.kind == "activity":
        return ActivityModule(Activity.from_arrays(arrays, where))
    fusion = Fusion.from_arrays(arrays, len(part.parts), where)
    names = tuple(below.name for below in part.parts)
    return FusedModule(names, tuple(assemble(one, read, bundle) for one in part.parts), fusion)
