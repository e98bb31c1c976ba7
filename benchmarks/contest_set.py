"""Draw a contest-sized set out of a large one: lists of names for `emotiw align --exclude`.

    python benchmarks/contest_set.py SOURCE FOLDER [--seed 1]

SOURCE is a set with training and validation faces, such as FER+'s. From its training faces 958 are
drawn and from its validation faces 436, emotion by emotion as many as SFEW 2.0 is said to have.
FOLDER gets three lists: what is not among the 958 (not-train.txt), not among the 436
(not-validation.txt), and what may not be in the rest of the training faces (not-rest.txt): the 958,
and all that is near one of the 436.

No two faces drawn are the same photo, as far as thumbnails tell: a face is passed over where its
16×16 thumbnail correlates with that of one drawn before at 0.93 or more, or mirrored at 0.95. What
SOURCE itself lists as near its validation faces, in train_near_valid.txt, is left out too.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from emotiw_cli.artefact import landing_file, make_folder
from emotiw_cli.data.index import OK, FaceRow
from emotiw_cli.data.sources import exclude_listed, open_source
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import EmotiwError, InputError
from emotiw_cli.faces.images import load_image

# In class order. The counts usually given for SFEW 2.0; their sums are the contest's.
TRAIN = dict(zip(EMOTIONS, (178, 66, 98, 198, 150, 172, 96), strict=True))
VALIDATION = dict(zip(EMOTIONS, (77, 23, 47, 73, 86, 73, 57), strict=True))
SIDE = 16
ALIKE, ALIKE_MIRRORED = 0.93, 0.95
NEAR = Path("train_near_valid.txt")


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 → (256,) float32 of zero mean and unit length; zeros for a flat one."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    values = (small - small.mean()).ravel()
    length = float(np.linalg.norm(values))
    return values / length if length else values


def near(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of `others` (n, 256) show the photo of `one` (256,), mirrored or not: (n,) bool."""
    mirrored = one.reshape(SIDE, SIDE)[:, ::-1].ravel()
    alike: np.ndarray = (others @ one >= ALIKE) | (others @ mirrored >= ALIKE_MIRRORED)
    return alike


def drawn(
    rows: Sequence[FaceRow],
    thumbnails: np.ndarray,
    wanted: Mapping[str, int],
    seed: int,
    before: np.ndarray,
) -> list[int]:
    """Draw `wanted` faces of each emotion, none near another or near one of `before`.

    In the order of SHA-256 of seed and name, so that the draw is the same everywhere.

    Parameters
    ----------
    thumbnails : (n, 256) float32, of `rows`. before : (k, 256) float32.

    Returns
    -------
    Places within `rows`, sorted.

    Raises
    ------
    InputError
        If there are too few.
    """

    def order(place: int) -> str:
        return hashlib.sha256(f"{seed} {rows[place].path}".encode()).hexdigest()

    kept: list[int] = []
    taken = list(before)
    for emotion, count in wanted.items():
        own = sorted((p for p, row in enumerate(rows) if row.label == emotion), key=order)
        found = 0
        for place in own:
            if found == count:
                break
            if not taken or not near(thumbnails[place], np.stack(taken)).any():
                kept.append(place)
                taken.append(thumbnails[place])
                found += 1
        if found < count:
            raise InputError(
                f"{found} faces that are {emotion} can be drawn where {count} are wanted; "
                "give a larger set."
            )
    return sorted(kept)


def draw_contest(
    path: Path,
    folder: Path,
    seed: int,
    train: Mapping[str, int] = TRAIN,
    validation: Mapping[str, int] = VALIDATION,
) -> dict[str, int]:
    """Write the three lists; return how many faces the draw and the rest have."""
    source = open_source(path)
    listed: set[str] = set()
    try:
        excluded, _ = exclude_listed(source, NEAR)
        listed = {row.path for row in excluded.rows if row.status != OK}
    except InputError:
        pass  # a set without such a list
    usable = [row for row in source.rows if row.status == OK and row.path not in listed]
    parts = {
        split: [row for row in usable if row.split == split] for split in ("train", "validation")
    }
    thumbs = {
        split: np.stack([thumbnail(_pixels(source.read(row))) for row in rows])
        if rows
        else np.zeros((0, SIDE * SIDE), np.float32)
        for split, rows in parts.items()
    }
    held = drawn(parts["validation"], thumbs["validation"], validation, seed, thumbs["train"][:0])
    held_thumbs = thumbs["validation"][held]
    chosen = drawn(parts["train"], thumbs["train"], train, seed, held_thumbs)
    near_held = np.zeros(len(parts["train"]), bool)
    for one in held_thumbs:
        near_held |= near(one, thumbs["train"])
    rest = sorted(set(np.flatnonzero(~near_held).tolist()) - set(chosen))
    make_folder(folder)
    kept = {
        "train": {parts["train"][place].path for place in chosen},
        "validation": {parts["validation"][place].path for place in held},
        "rest": {parts["train"][place].path for place in rest},
    }
    for name, own in kept.items():
        with landing_file(folder / f"not-{name}.txt", "w") as file:
            file.writelines(f"{row.path}\n" for row in source.rows if row.path not in own)
    return {name: len(own) for name, own in kept.items()} | {"near": int(near_held.sum())}


def _pixels(content: Path | bytes | np.ndarray) -> np.ndarray:
    return content if isinstance(content, np.ndarray) else load_image(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        counts = draw_contest(options.source, options.folder, options.seed)
    except EmotiwError as error:
        raise SystemExit(str(error)) from error
    print(
        f"{counts['train']} training faces, {counts['validation']} validation faces, "
        f"{counts['rest']} in the rest; {counts['near']} training faces near a validation face.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
