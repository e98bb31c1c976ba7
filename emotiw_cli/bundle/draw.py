"""Annotated pictures: a box and a label on each face and, where there is room, its posterior.

Sizes follow the faces and the picture. Every mark brings its own contrast, so that it reads on
light and dark ground alike, and all edges are smooth.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emotiw_cli.artefact import landing, make_folder
from emotiw_cli.bundle.result import FacePrediction
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import OutputError
from emotiw_cli.faces.images import load_image

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "angry": (229, 72, 77),
    "disgust": (140, 186, 66),
    "fear": (158, 118, 240),
    "happy": (255, 200, 61),
    "neutral": (178, 188, 200),
    "sad": (82, 148, 255),
    "surprise": (255, 138, 76),
}
_INK: Colour = (16, 20, 26)
_PAPER: Colour = (255, 255, 255)
_FAINT: Colour = (176, 184, 194)
_TRACK: Colour = (62, 70, 80)
_PANEL_OPACITY = 205
_HALO_OPACITY = 120
_SMOOTH = 4

SMALLEST = 480
"""Pictures of a shorter longest side are enlarged by a whole factor to have room for text."""

PANELS = 6
"""A picture of more faces gets no bars: they would hide it."""

JPEG_QUALITY = 92
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_NAME_BYTES = 200
"""Longest name of a drawing: file systems take 255 bytes, the file's way there needs some."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the drawing."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def within(self, size: tuple[int, int]) -> bool:
        return self.x >= 0 and self.y >= 0 and self.right <= size[0] and self.bottom <= size[1]

    def meets(self, other: Box) -> bool:
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )

    def inset(self, by: int) -> Box:
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)

    def moved_inside(self, size: tuple[int, int]) -> Box:
        return Box(
            max(0, min(self.x, size[0] - self.width)),
            max(0, min(self.y, size[1] - self.height)),
            self.width,
            self.height,
        )


def annotate(image: np.ndarray, faces: Sequence[FacePrediction]) -> np.ndarray:
    """Draw predictions on a copy of their picture.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB.
    faces : the picture's predictions; entries without a face draw nothing.

    Returns
    -------
    (H, W, 3) uint8 RGB, or a whole multiple of that size for small pictures.
    """
    canvas, zoom = enlarged(image)
    shown = [face for face in faces if face.posterior]
    boxes = [
        Box(face.x * zoom, face.y * zoom, face.width * zoom, face.height * zoom) for face in shown
    ]
    chips = [
        (f"{face.emotion} {percent(face.confidence)}", COLOURS[face.emotion]) for face in shown
    ]
    labels = frame(canvas, boxes, chips)
    taken = [*boxes, *(spot for _, spot in labels)]
    for face, box in zip(shown if len(shown) <= PANELS else [], boxes, strict=False):
        for share in (0.8, 0.55):
            panel = _Panel(face, round(share * _text_height(box, canvas.size)))
            spot = panel.find_room(box, canvas.size, taken)
            if spot is not None:
                panel.draw(canvas, spot)
                taken.append(spot)
                break
    for label, spot in labels:
        label.draw(canvas, spot)
    return np.asarray(canvas)


