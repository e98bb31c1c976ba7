"""Make two tiny sets of faces from the two free photos, to try every stage on.

They only show the way: the pictures of a class are one person's photo, turned, cropped and lit
in other ways, and a class's emotion is a name and nothing more. Nothing can be learnt of people.

    python examples/make_tiny_set.py FOLDER

writes FOLDER/people, a folder per person, and FOLDER/emotions, a folder per emotion in each of
train, val and test. One test picture shows no face.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

PHOTOS = Path(__file__).parent / "photos"
SIDE = 220
"""Width and height of a picture in pixels."""

# Photo, centre of the face and half of the side that is cut out around it, in its pixels.
PEOPLE = {
    "collins": ("astronaut.png", (223, 125), 110),
    "hopper": ("grace_hopper.jpg", (269, 245), 240),
}
EMOTIONS = {
    "happy": ("collins", 1.0),
    "neutral": ("hopper", 1.0),
    "surprise": ("hopper", 1.25),
}
"""Emotion → the person that stands for it, and how much the picture is stretched in height."""

SPLITS = {"train": 12, "val": 5, "test": 4}


def variations(
    person: str, count: int, generator: np.random.Generator, stretch: float = 1.0
) -> Iterator[Image.Image]:
    """`count` pictures of `person`, no two alike."""
    name, (x, y), half = PEOPLE[person]
    photo = Image.open(PHOTOS / name).convert("RGB")
    for _ in range(count):
        near = half * generator.uniform(0.85, 1.0)
        dx, dy = generator.uniform(-0.08, 0.08, 2) * half
        box = (x + dx - near, y + dy - near / stretch, x + dx + near, y + dy + near / stretch)
        turned = photo.rotate(
            generator.uniform(-8, 8), Image.Resampling.BICUBIC, center=(x, y), expand=False
        )
        picture = turned.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=_inside(box, photo))
        for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = change(picture).enhance(generator.uniform(0.75, 1.25))
        yield (
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            if generator.random() < 0.5
            else (picture)
        )


def _inside(
    box: tuple[float, float, float, float], photo: Image.Image
) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return max(0, left), max(0, top), min(photo.width, right), min(photo.height, bottom)


def make_tiny_set(folder: Path, seed: int = 0) -> None:
    """Write both sets below `folder`; the same seed gives the same pictures."""
    generator = np.random.default_rng(seed)
    for person in PEOPLE:
        _write(folder / "people" / person, variations(person, 20, generator))
    for split, count in SPLITS.items():
        for emotion, (person, stretch) in EMOTIONS.items():
            place = folder / "emotions" / split / emotion
            _write(place, variations(person, count, generator, stretch))
    nothing = Image.effect_noise((SIDE, SIDE), 40)
    nothing.save(folder / "emotions" / "test" / "neutral" / "no-face.png")


def _write(folder: Path, pictures: Iterator[Image.Image]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number:02d}.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER")
    make_tiny_set(Path(sys.argv[1]))
