"""Thousands of group photos through `groups faces` and `groups features`: speed, memory, a kill.

    python benchmarks/groups_scale.py COUNT [--from PICTURE …] [--folder DIR] [--workers N]

Composes COUNT photos of 320×240 pixels, one to four faces each, from the faces found in the
pictures named (by default those in examples/photos), and runs both verbs on them as programs. Each
is killed with all its work in hand when half of it has landed, and run again. Printed are images a
second, of both runs together; processor time of the second for each photo it worked on; the largest
memory (sum of the resident sets of all its processes, so that what they share counts in each) until
a quarter, half and all of the photos were done; and how many the second run found done. --folder
keeps photos and workspace, some 0.8 MB a photo. Reads /proc, so it is for Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emotiw_cli.data.sources.files import FolderFiles
from emotiw_cli.data.sources.folders import picture_names
from emotiw_cli.faces.detectors import find_detector
from emotiw_cli.faces.images import load_image
from emotiw_cli.groups.faces import INPUTS_PER_SHARD

ROOT = Path(__file__).parents[1]
EMOTIW = (sys.executable, "-m", "emotiw_cli")
WIDTH, HEIGHT = 320, 240
MOST_FACES = 4
MARGIN = 0.35
"""Of a face's box, on each side, that is pasted with it."""
PARTS = (0.25, 0.5, 1.0)
KILL_AT = 0.5
QUIET = "ignore:resource_tracker"
"""Python finds semaphores of a killed program and says so."""
_LOOK_SECONDS = 0.25
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cut_faces(pictures: Sequence[Path]) -> list[np.ndarray]:
    """The faces found in `pictures`, with what is around them, (s, s, 3) uint8 RGB."""
    detect, found = find_detector("hog"), []
    for path in pictures:
        image = load_image(path)
        for face in detect(image):
            grow = round(MARGIN * face.width)
            top, left = max(0, face.y - grow), max(0, face.x - grow)
            bottom, right = face.y + face.height + grow, face.x + face.width + grow
            found.append(image[top:bottom, left:right])
    if not found:
        raise SystemExit("no face is found in these pictures; name others with --from")
    return found


