"""From a face to a net's input, written down as data so that it can travel inside a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np

from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.inputs.representation import Representation

Crops = Literal["centre", "mirror", "ten"]
Order = Literal["rgb", "bgr"]


@dataclass(frozen=True)
class Preprocessing:
    """How a net's input is made of an aligned face.

    face → representation at the aligned size → resize to `resize`² (aspect ignored) → crop
    `crop`² → colour order → (value - mean) · scale.

    Attributes
    ----------
    representation : its name, see :class:`Representation`.
    face_size : (width, height) of the aligned face the codes are made on.
    detail : widest a face's own pixels may be before it is enlarged to `face_size`, or None.
    resize, crop : side lengths in pixels.
    crops : ``centre``; ``mirror``: the centre and the centre of the mirrored face; ``ten``: four
        corners and centre of the face and of its mirror image. Mirroring is done on the codes,
        by :func:`emotiw_cli.lbp.codes.mirror_codes`.
    mirror_mapped : mirror the mapped picture instead, as 10-crop implementations do.
    order : ``rgb`` or ``bgr``.
    mean : subtracted, in that order of channels. scale : multiplied afterwards, one number or
        one a channel.

    Raises
    ------
    InputError
        If the crop is larger than the picture it is cut from.
    """

    representation: str
    face_size: tuple[int, int]
    detail: int | None = None
    resize: int = 72
    crop: int = 64
    crops: Crops = "mirror"
    mirror_mapped: bool = False
    order: Order = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float | tuple[float, float, float] = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:  # slices would silently cut something else
            raise InputError(
                f"a crop of {self.crop} pixels cannot be cut from {self.resize}; use a smaller "
                "--crop or a larger --resize."
            )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Preprocessing:
        """Read what :meth:`to_json` wrote; :class:`ArtefactError` if it is something else."""
        try:
            values = dict(content)
            values["face_size"] = tuple(values["face_size"])
            values["mean"] = tuple(values["mean"])
            if isinstance(values.get("scale"), list):
                values["scale"] = tuple(values["scale"])
            made = cls(**values)
            Representation.parse(made.representation)
            if made.crops not in get_args(Crops) or made.order not in get_args(Order):
                raise ValueError(f"crops {made.crops!r}, order {made.order!r}")
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise ArtefactError(f"this preprocessing cannot be read ({error}).") from error
        return made

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return asdict(self)

    def crops_of(self, raw: np.ndarray) -> np.ndarray:
        """The net's inputs for one face.

        Parameters
        ----------
        raw : what :meth:`Representation.raw` gives of the face, uint8.

        Returns
        -------
        (k, 3, crop, crop) float32; k = 1, 2 or 10 by `crops`.
        """
        representation = Representation.parse(self.representation)
        pictures = [self.resized(representation.picture(raw))]
        if self.crops != "centre":
            mirrored = (
                np.ascontiguousarray(pictures[0][:, ::-1])
                if self.mirror_mapped
                else self.resized(representation.picture(representation.mirror(raw)))
            )
            pictures.append(mirrored)
        room = self.resize - self.crop
        centre = (room // 2, room // 2)
        corners = [(0, 0), (0, room), (room, 0), (room, room)] if self.crops == "ten" else []
        cut = [
            picture[top : top + self.crop, left : left + self.crop]
            for picture in pictures
            for top, left in [*corners, centre]
        ]
        return self.normalised(np.stack(cut))

    def resized(self, picture: np.ndarray) -> np.ndarray:
        """`picture` (h, w, 3) uint8 at `resize`², area-averaged down, cubic up."""
        return resize(picture, (self.resize, self.resize))

    def normalised(self, pictures: np.ndarray) -> np.ndarray:
        """(n, s, s, 3) RGB, uint8 or float32 in 0–255 → (n, 3, s, s) float32 for the net."""
        ordered = pictures[..., ::-1] if self.order == "bgr" else pictures
        values = ordered.astype(np.float32)
        values -= np.asarray(self.mean, dtype=np.float32)
        values *= np.asarray(self.scale, dtype=np.float32)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def resize(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`picture` at `size` (width, height): area-averaged down, cubic up, untouched if equal."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    smaller = size[0] <= width and size[1] <= height
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
