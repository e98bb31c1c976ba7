"""Group photos made of single faces, for want of labelled ones that may be passed on.

People with the faces of a labelled set stand in rows before a background of colours, shapes and
noise, which tells nothing of how they feel. The photo's label follows from its faces: an emotion
has the valence of :data:`VALENCE`, a face the mean over its votes, a group the mean over its faces;
from a third upwards that is positive, from minus a third downwards negative, between them neutral.

Real groups differ in much: their faces are not independent of one another, of the place and of
what the people do, and who labelled them saw all that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from emotiw_cli.artefact import exclusive, landing_file, make_folder, read_json, write_json
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.stage import PLAN, keep_to_plan, sweep
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError, OutputError
from emotiw_cli.groups.layout import CLASSES

VALENCE: Mapping[str, float] = {
    **dict.fromkeys(("angry", "disgust", "fear", "sad"), -1.0),
    **dict.fromkeys(("neutral", "surprise"), 0.0),
    "happy": 1.0,
}
THRESHOLD = 1 / 3
PEOPLE = (2, 12)
SIZE = (640, 480)
"""Width and height of a photo."""

WIDEST, NARROWEST = 170, 64
"""Of a face, in pixels, as far as its neighbours leave room."""
PROGRESS = "progress.json"
"""How many photos are there, and the state of the generator that draws the next."""
_TURN = 12.0
_TRIES = 200


def valences(targets: np.ndarray) -> np.ndarray:
    """Valence of faces by the shares of their votes: (n, 7) → (n,) from -1 to 1."""
    return targets @ np.array([VALENCE[emotion] for emotion in EMOTIONS])


def group_label(of_faces: np.ndarray) -> int:
    """Number of a group's emotion by its faces' valences, (k,)."""
    mean = float(np.mean(of_faces))
    return 0 if mean <= -THRESHOLD else 2 if mean >= THRESHOLD else 1


@dataclass(frozen=True)
class Composite:
    """A photo to be made: its split, label and the rows of its faces in the set."""

    split: str
    label: int
    rows: tuple[int, ...]


def plan_composites(
    valence: np.ndarray,
    rows: np.ndarray,
    split: str,
    count: int,
    generator: np.random.Generator,
) -> list[Composite]:
    """Draw groups, as many of each label as of another.

    Most people of a group feel alike: each is drawn from the faces of the wanted label with a
    chance between a half and one, else from all. Groups that the rule labels otherwise are drawn
    anew.

    Parameters
    ----------
    valence : (n,) of the faces. rows : (n,) int: their rows in the set.

    Raises
    ------
    InputError
        If the faces cannot make up groups of every label.
    """
    own = np.array([group_label(one[None]) for one in valence], dtype=int)
    pools = [np.flatnonzero(own == label) for label in range(len(CLASSES))]
    if min(map(len, pools)) == 0:
        raise InputError(
            "these faces cannot make up groups: there must be negative, neutral and positive ones "
            f"in each split, and {split} has {', '.join(str(len(pool)) for pool in pools)}."
        )
    made = []
    for number in range(count):
        label = number % len(CLASSES)
        for _ in range(_TRIES):
            people = int(generator.integers(PEOPLE[0], PEOPLE[1] + 1))
            alike = generator.random(people) < generator.uniform(0.5, 1)
            drawn = np.where(
                alike,
                generator.choice(pools[label], people),
                generator.integers(0, len(own), people),
            )
            if group_label(valence[drawn]) == label:
                made.append(Composite(split, label, tuple(rows[drawn].tolist())))
                break
    return made


def make_composites(
    faces: Faces,
    folder: Path,
    *,
    count: int,
    split: str = "validation",
    held_out: float = 1 / 3,
    seed: int = 0,
    advance: Callable[[int], None] = lambda photos: None,
) -> dict[str, int]:
    """Write composites as ``folder/{train,val}/{negative,neutral,positive}/NUMBER.jpg``.

    A face is in one of the two splits, with all its equals: its picture's digest decides. A killed
    run goes on after the last photo that landed, and draws what it would have drawn.

    Parameters
    ----------
    faces : of a set labelled with emotions.
    folder : new or empty, or begun by this function with the same faces and options.
    count : photos in all. held_out : share of the photos, and of the faces, for ``val``.
    split : of the set, whose faces are taken.
    advance : is called with the number of photos that are there, then with 1 after each.

    Returns
    -------
    Photos and faces of each split, and the photos drawn in this run.

    Raises
    ------
    InputError
        If there are no labelled faces, or they cannot make up groups of every label.
    ArtefactError
        If `folder` was begun with other faces or options.
    OutputError
        If `folder` holds something else, or cannot be written.
    """
    if folder.exists() and not (folder / PLAN).exists():
        begun = folder.is_dir() and {path.name for path in folder.iterdir()} <= {".lock"}
        if not begun:
            raise OutputError(f"{folder} is there and not empty; choose another folder with --out.")
    generator = np.random.default_rng(seed)
    plan, counts = _plan(faces, count, split, held_out, generator)
    with exclusive(folder):
        told: dict[str, Any] = {"count": count, "split": split, "held_out": held_out, "seed": seed}
        told["faces"] = faces.artefact.digest
        keep_to_plan(folder, told, "choose another folder with --out")
        sweep(folder, [PROGRESS])
        paths = [
            folder / composite.split / CLASSES[composite.label] / f"{number:05d}.jpg"
            for number, composite in enumerate(plan)
        ]
        there = _resume(folder, paths, generator)
        advance(there)
        for number in range(there, len(plan)):
            picture = draw_group([faces.face(row) for row in plan[number].rows], generator)
            sweep(make_folder(paths[number].parent), [paths[number].name])
            with landing_file(paths[number]) as file:
                Image.fromarray(picture).save(file, "JPEG", quality=92)
            state = generator.bit_generator.state
            write_json(folder / PROGRESS, {"photos": number + 1, "generator": state})
            advance(1)
    return {**counts, "drawn": len(plan) - there}


def _plan(
    faces: Faces, count: int, split: str, held_out: float, generator: np.random.Generator
) -> tuple[list[Composite], dict[str, int]]:
    """Which faces make up which photos, and how many of both there are in each split."""
    known = [
        (row, target)
        for row in faces.select(split)
        if (target := faces.rows[row].target()) is not None
    ]
    if not known:
        raise InputError(f"{faces.artefact.folder} has no labelled faces in its split {split}.")
    rows = np.array([row for row, _ in known])
    valence = valences(np.stack([target for _, target in known]))
    digests = np.array([int(faces.rows[row].pixels or "0", 16) % 9973 / 9973 for row in rows])
    plan: list[Composite] = []
    counts: dict[str, int] = {}
    for name, own, share in (
        ("train", digests >= held_out, 1 - held_out),
        ("val", digests < held_out, held_out),
    ):
        part = plan_composites(valence[own], rows[own], name, round(share * count), generator)
        plan += part
        counts |= {f"{name} photos": len(part), f"{name} faces": int(own.sum())}
    return plan, counts


def _resume(folder: Path, paths: Sequence[Path], generator: np.random.Generator) -> int:
    """How many photos need not be drawn; sets `generator` to draw the next."""
    if not (folder / PROGRESS).is_file():
        return 0
    progress = read_json(folder / PROGRESS)
    there = int(progress["photos"])
    if not all(path.is_file() for path in paths[:there]):
        return 0
    generator.bit_generator.state = progress["generator"]
    return there


def draw_group(faces: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """People with these faces before a background.

    Parameters
    ----------
    faces : (H, W, 3) uint8 RGB each.

    Returns
    -------
    (480, 640, 3) uint8 RGB.
    """
    canvas = _background(generator)
    lines = 1 if len(faces) <= 4 else 2 if len(faces) <= 8 else 3
    parts = np.array_split(np.arange(len(faces)), lines)
    height = SIZE[1] / lines
    for line, part in enumerate(parts):  # the back row first
        width = SIZE[0] / len(part)
        most = min(0.72 * width, 0.62 * height + 30, WIDEST)
        for column, number in enumerate(part):
            side = max(NARROWEST, round(most * generator.uniform(0.8, 1)))
            x = (column + 0.5) * width + generator.uniform(-0.06, 0.06) * width
            y = (line + 0.45) * height + generator.uniform(-0.05, 0.05) * height
            _person(canvas, faces[number], (x, y), side, generator)
    return canvas


def _background(generator: np.random.Generator) -> np.ndarray:
    """Two colours that run into each other, shapes, and noise of several grains."""
    width, height = SIZE
    ends = generator.uniform(40, 230, (2, 3))
    way = np.linspace(0, 1, height)[:, None, None]
    canvas = np.broadcast_to((1 - way) * ends[0] + way * ends[1], (height, width, 3))
    canvas = np.array(canvas, dtype=np.float32, order="C")
    for _ in range(int(generator.integers(3, 14))):
        colour = tuple(generator.uniform(20, 240, 3).tolist())
        a = (int(generator.integers(0, width)), int(generator.integers(0, height)))
        if generator.random() < 0.5:
            b = (int(a[0] + generator.integers(20, 260)), int(a[1] + generator.integers(20, 260)))
            cv2.rectangle(canvas, a, b, colour, -1)
        else:
            axes = (int(generator.integers(10, 120)), int(generator.integers(10, 120)))
            cv2.ellipse(canvas, a, axes, float(generator.uniform(0, 180)), 0, 360, colour, -1)
    canvas = cv2.GaussianBlur(canvas, (0, 0), float(generator.uniform(0.8, 6)))
    for grain in (1, 4, 16):
        noise = generator.normal(0, generator.uniform(2, 10), (height // grain, width // grain, 1))
        canvas += cv2.resize(noise, SIZE, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _person(
    canvas: np.ndarray,
    face: np.ndarray,
    centre: tuple[float, float],
    side: int,
    generator: np.random.Generator,
) -> None:
    """Draw shoulders, hair and a face whose frame is `side` pixels wide around `centre`."""
    x, y = round(centre[0]), round(centre[1])
    cloth, hair = generator.uniform(20, 220, 3).tolist(), generator.uniform(15, 110)
    tint = np.array([1.0, generator.uniform(0.78, 0.92), generator.uniform(0.62, 0.84)])
    skin = (tint * float(face.mean())).tolist()
    shoulders = (round(0.95 * side), round(0.8 * side))
    cv2.ellipse(canvas, (x, y + round(1.3 * side)), shoulders, 0, 0, 360, cloth, -1, cv2.LINE_AA)
    neck = (round(0.25 * side), round(0.45 * side))
    cv2.ellipse(canvas, (x, y + round(0.5 * side)), neck, 0, 0, 360, skin, -1, cv2.LINE_AA)
    head = (round(0.56 * side), round(0.72 * side))
    brown = (hair * np.array([1.0, 0.8, 0.65])).tolist()
    cv2.ellipse(canvas, (x, y - round(0.1 * side)), head, 0, 0, 360, brown, -1, cv2.LINE_AA)

    # A square patch of the canvas that a turned face fits in; the canvas ends where it ends.
    reach = round(0.75 * side)
    left, top = max(0, x - reach), max(0, y - reach)
    patch = canvas[top : y + reach, left : x + reach]
    size = (patch.shape[1], patch.shape[0])
    middle = ((face.shape[1] - 1) / 2, (face.shape[0] - 1) / 2)
    angle = float(generator.uniform(-_TURN, _TURN))
    turn = cv2.getRotationMatrix2D(middle, angle, side / face.shape[1])
    turn[:, 2] += [x - left - middle[0], y - top - middle[1]]
    rows, columns = np.mgrid[-1 : 1 : face.shape[0] * 1j, -1 : 1 : face.shape[1] * 1j]
    mask = np.clip((1 - (columns**4 + rows**4) ** 0.25) / 0.12, 0, 1).astype(np.float32)
    grey = face.mean(axis=2, keepdims=True)
    coloured = np.clip(grey * tint / tint.mean(), 0, 255).astype(np.float32)
    drawn = cv2.warpAffine(coloured, turn, size, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(mask, turn, size)[..., None]
    patch[:] = (alpha * drawn + (1 - alpha) * patch).round().astype(np.uint8)
