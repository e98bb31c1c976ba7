"""From one clip to its faces over time and its sound, as they are stored."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emotiw_cli.clips.decode import ClipError, Reading, read_frames, read_sound
from emotiw_cli.clips.index import ClipRow
from emotiw_cli.clips.look_twice import look_twice
from emotiw_cli.clips.made_clip import MadeClip, as_stored
from emotiw_cli.clips.tubes import SIZE, crop, detection
from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.faces.align import align_face, fit_face
from emotiw_cli.faces.images import ImageError, load_image
from emotiw_cli.faces.landmarks import Landmarks5

DETECTED, GIVEN = "detected", "given"


@dataclass(frozen=True)
class TubeMaker:
    """Makes clips into tubes; can be copied into worker processes.

    Attributes
    ----------
    root : what the rows' paths are relative to.
    size : (width, height) of the aligned faces. detail : as for `emotiw align`.
    every_frame : keep every frame's face; else those of the looks for faces, six a second.
    """

    root: Path
    size: tuple[int, int]
    detail: int | None
    every_frame: bool = False

    def __call__(self, task: tuple[ClipRow, list[str], float | None]) -> MadeClip:
        """The tubes of a clip, given its row, the pictures of its face that the set brings, and
        its frames a second, if it is an image sequence.

        Never raises: whatever is wrong with a clip becomes its row's status and note.
        """
        row, pictures, fps = task
        path = self.root / row.path
        faces: list[tuple[np.ndarray, np.ndarray, int, float]] = []
        sound = np.empty(0, np.float16)
        reading = Reading()
        try:
            faces = self._given(pictures, path, row, reading)
            faces = faces or self._detected(path, row, reading, fps)
            row = replace(row, status="ok" if faces else "no_face", note=reading.note)
        except ClipError as error:
            row = replace(row, status=error.status, note=str(error))
        except Exception as error:  # one clip never ends a run
            note = f"{type(error).__name__}: {error}"
            row = replace(row, status="unreadable", note=" ".join(note.split()))
        if row.status in ("ok", "no_face", "no_video"):
            heard = next(read_sound(path, RATE, name=row.path), np.empty(0))
            sound = as_stored(heard)
        width, height = self.size
        row = replace(
            row,
            seconds=round(max(reading.seconds, len(sound) / RATE), 3),
            frames=reading.frames,
            tubes=len({tube for *_, tube, _ in faces}),
            origin="" if not faces else GIVEN if pictures else DETECTED,
            crops=len(faces),
            samples=len(sound),
        )
        return MadeClip(
            row,
            np.array([crop for crop, *_ in faces], np.uint8).reshape(-1, SIZE, SIZE, 3),
            np.array([face for _, face, *_ in faces], np.uint8).reshape(-1, height, width, 3),
            np.array([tube for *_, tube, _ in faces], np.int16),
            np.array([time for *_, time in faces], np.float32),
            sound,
        )

    def _detected(
        self, path: Path, row: ClipRow, reading: Reading, fps: float | None
    ) -> list[tuple[np.ndarray, np.ndarray, int, float]]:
        shown = look_twice(
            lambda: read_frames(path, row.path, reading, fps=fps),
            lambda: read_frames(path, row.path, fps=fps),
            every_frame=self.every_frame,
        )
        made = []
        for faces in shown:
            image = faces.frame.image()
            for tube, box in zip(faces.tubes, faces.boxes, strict=True):
                points = _landmarks().points(image, detection(box, image))
                face = align_face(image, points, self.size, detail=self.detail)
                made.append((crop(image, box), face, tube.number, faces.frame.time))
        return sorted(made, key=lambda one: one[2:])

    def _given(
        self, pictures: list[str], path: Path, row: ClipRow, reading: Reading
    ) -> list[tuple[np.ndarray, np.ndarray, int, float]]:
        images = []
        for name in pictures:
            try:
                images.append(load_image(self.root / name, name=name))
            except ImageError as error:
                reading.note = str(error)
        if images:
            note = reading.note
            for _ in read_frames(path, row.path, reading):
                pass
            reading.note = note or reading.note
        return [
            (
                fit_face(image, (SIZE, SIZE)),
                fit_face(image, self.size, detail=self.detail),
                1,
                reading.seconds * place / len(images),
            )
            for place, image in enumerate(images)
        ]


@functools.cache
def _landmarks() -> Landmarks5:
    return Landmarks5()
