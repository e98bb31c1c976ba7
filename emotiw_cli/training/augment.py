"""Augmentation: what cameras and people do to faces, done to training faces.

Every random choice comes from a generator keyed by (seed, epoch, face), so a face looks the same
in an epoch however many workers or processes there are and wherever a run was resumed.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.lbp.codes import to_grey
from emotiw_cli.training.recipe import Augment

SCALE, TURN, SHIFT, ASPECT = 0.16, 14.0, 0.11, 0.06  # share, degrees, share of the side, share


def generator(seed: int, epoch: int, face: int) -> np.random.Generator:
    """The generator of all random choices for one face in one epoch."""
    return np.random.Generator(np.random.Philox(key=[seed, (epoch << 40) | face]))


def augmented(
    raw: np.ndarray,
    preprocessing: Preprocessing,
    augment: Augment,
    *,
    seed: int,
    epoch: int,
    face: int,
) -> np.ndarray:
    """One training input of a face.

    Parameters
    ----------
    raw : what :meth:`Representation.raw` gives of the face, uint8.
    face : number of the face in the training set.

    Returns
    -------
    (crop, crop, 3) uint8 RGB, to be normalised.
    """
    if augment == "none":
        return _coloured(_cut(_resized(raw, preprocessing, mirrored=False), preprocessing, crop=4))
    if augment == "ten":
        # Each face starts at another crop, and after ten epochs has been shown in each once.
        number = (face + epoch) % 10
        resized = _resized(raw, preprocessing, mirrored=number >= 5)
        return _coloured(_cut(resized, preprocessing, number % 5))
    random = generator(seed, epoch, face)
    mapped = Representation.parse(preprocessing.representation).mapped
    resized = _resized(raw, preprocessing, mirrored=random.random() < 0.5)
    warped = _warp(resized, preprocessing.crop, random)
    return _erase(_coloured(warped if mapped else _light(warped, random)), random)


def _resized(raw: np.ndarray, preprocessing: Preprocessing, *, mirrored: bool) -> np.ndarray:
    """(s, s) uint8 of a grey face, whose channels would all be the same work; else (s, s, 3)."""
    representation = Representation.parse(preprocessing.representation)
    raw = representation.mirror(raw) if mirrored else raw
    if representation.metric == "grey":
        return preprocessing.resized(to_grey(raw))
    return preprocessing.resized(representation.picture(raw))


def _coloured(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture


def _cut(picture: np.ndarray, preprocessing: Preprocessing, crop: int) -> np.ndarray:
    """Crop 0–3: the corners; 4: the centre."""
    side, room = preprocessing.crop, preprocessing.resize - preprocessing.crop
    top, left = [(0, 0), (0, room), (room, 0), (room, room), (room // 2, room // 2)][crop]
    return picture[top : top + side, left : left + side]


def _warp(picture: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """Scale, turn and shift about the centre of the centre crop."""
    scale = math.exp(random.uniform(-SCALE, SCALE))
    aspect = math.exp(random.uniform(-ASPECT, ASPECT))
    turn = math.radians(random.uniform(-TURN, TURN))
    shift = random.uniform(-SHIFT, SHIFT, size=2) * side
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = turned @ np.diag([scale * aspect, scale / aspect])
    source = np.array([(picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2])
    target = np.array([(side - 1) / 2, (side - 1) / 2]) + shift
    affine = np.column_stack([matrix, target - matrix @ source])
    return cv2.warpAffine(
        picture, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _light(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Exposure, contrast, light from a side, few pixels, softness, compression and noise.

    (h, w) or (h, w, 3) uint8 → the same. The ranges reach beyond what the benchmark of robustness
    tries: gamma 0.4 to 2.5, half the contrast, light that falls to 30 % from one side to the other.
    """
    values = picture.astype(np.float32) / 255

    def all_channels(plane: np.ndarray) -> np.ndarray:
        return plane if values.ndim == 2 else plane[:, :, None]

    if random.random() < 0.5:
        values = values ** math.exp(random.uniform(-1.0, 1.0))
    if random.random() < 0.5:
        mean = values.mean()
        values = (values - mean) * math.exp(random.uniform(-0.8, 0.4)) + mean
        values += random.uniform(-0.15, 0.15)
    if random.random() < 0.25:
        height, width = values.shape[:2]
        angle = random.uniform(0, 2 * math.pi)
        across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * math.cos(angle)
        down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * math.sin(angle)
        depth = random.uniform(0.2, 0.8)
        values *= all_channels(1 - depth * (across + down + 1.42) / 2.84)
    values = np.clip(values, 0, 1)
    if random.random() < 0.15:
        few = round(values.shape[0] * random.uniform(0.3, 0.7))
        small = cv2.resize(values, (few, few), interpolation=cv2.INTER_AREA)
        values = cv2.resize(small, values.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.2:
        values = cv2.GaussianBlur(values, (0, 0), random.uniform(0.4, 1.2))
    if random.random() < 0.2:
        noise = random.normal(0, random.uniform(0.01, 0.05), values.shape[:2])
        values = np.clip(values + all_channels(noise.astype(np.float32)), 0, 1)
    made = np.round(values * 255).astype(np.uint8)
    if random.random() < 0.15:
        quality = int(random.integers(25, 80))
        packed = cv2.imencode(".jpg", made, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        kind = cv2.IMREAD_GRAYSCALE if made.ndim == 2 else cv2.IMREAD_COLOR
        return np.asarray(cv2.imdecode(packed, kind))
    return made


def _erase(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cover a rectangle, as a hand or a microphone does, in one face of four."""
    if random.random() >= 0.25:
        return picture
    side = picture.shape[0]
    height, width = (int(side * random.uniform(0.1, 0.35)) for _ in range(2))
    top = int(random.integers(0, side - height + 1))
    left = int(random.integers(0, side - width + 1))
    covered = picture.copy()
    covered[top : top + height, left : left + width] = random.integers(0, 256, 3, dtype=np.uint8)
    return covered
