"""Annotated group photos: what each face alone would say, and below that the group's answer."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from emotiw_cli.bundle.draw import Box, Colour, enlarged, fill, font, frame, percent
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.groups.result import GroupPrediction, emotion_of

GROUP_COLOURS: dict[str, Colour] = {
    "negative": (82, 148, 255),
    "neutral": (178, 188, 200),
    "positive": (255, 200, 61),
}
_GROUND: Colour = (16, 20, 26)
_PAPER: Colour = (255, 255, 255)
_CROWD = 12
"""From so many faces on their labels are percents alone: the colour names the emotion."""


def annotate_group(image: np.ndarray, prediction: GroupPrediction) -> np.ndarray:
    """Draw a prediction on a copy of its picture, with a strip below it.

    Parameters
    ----------
    image : (H, W, 3) uint8 RGB.

    Returns
    -------
    (H + h, W, 3) uint8 RGB, for small pictures of whole multiples of H and W.
    """
    canvas, zoom = enlarged(image)
    boxes, chips = [], []
    for face in prediction.faces:
        boxes.append(Box(face.x * zoom, face.y * zoom, face.width * zoom, face.height * zoom))
        emotion = emotion_of(face.posterior) or "neutral"
        sure = percent(max(face.posterior))
        text = sure if len(prediction.faces) >= _CROWD else f"{emotion} {sure}"
        chips.append((text, GROUP_COLOURS[emotion]))
    for label, spot in frame(canvas, boxes, chips):
        label.draw(canvas, spot)
    return np.concatenate([np.asarray(canvas), _strip(canvas.width, prediction)])


def _strip(width: int, prediction: GroupPrediction) -> np.ndarray:
    """The answer in words and its three probabilities as one bar, (h, width, 3) uint8."""
    text = min(max(14, round(0.028 * width)), 40)
    pad = round(0.6 * text)
    strip = Image.new("RGB", (width, 3 * text + 3 * pad), _GROUND)
    pen = ImageDraw.Draw(strip)
    count = len(prediction.faces)
    who = f"{count} face{'' if count == 1 else 's'}" if count else "no face found"
    if prediction.emotion:
        answer = f"{prediction.emotion} {percent(max(prediction.posterior))}"
        colour = GROUP_COLOURS[prediction.emotion]
        pen.text((pad, pad), answer, fill=colour, font=font(round(1.2 * text)))
    pen.text((width - pad, pad), who, fill=_PAPER, font=font(text), anchor="ra")
    left, top = pad, 2 * pad + round(1.3 * text)
    room = width - 2 * pad
    for emotion, share in zip(CLASSES, prediction.posterior, strict=True):
        part = round(share * room)
        if part > 2:
            box = Box(left, top, part - 2, round(1.3 * text))
            fill(strip, box, GROUP_COLOURS[emotion], radius=max(2, text // 4))
            told = f"{emotion} {percent(share)}"
            small = font(round(0.85 * text))
            if small.getlength(told) < part - pad:
                middle = (left + part / 2, top + 0.65 * text)
                pen.text(middle, told, fill=_GROUND, font=small, anchor="mm")
        left += part
    return np.asarray(strip)
