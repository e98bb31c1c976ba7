"""How a stage's output lands on disk: atomically, with a manifest, one run at a time.

Every artefact is a folder ``WORK/KIND/NAME`` with a ``manifest.json`` written last. A folder
without a manifest is half-written: its stage picks up what is there and goes on, every other
stage refuses it. Files appear whole under their final name or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from emotiw_cli import __version__
from emotiw_cli.errors import ArtefactError, BusyError, InputError, OutputError, TamperedError

SCHEMA = 1
MANIFEST = "manifest.json"
KINDS = (
    "faces",
    "codes",
    "models",
    "voices",
    "tubes",
    "modules",
    "groups",
    "features",
    "forests",
    "scenes",
    "bundles",
)
_MAKERS = {
    "faces": "emotiw align SOURCE --name {name}",
    "codes": "emotiw map {faces} --radius {radius}",
    "models": "emotiw pretrain … --name {name}`, `emotiw finetune … --name {name}` or `emotiw "
    "weights import … --name {name}",
    "voices": "emotiw clips train audio SOURCE --held-out … --name {name}",
    "tubes": "emotiw clips tubes SOURCE --name {name}",
    "modules": "emotiw clips train faces|mouths|activity TUBES --name {name}` or `emotiw clips "
    "fuse …",
    "groups": "emotiw groups faces SOURCE --name {name}",
    "features": "emotiw groups features {name}",
    "forests": "emotiw groups train forests FEATURES --name {name}",
    "scenes": "emotiw groups train scene GROUPS --name {name}",
    "bundles": "emotiw ensemble --members … --name {name}",
}
_LIBRARIES = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "dlib-bin",
    "h5py",
    "onnxruntime",
    "av",
    "pillow",
    "torch",
    "torchvision",
)


def _maker(kind: str, name: str) -> str:
    """The command that makes an artefact."""
    faces, _, radius = name.rpartition("-r")  # codes are called FACES-rRADIUS
    return _MAKERS[kind].format(name=name, faces=faces, radius=radius)


def output_error(path: Path, error: OSError) -> OutputError:
    """Turn a failed write into one sentence with its remedy."""
    remedies = {
        errno.ENOSPC: "the disk is full; free some space and run the same command again",
        errno.EDQUOT: "the quota is used up; free some space and run the same command again",
        errno.EROFS: "the folder is read-only; choose another place for the output",
        errno.EACCES: "there is no permission to write there; choose another place for the output",
        errno.EPERM: "there is no permission to write there; choose another place for the output",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
        errno.ENOTDIR: "a file stands where a folder is needed; choose another place",
        errno.EISDIR: "a folder stands where the file should go; choose another name",
        errno.ENOENT: "the folder does not exist; make it first",
    }
    reason = remedies.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"{path} cannot be written: {reason}.")


def make_folder(path: Path) -> Path:
    """Make `path` and its parents; return it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error
    return path


