"""Find a bundle and load it, once every file has proved to be the one its SHA-256 names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emotiw_cli.bundle.runtime import Bundle, Opening, open_all
from emotiw_cli.bundle.schema import DIGEST, SCHEMA, SPEC, BundleSpec
from emotiw_cli.bundle.verified import check, read_verified
from emotiw_cli.errors import ArtefactError

SHIPPED: dict[str, str] = {
    "faces-1": "810daa5ba28e0fda271ca238e64c8ab7d874c2bf6434984422f7afa60bafa981",
    "faces-2": "9650e8d389729bbb3ff24e0e365832ef42559f0de31243d610665c507d4d297a",
    "faces-3": "4d3969110d244c3114bf5810821906a96d55139d2fc55fe7c4f4b28015dff4d8",
    "faces-4": "03ddeaa3a683ac60eef9a4f4a4d963081c353c7b186c9550e474e30a93e49ad6",
    "faces-5": "a2f30501c3c8863d287d456437a43040b2dced3830056c6a761c666efc70277a",
}
"""Bundles that come with the package: name → SHA-256 of its ``bundle.json``."""

DEFAULT = "default"
"""What `predict` uses unless told otherwise."""

SHIPPED_FOLDER = Path(__file__).parent / "shipped"
DEFAULT_NAME = "faces-5"
"""The shipped bundle that :data:`DEFAULT` stands for."""


def load_bundle(
    name_or_path: str | Path = DEFAULT,
    *,
    work: Path = Path("work"),
    threads: int = 1,
    wait: bool = True,
) -> Bundle:
    """Load a bundle.

    Parameters
    ----------
    name_or_path : ``default``, the name of a shipped bundle or of one in ``work/bundles``, or a
        bundle's folder.
    work : the workspace.
    threads : how many chunks of faces the bundle works on at once.
    wait : return only when every member that has a weight is ready. If False, members get ready
        in the background, and what is wrong with one is raised by :meth:`Bundle.wait` or by the
        first posteriors.

    Raises
    ------
    ArtefactError
        If there is no such bundle, or it is half-written, of a newer schema, or cannot be run.
    TamperedError
        If a file is not the one its recorded SHA-256 names.
    """
    folder = find_bundle(name_or_path, work)
    spec = _read_spec(folder)
    openings = [
        Opening(lambda file=member.file: _read(folder, spec, file), folder / member.file)  # type: ignore[misc]
        for member in spec.members
    ]
    counting = [openings[number] for number in spec.weights.counting]
    open_all(counting)
    opened = {spec.members[number].file for number in spec.weights.counting}
    for name in spec.files:
        if name not in opened:
            _read(folder, spec, name)
    bundle = Bundle(folder, spec, openings, threads)
    return bundle.wait() if wait else bundle


def verify_bundle(folder: Path) -> BundleSpec:
    """Check every file of a bundle against its SHA-256; return its specification.

    Raises
    ------
    ArtefactError, TamperedError
        As :func:`load_bundle`, but no member is run.
    """
    spec = _read_spec(folder)
    for name in spec.files:
        _read(folder, spec, name)
    return spec


def find_bundle(
    name_or_path: str | Path, work: Path = Path("work"), *, others: Iterable[str] = ()
) -> Path:
    """The folder of a bundle, see :func:`load_bundle`; nothing in it is read yet.

    `others` are names that the error tells beside those of bundles for photos.
    """
    text = str(name_or_path)
    name = DEFAULT_NAME if text == DEFAULT else text
    if name in SHIPPED:
        return SHIPPED_FOLDER / name
    made = work / "bundles" / name
    for folder in (made, Path(text)):
        if folder.is_dir():
            return folder
    if text == DEFAULT:
        raise ArtefactError(
            "this emotiw was installed without its default bundle; install a release, or name a "
            "bundle with --bundle."
        )
    own = (path.parent.name for path in made.parent.glob(f"[!.]*/{SPEC}"))
    there = sorted({*SHIPPED, *own, *others})
    known = f"there are: {', '.join(there)}" if there else "there are none yet"
    raise ArtefactError(
        f"there is no bundle {text!r} ({known}); give a name, a bundle's folder, or make one with "
        "`emotiw ensemble`."
    )


def _read_spec(folder: Path) -> BundleSpec:
    try:
        content = (folder / SPEC).read_bytes()
        recorded = (folder / DIGEST).read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError) as error:
        raise ArtefactError(
            f"{folder} is not a whole bundle ({SPEC} and {DIGEST} are needed); copy it again or "
            "make it again with `emotiw ensemble`."
        ) from error
    shipped = folder.parent == SHIPPED_FOLDER
    expected = SHIPPED.get(folder.name, recorded) if shipped else recorded
    check(folder / SPEC, content, expected)
    try:
        described: Mapping[str, Any] = json.loads(content)
        schema = int(described["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(
            f"{folder / SPEC} is not a bundle's specification; make the bundle again with "
            "`emotiw ensemble`."
        ) from error
    if schema > SCHEMA:
        raise ArtefactError(
            f"{folder} is a bundle of schema {schema}, newer than the {SCHEMA} this emotiw reads; "
            "update emotiw."
        )
    spec = BundleSpec.from_json(described, str(folder / SPEC))
    _check_consistent(folder, spec)
    return spec


def _check_consistent(folder: Path, spec: BundleSpec) -> None:
    for name in spec.files:
        if name != Path(name).name or name in ("", ".", ".."):
            raise ArtefactError(f"{folder / SPEC} names the file {name!r} outside the bundle.")
    for member in spec.members:
        made_for = (member.preprocessing.face_size, member.preprocessing.detail)
        if member.file not in spec.files or made_for != (spec.face_size, spec.detail):
            raise ArtefactError(
                f"{folder / SPEC}: member {member.name} has no recorded file or is made for other "
                "faces than the bundle; make the bundle again with `emotiw ensemble`."
            )


def _read(folder: Path, spec: BundleSpec, name: str) -> bytes:
    return read_verified(folder / name, spec.files[name])