def enlarged(image: np.ndarray) -> tuple[Image.Image, int]:
    """A copy (H, W, 3) uint8 RGB to draw on, and how many times as large a side of it is."""
    zoom = max(1, -(-SMALLEST // max(image.shape[:2])))
    canvas = Image.fromarray(image)
    if zoom > 1:
        canvas = canvas.resize(
            (canvas.width * zoom, canvas.height * zoom), Image.Resampling.BICUBIC
        )
    return canvas, zoom


def frame(
    canvas: Image.Image, boxes: Sequence[Box], chips: Sequence[tuple[str, Colour]]
) -> list[tuple[Label, Box]]:
    """Frame `boxes` in the colours of their `chips`, and find a place for each chip's text.

    The labels are not drawn yet: what else goes on the picture should lie below them.
    """
    for box, (_, colour) in zip(boxes, chips, strict=True):
        _draw_frame(canvas, box, colour)
    taken = list(boxes)
    labels = []
    for box, (text, colour) in zip(boxes, chips, strict=True):
        label = Label(text, colour, _text_height(box, canvas.size))
        labels.append((label, _place(label.beside(box), canvas.size, taken, box)))
        taken.append(labels[-1][1])
    return labels


def _text_height(box: Box, size: tuple[int, int]) -> int:
    longest = max(size)
    return round(min(max(0.13 * box.width, 11, 0.013 * longest), max(14, 0.04 * longest)))


class Label:
    """A chip in a colour with a text on it, such as an emotion and how sure it is."""

    def __init__(self, text: str, colour: Colour, text_height: int) -> None:
        self._colour = colour
        self._text = text
        self._font = font(text_height)
        self._pad = max(3, round(0.4 * text_height))
        self.width = round(self._font.getlength(self._text)) + 2 * self._pad
        self.height = round(1.5 * text_height)

    def beside(self, box: Box) -> Iterator[Box]:
        """Where it may go, the best place first."""
        for y in (box.y - self.height, box.bottom, box.y, box.bottom - self.height):
            yield Box(box.x, y, self.width, self.height)

    def draw(self, canvas: Image.Image, spot: Box) -> None:
        fill(canvas, spot, self._colour, radius=round(0.25 * self.height))
        ImageDraw.Draw(canvas).text(
            (spot.x + self._pad, spot.y + self.height / 2),
            self._text,
            fill=_readable_on(self._colour),
            font=self._font,
            anchor="lm",
        )


class _Panel:
    """The seven probabilities as bars on a dark plate."""

    def __init__(self, face: FacePrediction, text_height: int) -> None:
        self._face = face
        text_height = max(10, text_height)
        self._font = font(text_height)
        self._row = round(1.45 * text_height)
        self._pad = round(0.6 * text_height)
        self._names = round(max(self._font.getlength(emotion) for emotion in EMOTIONS))
        self._bars = round(4.5 * text_height)
        self._shares = round(self._font.getlength("100 %"))
        self.width = self._names + self._bars + self._shares + 4 * self._pad
        self.height = len(EMOTIONS) * self._row + 2 * self._pad

    def find_room(self, box: Box, size: tuple[int, int], taken: Sequence[Box]) -> Box | None:
        """A free place beside the face, or None; a face that it would dwarf gets none."""
        if self.height > 1.6 * box.height:
            return None
        gap = self._pad
        tops = (box.y, box.bottom - self.height)
        lefts = (box.x, box.right - self.width)
        above = box.y - 2 * self._row - gap - self.height  # over the label
        spots = [
            *(Box(box.right + gap, y, self.width, self.height) for y in tops),
            *(Box(box.x - gap - self.width, y, self.width, self.height) for y in tops),
            *(Box(x, box.bottom + gap, self.width, self.height) for x in lefts),
            *(Box(x, above, self.width, self.height) for x in lefts),
        ]
        for spot in spots:
            if spot.within(size) and not any(spot.meets(other) for other in taken):
                return spot
        return None

    def draw(self, canvas: Image.Image, spot: Box) -> None:
        fill(canvas, spot, _INK, radius=self._pad, opacity=_PANEL_OPACITY)
        pen = ImageDraw.Draw(canvas)
        bar_height = max(3, round(0.42 * self._row))
        for row, (emotion, share) in enumerate(zip(EMOTIONS, self._face.posterior, strict=True)):
            middle = spot.y + self._pad + (row + 0.5) * self._row
            colour = _PAPER if emotion == self._face.emotion else _FAINT
            left = spot.x + self._pad
            pen.text((left, middle), emotion, fill=colour, font=self._font, anchor="lm")
            left += self._names + self._pad
            bar = Box(left, round(middle - bar_height / 2), self._bars, bar_height)
            fill(canvas, bar, _TRACK, radius=bar_height // 2)
            filled = round(share * self._bars)
            if filled > 0:
                part = Box(bar.x, bar.y, max(filled, bar_height), bar_height)
                fill(canvas, part, COLOURS[emotion], radius=bar_height // 2)
            right = spot.right - self._pad
            pen.text((right, middle), percent(share), fill=colour, font=self._font, anchor="rm")


def _place(spots: Iterable[Box], size: tuple[int, int], taken: Sequence[Box], own: Box) -> Box:
    """The first spot inside the picture and clear of everything but the face itself."""
    candidates = [spot.moved_inside(size) if _sideways(spot, size) else spot for spot in spots]
    inside = [spot for spot in candidates if spot.within(size)]
    for spot in inside:
        if not any(spot.meets(other) for other in taken if other is not own):
            return spot
    return (inside or [candidates[0].moved_inside(size)])[0]


def _sideways(spot: Box, size: tuple[int, int]) -> bool:
    return spot.y >= 0 and spot.bottom <= size[1]


def _draw_frame(canvas: Image.Image, box: Box, colour: Colour) -> None:
    thickness = max(2, round(min(0.02 * box.width, 0.006 * max(canvas.size))))
    edge = max(1, thickness // 3)
    radius = round(0.06 * box.width)
    _outline(canvas, box.inset(-edge), _INK, thickness + 2 * edge, radius + edge, _HALO_OPACITY)
    _outline(canvas, box, colour, thickness, radius)


def fill(canvas: Image.Image, box: Box, colour: Colour, radius: int, opacity: int = 255) -> None:
    """Fill a box with smooth round corners."""
    canvas.paste(colour, (box.x, box.y), _rounded(box.width, box.height, radius, opacity))


def _outline(
    canvas: Image.Image, box: Box, colour: Colour, thickness: int, radius: int, opacity: int = 255
) -> None:
    mask = _rounded(box.width, box.height, radius, opacity)
    hole = box.inset(thickness)
    if hole.width > 0 and hole.height > 0:
        inner = _rounded(hole.width, hole.height, max(0, radius - thickness), 255)
        mask.paste(0, (thickness, thickness), inner)
    canvas.paste(colour, (box.x, box.y), mask)


def _rounded(width: int, height: int, radius: int, opacity: int) -> Image.Image:
    """A mask of a rectangle with smooth round corners."""
    radius = min(radius, width // 2, height // 2)
    mask = Image.new("L", (width, height), opacity)
    if radius < 1:
        return mask
    corners = Image.new("L", (2 * radius * _SMOOTH, 2 * radius * _SMOOTH))
    ImageDraw.Draw(corners).ellipse((0, 0, corners.width - 1, corners.height - 1), fill=opacity)
    corners = corners.reduce(_SMOOTH)
    for x, left in ((0, 0), (width - radius, radius)):
        for y, top in ((0, 0), (height - radius, radius)):
            mask.paste(corners.crop((left, top, left + radius, top + radius)), (x, y))
    return mask


def _readable_on(colour: Colour) -> Colour:
    red, green, blue = colour
    return _INK if 0.299 * red + 0.587 * green + 0.114 * blue > 125 else _PAPER


def percent(share: float) -> str:
    """A share as whole percents."""
    return f"{100 * share:.0f} %"


@lru_cache(maxsize=32)
def font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of drawings, `height` pixels high."""
    return ImageFont.load_default(height)


def plan_drawings(
    paths: Iterable[str], folder: Path, suffixes: Sequence[str] = (".png", *_JPEG)
) -> dict[str, Path]:
    """Where the drawing of each picture goes.

    Below their common folder, pictures keep their folders and names. JPEG stays JPEG, everything
    else becomes PNG; names that thereby fall together, and shortened ones, get a number.

    Parameters
    ----------
    suffixes : those that may stay; all else gets the first.

    Raises
    ------
    OutputError
        If a drawing would replace one of the pictures.
    """
    # abspath, not resolve: a picture that is a link keeps the link's name.
    pictures = {path: Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100
    common = Path(os.path.commonpath([picture.parent for picture in pictures.values()] or [folder]))
    originals = {os.path.realpath(picture) for picture in pictures.values()}
    made: dict[Path, Path] = {}
    taken: set[Path] = set()
    for picture in dict.fromkeys(pictures.values()):
        relative = picture.relative_to(common)
        suffix = picture.suffix if picture.suffix.lower() in suffixes else suffixes[0]
        number = 1
        while True:
            ending = suffix if number == 1 else f"-{number}{suffix}"
            target = folder / relative.with_name(_shortened(picture.stem, ending) + ending)
            if target not in taken:
                break
            number += 1
        if os.path.realpath(target) in originals:
            raise OutputError(f"{target} is one of the pictures; draw into another folder.")
        made[picture] = target
        taken.add(target)
    return {path: made[picture] for path, picture in pictures.items()}


def _shortened(stem: str, ending: str) -> str:
    """`stem` cut, between two characters, to leave room for `ending`."""
    room = _NAME_BYTES - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem


def draw_file(faces: Sequence[FacePrediction], target: Path) -> None:
    """Decode the picture of `faces` again and write its annotated copy to `target`."""
    write_drawing(annotate(load_image(Path(faces[0].path)), faces), target)


def write_drawing(drawing: np.ndarray, target: Path) -> None:
    """Write an annotated picture, whole or not at all, as JPEG or PNG by the suffix of `target`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    make_folder(target.parent)
    picture = Image.fromarray(drawing)
    with landing(target) as temporary:
        if target.suffix.lower() in _JPEG:
            picture.save(temporary, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        else:
            picture.save(temporary, "PNG")
