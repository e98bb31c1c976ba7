"""Where a bundle fails, shown on photos: each as it is, then changed as life changes pictures.

    python benchmarks/failures.py PHOTO [PHOTO …] --figure FILE.jpg [--bundle default] [--work work]

The changes are made to the photo, before the face is looked for, so a face that is no longer found
shows too. Each tile says what `emotiw predict` makes of the largest face and how sure it is; it is
framed where that differs from the photo as it is. A change is a failure of the bundle only as far
as people would still see the same expression; of a covered mouth they are less sure themselves.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from labelled_faces import markdown
from PIL import Image, ImageDraw, ImageFont

from emotiw_cli.bundle.load import find_bundle, load_bundle
from emotiw_cli.bundle.predict import predict_photo
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.errors import EmotiwError
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.detectors import DEFAULT_DETECTOR, find_detector
from emotiw_cli.faces.images import load_image

Change = Callable[[np.ndarray, Detection], np.ndarray]
TILE = 150
"""Side of a tile's picture, px."""
_TEXT = 34


def turned(image: np.ndarray, box: Detection, degrees: float) -> np.ndarray:
    """Turn the picture about the middle of the face."""
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1)
    size = image.shape[1::-1]
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)


def covered(image: np.ndarray, box: Detection, top: float, bottom: float) -> np.ndarray:
    """Paint the face from `top` to `bottom`, shares of its height, as a mask or dark glasses do."""
    first, last = (round(box.y + share * box.height) for share in (top, bottom))
    left, right = round(box.x + 0.05 * box.width), round(box.x + 0.95 * box.width)
    changed = image.copy()
    changed[max(first, 0) : last, max(left, 0) : right] = (40, 40, 45)
    return changed


def dark(image: np.ndarray, box: Detection) -> np.ndarray:
    """An exposure of a tenth, with the noise of a small camera."""
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.clip(image * 0.1 + noise, 0, 255).astype(np.uint8)


def distant(image: np.ndarray, box: Detection, pixels: int) -> np.ndarray:
    """The face `pixels` wide, enlarged again."""
    share = pixels / box.width
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def blurred(image: np.ndarray, box: Detection) -> np.ndarray:
    """Motion from left to right by a fifth of the face."""
    length = max(3, round(box.width / 5))
    return cv2.filter2D(image, -1, np.full((1, length), 1 / length))


def squeezed(image: np.ndarray, box: Detection) -> np.ndarray:
    """Two thirds as wide about the middle of the face, as a wrong aspect ratio makes it."""
    middle = box.x + box.width / 2
    matrix = np.array([[2 / 3, 0, middle / 3], [0, 1.0, 0]])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


CHANGES: Mapping[str, Change] = {
    "as it is": lambda image, box: image,
    "turned 30°": lambda image, box: turned(image, box, 30),
    "turned 60°": lambda image, box: turned(image, box, 60),
    "upside down": lambda image, box: turned(image, box, 180),
    "mouth covered": lambda image, box: covered(image, box, 0.6, 1.05),
    "eyes covered": lambda image, box: covered(image, box, 0.2, 0.45),
    "dark": dark,
    "24 px": lambda image, box: distant(image, box, 24),
    "12 px": lambda image, box: distant(image, box, 12),
    "motion": blurred,
    "squeezed": squeezed,
    "negative": lambda image, box: 255 - image,
}


def look(bundle: Bundle, image: np.ndarray) -> tuple[str, float]:
    """The emotion of the largest face and its share; ``no face`` and 0 where none is found."""
    found = [face for face in predict_photo(image, bundle) if face.posterior]
    if not found:
        return "no face", 0.0
    largest = max(found, key=lambda face: face.width * face.height)
    return largest.emotion, max(largest.posterior)


def tile(image: np.ndarray, box: Detection, text: Sequence[str], differs: bool) -> Image.Image:
    """A tile: the surroundings of the face, two lines below, a frame where the answer differs."""
    half = 0.8 * max(box.width, box.height)
    middle = np.array([box.x + box.width / 2, box.y + box.height / 2])
    left, top = (int(max(0, value)) for value in middle - half)
    right, bottom = (int(value) for value in middle + half)
    made = Image.new("RGB", (TILE, TILE + _TEXT), "white")
    part = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
    made.paste(part.resize((TILE, TILE)))
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(13)
    for number, line in enumerate(text):
        pen.text((4, TILE + 2 + 15 * number), line, fill="black", font=font)
    if differs:
        pen.rectangle((0, 0, TILE - 1, TILE - 1), outline=(214, 39, 40), width=4)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--figure", type=Path, required=True, help="the sheet, jpg or png")
    options = parser.parse_args()
    try:
        bundle = load_bundle(find_bundle(options.bundle, options.work))
        images = [load_image(path) for path in options.photos]
    except EmotiwError as error:
        raise SystemExit(f"failures not shown: {error}") from error
    columns, rows = (len(CHANGES) + 1) // 2, []
    sheet = Image.new("RGB", (columns * TILE, 2 * len(images) * (TILE + _TEXT)), "white")
    for place, (path, image) in enumerate(zip(options.photos, images, strict=True)):
        boxes = find_detector(DEFAULT_DETECTOR)(image)
        if not boxes:
            raise SystemExit(f"failures not shown: {path} has no face; give another photo.")
        box = max(boxes, key=lambda one: one.width * one.height)
        usual, _ = look(bundle, image)
        for number, (name, change) in enumerate(CHANGES.items()):
            changed = change(image, box)
            emotion, share = look(bundle, changed)
            said = f"{emotion} {share:.0%}" if share else emotion
            row, column = divmod(number, columns)
            corner = (column * TILE, (2 * place + row) * (TILE + _TEXT))
            sheet.paste(tile(changed, box, (name, said), emotion != usual), corner)
            rows.append([path.name, name, said, "" if emotion == usual else "differs"])
    sheet.save(options.figure, quality=85)
    print(markdown(["photo", "change", f"{bundle.spec.name} says", ""], rows))


if __name__ == "__main__":
    main()