@contextlib.contextmanager
def landing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block succeeds, fsync and rename it there.

    For writers that want a path of their own (HDF5, ONNX). Nothing is left behind on failure.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def landing_file(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Yield an open file whose content lands at `path` whole when the block succeeds."""
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with landing(path) as temporary, open(temporary, mode, **text) as file:  # type: ignore[call-overload]
        yield file


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented UTF-8 JSON, whole or not at all."""
    with landing_file(path, "w") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")


def read_json(path: Path) -> Any:
    """Read JSON; an unreadable file is an :class:`ArtefactError` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtefactError(f"{path} is missing; run the stage that writes it again.") from error
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path} is damaged ({error}); delete it and run its stage again."
        ) from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def exclusive(folder: Path, lock: str = ".lock") -> Iterator[None]:
    """Hold `folder` for this process; the lock dies with the process, even killed.

    Raises
    ------
    BusyError
        If another process holds it.
    """
    make_folder(folder)
    path = folder / lock
    try:
        handle = open(path, "ab+", buffering=0)  # noqa: SIM115 (kept open while held)
    except OSError as error:
        raise output_error(path, error) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            holder = handle.read().decode(errors="replace") or "another process"
            raise BusyError(
                f"{folder} is being written by {holder}; wait for it to end or choose another name."
            ) from error
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a name
            handle.truncate(0)
            handle.write(f"process {os.getpid()} on {platform.node()}".encode())
        yield


@dataclass(frozen=True)
class Artefact:
    """A finished artefact: its folder and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def kind(self) -> str:
        return str(self.manifest["kind"])

    @property
    def digest(self) -> str:
        """Digest of the artefact's content: what artefacts made from it record."""
        return str(self.manifest["digest"])


def folder_of(work: Path, kind: str, name: str) -> Path:
    """Folder of the artefact `name` of `kind`, existing or not."""
    if not name or name != Path(name).name or name.startswith("."):
        raise InputError(f"{name!r} is not a usable name; use letters, digits, '-' and '_'.")
    return work / kind / name


def open_artefact(work: Path, kind: str, name: str) -> Artefact:
    """Open a finished artefact.

    Raises
    ------
    ArtefactError
        If it is missing, half-written, or written by a newer schema.
    """
    folder = folder_of(work, kind, name)
    remedy = _maker(kind, name)
    if not folder.is_dir():
        there = sorted(p.name for p in (work / kind).glob("*") if (p / MANIFEST).is_file())
        known = f" (there are: {', '.join(there)})" if there else ""
        raise ArtefactError(f"{folder} does not exist{known}; make it first with `{remedy}`.")
    if not (folder / MANIFEST).is_file():
        raise ArtefactError(f"{folder} is half-written; finish it with `{remedy}`.")
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("kind") != kind:
        raise ArtefactError(f"{folder} is not a {kind} artefact; make it with `{remedy}`.")
    if manifest.get("schema") != SCHEMA:
        raise ArtefactError(
            f"{folder} has schema {manifest.get('schema')}, this emotiw reads {SCHEMA}; "
            f"make it again with `{remedy}`."
        )
    return Artefact(folder, manifest)


def output_file(artefact: Artefact, name: str) -> Path:
    """Path of an artefact's file `name`, once it is known to be the one that was written.

    Raises
    ------
    ArtefactError
        If it is missing or cannot be read.
    TamperedError
        If it is another one.
    """
    path = artefact.folder / name
    try:
        digest = sha256(path)
    except FileNotFoundError as error:
        raise ArtefactError(
            f"{path} is missing; make {artefact.name} again with --overwrite."
        ) from error
    except OSError as error:
        raise ArtefactError(
            f"{path} cannot be read ({error.strerror}); check its permissions."
        ) from error
    if digest != artefact.manifest["outputs"].get(name):
        raise TamperedError(
            f"{path} is not the file its manifest records; make {artefact.name} again with "
            "--overwrite, or restore the file."
        )
    return path


def reference(artefact: Artefact) -> dict[str, str]:
    """What a manifest records of an input artefact."""
    return {"kind": artefact.kind, "name": artefact.name, "digest": artefact.digest}


def file_reference(path: Path) -> dict[str, str]:
    """What a manifest records of an input file."""
    return {"kind": "file", "name": path.name, "digest": sha256(path)}


def bundle_reference(spec: Path) -> dict[str, str]:
    """What a manifest records of a bundle, which may lie outside the workspace: its specification,
    by the name of the bundle's folder.
    """
    return {
        "kind": "file",
        "name": f"{spec.resolve().parent.name}/{spec.name}",
        "digest": sha256(spec),
    }


def check_fresh(artefact: Artefact, work: Path) -> None:
    """Refuse an artefact one of whose inputs has changed since.

    Raises
    ------
    ArtefactError
        If an input artefact in the same workspace now has another digest.
    """
    for stale in stale_inputs(artefact, work):
        raise ArtefactError(
            f"{artefact.folder} is stale: {stale} has changed since; make it again with "
            f"`{_maker(artefact.kind, artefact.name)}`."
        )


def stale_inputs(artefact: Artefact, work: Path) -> list[str]:
    """``kind/name`` of every input artefact whose content is no longer the one recorded."""
    stale = []
    for made_from in artefact.manifest.get("inputs", []):
        if made_from.get("kind") not in KINDS:
            continue
        path = work / made_from["kind"] / made_from["name"] / MANIFEST
        if path.is_file() and read_json(path).get("digest") != made_from["digest"]:
            stale.append(f"{made_from['kind']}/{made_from['name']}")
    return stale


def write_manifest(
    folder: Path,
    kind: str,
    *,
    parameters: Mapping[str, Any],
    inputs: Sequence[Mapping[str, str]],
    outputs: Sequence[str],
    counts: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    seed: int | None = None,
    licences: Sequence[str] = (),
) -> Artefact:
    """Write the manifest that makes `folder` a finished artefact; return it.

    Parameters
    ----------
    outputs : names of the files, relative to `folder`, whose SHA-256 make up the content digest.
    inputs : references to artefacts (see :func:`reference`) or files
        (``{"kind": "file", "name": …, "digest": sha256}``).
    """
    hashes = {name: sha256(folder / name) for name in sorted(outputs)}
    content = json.dumps(hashes, sort_keys=True).encode()
    manifest = {
        "schema": SCHEMA,
        "kind": kind,
        "name": folder.name,
        "digest": hashlib.sha256(content).hexdigest(),
        "command": command_line(),
        "parameters": dict(parameters),
        "inputs": [dict(entry) for entry in inputs],
        "outputs": hashes,
        "counts": dict(counts or {}),
        "metrics": dict(metrics or {}),
        "seed": seed,
        "licences": list(licences),
        "versions": library_versions(),
    }
    write_json(folder / MANIFEST, manifest)
    return Artefact(folder, manifest)


def command_line() -> str:
    """The command that runs, as a shell takes it."""
    return shlex.join(["emotiw", *sys.argv[1:]])


def library_versions() -> dict[str, str]:
    """Versions of emotiw, Python and the libraries that are installed."""
    versions = {"emotiw": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return versions
