"""The clip bundle: a still bundle for the faces, and a voice module with a weight for each; or a
system of modules and what fuses them.

The still bundle is named, with the SHA-256 of its ``bundle.json``, and not copied; the modules lie
in the clip bundle's folder. Every file is the one its hash names, or nothing is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import sha256
from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.bundle.load import DEFAULT, find_bundle, load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.bundle.verified import check, read_verified
from emotiw_cli.clips.parts import assemble
from emotiw_cli.clips.result import Posterior
from emotiw_cli.clips.schema import DIGEST, MODULES, SPEC, ClipSpec
from emotiw_cli.clips.system import FacesModule, FusedModule, Module, VoiceModule
from emotiw_cli.clips.voice.run import VoiceModel, read_voice
from emotiw_cli.errors import ArtefactError, TamperedError

SHIPPED: dict[str, str] = {
    "clips-1": "4ca18ee8d7b5c4cf919e4c23cba44024abb393b5769549ff093619a520236842",
    "clips-2": "c8c911bbd81774d14ad9563a4105d6988b0fab48686be77bc6414f133e85524b",
}
"""Clip bundles that come with the package: name → SHA-256 of its ``clips.json``."""
SHIPPED_FOLDER = Path(__file__).parent / "shipped"
DEFAULT_NAME = "clips-2"
"""What `predict` reads clips with unless told otherwise."""


class ClipBundle:
    """A loaded clip bundle, or a still bundle that reads clips by their faces alone.

    Parameters
    ----------
    folder : where it lies.
    faces : reads the faces. voice : reads the sound, or None. weights : of the two.
    system : modules and what fuses them, in place of `voice` and `weights`.
    every_frame : whether the system reads every frame's faces.
    listens : whether the system hears the sound.
    """

    def __init__(
        self,
        faces: Bundle,
        voice: VoiceModel | None = None,
        weights: EnsembleWeights | None = None,
        *,
        folder: Path | None = None,
        system: Module | None = None,
        every_frame: bool = False,
        listens: bool = True,
    ) -> None:
        self.faces, self.voice = faces, voice
        self.folder = folder or faces.folder
        self.system, self.every_frame = system, every_frame
        self._weights = weights or EnsembleWeights.equal(len(MODULES))
        self._listens = listens

    @property
    def voices(self) -> tuple[VoiceModel, ...]:
        """The models that read the sound."""
        if self.system is not None:
            return self.system.voices if self._listens else ()
        return () if self.voice is None else (self.voice,)

    def fuse(self, faces: Posterior, voice: Posterior) -> Posterior:
        """The clip's posterior; if a module said nothing (empty), that of the other."""
        if not faces or not voice:
            return faces or voice
        return tuple(self._weights.combine(np.array([[faces], [voice]]))[0].tolist())

    @property
    def module(self) -> Module:
        """What reads stored clips as the bundle does."""
        if self.system is not None:
            return self.system
        faces = FacesModule(self.faces)
        if self.voice is None:
            return faces
        return FusedModule(MODULES, (faces, VoiceModule(self.voice)), _Weighed(self.fuse))


@dataclass(frozen=True)
class _Weighed:
    """:meth:`ClipBundle.fuse` of many clips."""

    fuse: Callable[[Posterior, Posterior], Posterior]

    def posteriors(self, posteriors: np.ndarray) -> np.ndarray:
        """(2, n, 7) float, rows not finite where there is none → (n, 7) float64, likewise."""
        fused = np.full(posteriors.shape[1:], np.nan)
        for place, pair in enumerate(posteriors.transpose(1, 0, 2)):
            said = [tuple(one.tolist()) if np.isfinite(one).all() else () for one in pair]
            fused[place] = self.fuse(*said) or np.nan
        return fused


def is_clip_bundle(folder: Path) -> bool:
    """Whether `folder` is a clip bundle's."""
    return (folder / SPEC).is_file()


def find_clip_bundle(name_or_path: str | Path, work: Path = Path("work")) -> Path:
    """The folder of a clip bundle or a still bundle; nothing in it is read yet.

    Raises
    ------
    ArtefactError
        If there is none.
    """
    name = DEFAULT_NAME if str(name_or_path) == DEFAULT else str(name_or_path)
    if name in SHIPPED:
        return SHIPPED_FOLDER / name
    own = (path.parent.name for path in work.glob(f"bundles/[!.]*/{SPEC}"))
    return find_bundle(name, work, others=(*SHIPPED, *own))


def load_clip_bundle(
    name_or_path: str | Path = DEFAULT, *, work: Path = Path("work"), voice: bool = True
) -> ClipBundle:
    """Load a clip bundle, or a still bundle for the faces alone.

    Parameters
    ----------
    name_or_path : ``default``, the name of a shipped bundle or of one in ``work/bundles``, or a
        bundle's folder.
    voice : listen to the sound too, where the bundle has a module for it; to a system that does
        not, a clip is one without sound.

    Raises
    ------
    ArtefactError
        If there is no such bundle, or it or its still bundle is incomplete or of a newer schema.
    TamperedError
        If a file is not the one its recorded SHA-256 names, or the still bundle is another one.
    """
    folder = find_clip_bundle(name_or_path, work)
    if not is_clip_bundle(folder):
        return ClipBundle(load_bundle(folder))
    spec = read_spec(folder)
    content = {
        name: read_verified(folder / name, expected) for name, expected in spec.files.items()
    }
    bundles: dict[str, Bundle] = {}

    def still(name: str, digest: str) -> Bundle:
        if digest not in bundles:
            bundles[digest] = load_bundle(_faces_of(folder, name, digest, work))
        return bundles[digest]

    faces = still(spec.faces, spec.faces_sha256)
    if spec.system is not None:
        system = assemble(
            spec.system,
            lambda part: (folder / part.file, content[part.file]),
            lambda part: still(part.bundle, part.sha256),
        )
        return ClipBundle(
            faces, folder=folder, system=system, every_frame=spec.every_frame, listens=voice
        )
    model = read_voice(folder / spec.voice, content[spec.voice]) if voice else None
    return ClipBundle(faces, model, spec.weights, folder=folder)


def verify_clip_bundle(folder: Path) -> ClipSpec:
    """Check every file of a clip bundle, not of its still bundle; return its specification.

    Raises
    ------
    ArtefactError, TamperedError
        As :func:`load_clip_bundle`.
    """
    spec = read_spec(folder)
    for name, expected in spec.files.items():
        read_verified(folder / name, expected)
    return spec


def read_spec(folder: Path) -> ClipSpec:
    """The specification of a clip bundle, checked against its hash."""
    path = folder / SPEC
    try:
        content = path.read_bytes()
        recorded = (folder / DIGEST).read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError) as error:
        raise ArtefactError(
            f"{folder} is not a whole clip bundle ({SPEC} and {DIGEST} are needed); copy it again."
        ) from error
    shipped = folder.parent == SHIPPED_FOLDER
    check(path, content, SHIPPED.get(folder.name, recorded) if shipped else recorded)
    try:
        described = json.loads(content)
    except ValueError as error:
        raise ArtefactError(f"{path} is not JSON ({error}); copy the bundle again.") from error
    return ClipSpec.from_json(described, str(path))


def _faces_of(folder: Path, name: str, digest: str, work: Path) -> Path:
    found = find_bundle(name, work)
    if not (found / STILL_SPEC).is_file() or sha256(found / STILL_SPEC) != digest:
        raise TamperedError(
            f"{folder} reads faces with the bundle {name}, but {found} is another one "
            "of that name; copy the right one there, or make the clip bundle again."
        )
    return found
