"""Find the faces to measure on: an artefact of the workspace, or a set that is aligned first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emotiw_cli.artefact import check_fresh, folder_of
from emotiw_cli.bundle.schema import BundleSpec
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.make_faces import make_faces
from emotiw_cli.data.sources import open_source
from emotiw_cli.errors import InputError
from emotiw_cli.faces.detectors import DEFAULT_DETECTOR


def find_faces(
    work: Path,
    data: str,
    spec: BundleSpec,
    *,
    detect: bool = True,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Faces:
    """The faces called `data`, or those of the set at the path `data`, aligned for a bundle.

    A set is aligned into the workspace under its name, the bundle's face size and the digest of
    its list of pictures, so that the next evaluation finds it there.

    Parameters
    ----------
    spec : of the bundle that will see the faces.
    detect : find faces as `predict` does; if False whole pictures are faces.
    workers, on_progress : of the alignment, see :func:`emotiw_cli.data.make_faces.make_faces`.

    Raises
    ------
    InputError
        If `data` is neither; also if the set is not laid out as any known one.
    ArtefactError
        If the artefact is half-written or stale.
    """
    path = Path(data)
    if data == path.name and (work / "faces" / data).is_dir():
        faces = Faces.open(work, data)
        check_fresh(faces.artefact, work)
        return faces
    if not path.exists():
        there = sorted(folder.name for folder in (work / "faces").glob("[!.]*"))
        known = f"there are {', '.join(there)}" if there else "there are none yet"
        raise InputError(
            f"{data!r} is neither the name of faces in {work} ({known}) nor a path; check it."
        )
    source = open_source(path)
    width, height = spec.face_size
    parts = [path.resolve().stem.lstrip("."), f"{width}x{height}"]
    parts += [f"detail{spec.detail}"] if spec.detail else []
    parts += [DEFAULT_DETECTOR if detect else "whole"]
    name = "-".join([*parts, source.digest[:6]])
    make_faces(
        source,
        folder_of(work, "faces", name),
        size=spec.face_size,
        detail=spec.detail,
        detector=DEFAULT_DETECTOR if detect else None,
        workers=workers,
        on_progress=on_progress,
    )
    return Faces.open(work, name)
