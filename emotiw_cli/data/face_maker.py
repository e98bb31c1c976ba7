"""From one row of a source to its face."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from emotiw_cli.data.index import OK, FaceRow, landmarks_text
from emotiw_cli.data.sources.lines import BadRowError
from emotiw_cli.data.sources.source import BAD_ROW, Reader
from emotiw_cli.faces.align import align_face, fit_face
from emotiw_cli.faces.detectors import DEFAULT_DETECTOR, find_detector
from emotiw_cli.faces.images import ImageError, load_image, pixel_digest

if TYPE_CHECKING:
    from emotiw_cli.faces.landmarks import Landmarks68

NO_FACE = "no_face"
UNREADABLE = "unreadable"
WHOLE = "whole"
Missed = Literal["drop", "whole"]


@dataclass(frozen=True)
class FaceMaker:
    """Makes rows into faces; can be copied into worker processes.

    Attributes
    ----------
    read : reads a row's picture.
    size : (width, height) of the faces in pixels.
    detail : reduce a face to at most this many pixels across before it is enlarged, or None.
    detector : what finds the face, one of :data:`emotiw_cli.faces.detectors.DETECTORS`; None takes
        the picture, a crop already, as the face.
    missed : what becomes of a picture without a detected face: ``drop`` gives its row the status
        ``no_face``, ``whole`` takes the whole picture as the face.
    """

    read: Reader
    size: tuple[int, int]
    detail: int | None = None
    detector: str | None = DEFAULT_DETECTOR
    missed: Missed = "drop"

    def __call__(self, row: FaceRow) -> tuple[FaceRow, np.ndarray | None]:
        """The row with all that was found out, and its face, or None where there is none.

        The face is (H, W, 3) uint8 RGB, or (H, W, 1) if it is grey. Never raises: whatever is
        wrong with a picture becomes its row's status and note.
        """
        if row.status != OK:
            return row, None
        try:
            found, face = self._make(row)
        except ImageError as error:
            return replace(row, status=error.status, note=str(error)), None
        except BadRowError as error:
            return replace(row, status=BAD_ROW, note=str(error)), None
        except Exception as error:  # one picture never ends a run
            note = f"{type(error).__name__}: {error}"
            return replace(row, status=UNREADABLE, note=" ".join(note.split())), None
        return found, None if face is None else _grey_if_grey(face)

    def _make(self, row: FaceRow) -> tuple[FaceRow, np.ndarray | None]:
        content = self.read(row)
        image = content if isinstance(content, np.ndarray) else load_image(content, name=row.path)
        height, width = image.shape[:2]
        row = replace(row, width=width, height=height, pixels=pixel_digest(image))
        if self.detector is not None:
            faces = find_detector(self.detector)(image)
            if faces:
                chosen = faces[0]
                points = _landmarks().points(image, chosen)
                found = replace(
                    row,
                    faces=len(faces),
                    x=chosen.x,
                    y=chosen.y,
                    w=chosen.width,
                    h=chosen.height,
                    detector=chosen.method,
                    landmarks=landmarks_text(points),
                )
                return found, align_face(image, points, self.size, detail=self.detail)
            if self.missed == "drop":
                return replace(row, status=NO_FACE), None
        whole = replace(row, w=width, h=height, detector=WHOLE)
        return whole, fit_face(image, self.size, detail=self.detail)


@functools.cache
def _landmarks() -> Landmarks68:
    from emotiw_cli.faces.landmarks import Landmarks68

    return Landmarks68()


def _grey_if_grey(face: np.ndarray) -> np.ndarray:
    grey = face[:, :, :1]
    return np.ascontiguousarray(grey) if np.array_equal(grey.repeat(3, axis=2), face) else face