def compose(faces: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """One to four faces in a row, lit differently, some mirrored, before noise."""
    canvas = generator.integers(60, 190, 3) + generator.integers(0, 24, (HEIGHT, WIDTH, 3))
    count = int(generator.integers(1, MOST_FACES + 1))
    room = WIDTH // count
    for place in range(count):
        side = int(generator.uniform(0.9, 1) * min(room, 150))
        face = cv2.resize(faces[int(generator.integers(len(faces)))], (side, side))
        lit = np.clip(face * generator.uniform(0.7, 1.2), 0, 255)
        top = int(generator.integers(0, HEIGHT - side))
        left = place * room + (room - side) // 2
        canvas[top : top + side, left : left + side] = (
            lit[:, ::-1] if generator.random() < 0.5 else lit
        )
    return canvas.astype(np.uint8)


def compose_all(folder: Path, count: int, faces: Sequence[np.ndarray], seed: int = 0) -> None:
    """Write `count` photos as ``folder/NUMBER.jpg``."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for number in range(count):
        picture = compose(faces, generator)[:, :, ::-1]
        cv2.imwrite(str(folder / f"{number:06d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])


@dataclass(frozen=True)
class Run:
    """A program that was watched.

    Attributes
    ----------
    seconds : that it ran. landed : files of its work there when it ended or was killed.
    peaks : largest memory in bytes by share of the work done.
    output : what it printed; empty if it was killed.
    """

    seconds: float
    landed: int
    peaks: dict[float, int]
    output: str


def watch(
    words: Sequence[str], landed: Callable[[], int], whole: int, kill_at: float | None = None
) -> Run:
    """Run ``emotiw WORDS`` and look at its memory; kill it when `kill_at` of `whole` has landed."""
    began = time.monotonic()
    peaks = dict.fromkeys(PARTS, 0)
    there = 0
    with subprocess.Popen(
        [*EMOTIW, *words],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONWARNINGS": QUIET},
    ) as program:
        while program.poll() is None:
            # Files of work that was joined and tidied away do not make it less.
            there = max(there, landed())
            memory = resident(program.pid)
            for part in PARTS:
                if there <= part * whole:
                    peaks[part] = max(peaks[part], memory)
            if kill_at is not None and there >= kill_at * whole:
                program.kill()  # its workers have to notice by themselves
                program.wait()
                wait_for_workers(program.pid)
                return Run(time.monotonic() - began, landed(), peaks, "")
            time.sleep(_LOOK_SECONDS)
        output = program.stdout.read() if program.stdout else ""
    if program.returncode:
        raise SystemExit(f"emotiw {' '.join(words)} failed with exit code {program.returncode}")
    return Run(time.monotonic() - began, there, peaks, output)


def wait_for_workers(session: int) -> None:
    """Wait until no process of a session is left."""
    until = time.monotonic() + 30
    while list(processes(session)):
        if time.monotonic() > until:
            raise SystemExit("the workers of a killed program are still there after 30 s")
        time.sleep(_LOOK_SECONDS)


def processes(session: int) -> Iterator[Path]:
    """The folders below /proc of a session's processes, those that have ended left out."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, *rest = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(rest[2]) == session and state != "Z":
                yield folder


def resident(session: int) -> int:
    """Bytes of memory the processes of a session have, those they share counted in each."""
    total = 0
    for folder in processes(session):
        with contextlib.suppress(OSError):
            total += int((folder / "statm").read_text().split()[1]) * _PAGE
    return total


def measure(verb: str, words: Sequence[str], folder: Path, pattern: str, count: int) -> str:
    """Run a verb, killed once and resumed, on `count` photos; return a line of a table."""
    whole = -(-count // INPUTS_PER_SHARD)

    def landed() -> int:
        return sum(1 for _ in folder.glob(pattern))

    first = watch(words, landed, whole, KILL_AT)
    before = processor_seconds()
    second = watch(words, landed, whole)
    cost = processor_seconds() - before
    told = json.loads(second.output)
    done = min(count, first.landed * INPUTS_PER_SHARD)
    if told["worked_on"] != count - done:
        raise SystemExit(f"{verb} made {told['worked_on']} photos again, not {count - done}")
    peaks = " | ".join(f"{max(first.peaks[part], second.peaks[part]) / 1e6:,.0f}" for part in PARTS)
    speed = count / (first.seconds + second.seconds)
    each = f"{1000 * cost / max(1, told['worked_on']):.0f} ms"
    return f"| `{verb}` | {told['faces']:,} | {speed:.1f} | {each} | {peaks} | {done:,} |"


def processor_seconds() -> float:
    """Of all programs that have ended by themselves, and their workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, metavar="COUNT")
    parser.add_argument("--from", dest="pictures", type=Path, nargs="+", metavar="PICTURE")
    parser.add_argument("--folder", type=Path, help="keep photos and workspace here")
    parser.add_argument("--workers", type=int, default=0, help="0: one per processor")
    options = parser.parse_args()
    examples = ROOT / "examples" / "photos"
    pictures = options.pictures or [
        examples / name for name in picture_names(examples, FolderFiles(examples))
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        work, photos = folder / "work", folder / "photos"
        if not photos.is_dir():
            began = time.monotonic()
            compose_all(photos, options.count, cut_faces(pictures))
            print(f"composed {options.count:,} photos in {time.monotonic() - began:.0f} s\n")
        common = ["--workers", str(options.workers), "--work", str(work), "--json"]
        print("| verb | faces | images/s | CPU a photo | MB to 1/4 | to 1/2 | to the end | kept |")
        print(f"|{' --- |' * 8}")
        for verb, words, kind, pattern in (
            ("groups faces", [str(photos), "--name", "many"], "groups", "shard-*.csv"),
            ("groups features", ["many"], "features", "shard-*.h5"),
        ):
            line = measure(
                verb, [*verb.split(), *words, *common], work / kind / "many", pattern, options.count
            )
            print(line, flush=True)


if __name__ == "__main__":
    main()
