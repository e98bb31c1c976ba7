"""Mean images as Caffe's models have them, cut to a net's input."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from emotiw_cli.errors import InputError
from emotiw_cli.nets.caffe import read_binaryproto
from emotiw_cli.nets.registry import Net

SUFFIXES = (".binaryproto", ".npy")
MeanFit = Literal["crop", "resize"]


def read_mean_image(path: Path) -> np.ndarray:
    """A mean image: (3, height, width) float32, blue first, in 0–255.

    Raises
    ------
    InputError
        If `path` is neither a ``.binaryproto`` nor the ``.npy`` that Caffe's Python tools write of
        one, or has other than three colours.
    """
    if path.suffix == ".npy":
        try:
            image = np.load(path, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{path} cannot be read as an array ({error}).") from error
    else:
        image = read_binaryproto(path)
    if image.ndim != 3 or image.shape[0] != 3:
        shape = "×".join(str(side) for side in image.shape)
        raise InputError(
            f"{path} is a mean image of {shape} numbers, the nets take 3 colours × height × width; "
            "give the one that the weights came with."
        )
    return image


def mean_for(
    image: np.ndarray, net: Net, resize: int, crop: int, fit: MeanFit
) -> tuple[Tensor, str]:
    """What `net` subtracts of its normalised input to have `image` subtracted from the picture.

    Parameters
    ----------
    image : (3, h, w) float32, blue first.
    resize, crop : sides of the picture and of the input cut from its centre, pixels.
    fit : ``crop``: the mean is one of the whole picture and is cut as it is; ``resize``: it is
        shrunk to the input.

    Returns
    -------
    (3, crop, crop) float32, and what was done: ``matched``, ``cropped``, ``resized``, or ``resized
    and cropped``.
    """
    size = image.shape[1:]
    how = "matched"
    if size != (crop, crop):
        side = crop if fit == "resize" else resize
        done = []
        if size != (side, side):
            picture = np.ascontiguousarray(image.transpose(1, 2, 0))
            scaled = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)
            image = scaled.transpose(2, 0, 1)
            done.append("resized")
        if side != crop:
            start = (side - crop) // 2
            image = image[:, start : start + crop, start : start + crop]
            done.append("cropped")
        how = " and ".join(done)
    ordered = image if net.order == "bgr" else image[::-1]
    mean, scale = (
        np.broadcast_to(np.asarray(part, np.float32), (3,))[:, None, None]
        for part in (net.mean, net.scale)
    )
    return torch.from_numpy(np.ascontiguousarray((ordered - mean) * scale)), how
