"""What `predict` found in a clip: one result type with clear fields, and its csv and JSON forms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotiw_cli.bundle.result import csv_rows, json_list
from emotiw_cli.emotions import EMOTIONS

COLUMNS = (
    *("path", "status", "part", "tube", "time", "x", "y", "width", "height"),
    *EMOTIONS,
    *("emotion", "confidence"),
)
"""The csv's columns: other programs rely on them."""

Posterior = tuple[float, ...]
"""Seven probabilities in the order of :data:`EMOTIONS`, or empty where there is none."""


@dataclass(frozen=True)
class Step:
    """A face at one time: its box in pixels of the upright frame, and its posterior."""

    time: float
    x: int
    y: int
    width: int
    height: int
    posterior: Posterior


@dataclass(frozen=True)
class TubePrediction:
    """One face through the clip.

    Attributes
    ----------
    number : from 1, in the order of appearance.
    frames : numbers of the frames it is in, in order.
    boxes : (n, 4) float: its smoothed boxes there, for drawing.
    steps : where its emotion was read.
    """

    number: int
    frames: tuple[int, ...]
    boxes: np.ndarray
    steps: tuple[Step, ...]

    @property
    def posterior(self) -> Posterior:
        """The mean over its steps."""
        return mean_posterior(self.steps)


@dataclass(frozen=True)
class Heard:
    """The voice in a span of sound around a time, in seconds."""

    time: float
    posterior: Posterior


@dataclass(frozen=True)
class ClipPrediction:
    """One clip, or why it gave nothing.

    Attributes
    ----------
    path : as it was given.
    status : ``ok``; ``voice_only``, no face was seen; ``no_face``, nor was a voice heard;
        ``missing``, ``unreadable``, ``no_video``, ``too_large``.
    posterior : of the clip.
    tubes : its faces.
    heard : its voice.
    seconds, frames : its length.
    took : seconds it took to read.
    note : a sentence on what went wrong, or empty.
    """

    path: str
    status: str = "ok"
    posterior: Posterior = ()
    tubes: tuple[TubePrediction, ...] = ()
    heard: tuple[Heard, ...] = ()
    seconds: float = 0.0
    frames: int = 0
    took: float = 0.0
    note: str = ""

    def rows(self) -> Iterator[list[str]]:
        """The csv's rows: one of the clip, one of each tube with those of its steps, and one of the
        voice with those of its spans.
        """
        yield self._row("clip", "", *[""] * 5, posterior=self.posterior)
        for tube in self.tubes:
            start = f"{tube.steps[0].time:.3f}"
            yield self._row("tube", tube.number, start, *[""] * 4, posterior=tube.posterior)
            for step in tube.steps:
                yield self.step_row(tube.number, step.time, step)

        if self.heard:
            start = f"{self.heard[0].time:.3f}"
            yield self._row("voice", "", start, *[""] * 4, posterior=self.voice_posterior)
            for span in self.heard:
                time = f"{span.time:.3f}"
                yield self._row("span", "", time, *[""] * 4, posterior=span.posterior)

    def step_row(self, tube: int | str, time: float, step: Step | None) -> list[str]:
        """The csv's row of a face at a time, or that there was none."""
        box = (step.x, step.y, step.width, step.height) if step else [""] * 4
        posterior = step.posterior if step else ()
        return self._row("step", tube, f"{time:.3f}", *box, posterior=posterior)

    @property
    def faces_posterior(self) -> Posterior:
        """The mean over all steps of all faces."""
        return mean_posterior(tuple(step for tube in self.tubes for step in tube.steps))

    @property
    def voice_posterior(self) -> Posterior:
        """The mean over the spans of the voice."""
        return mean_posterior(self.heard)

    def _row(self, part: str, *cells: object, posterior: Posterior) -> list[str]:
        shares = [f"{share:.6f}" for share in posterior] or [""] * len(EMOTIONS)
        answer = [emotion_of(posterior), f"{max(posterior):.6f}"] if posterior else ["", ""]
        return [self.path, self.status, part, *map(str, cells), *shares, *answer]

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return {
            "path": self.path,
            "status": self.status,
            "note": self.note,
            "seconds": round(self.seconds, 3),
            "frames": self.frames,
            "took": round(self.took, 3),
            **_answer(self.posterior),
            "tubes": [
                {
                    "tube": tube.number,
                    **_answer(tube.posterior),
                    "steps": [
                        {
                            "time": round(step.time, 3),
                            "box": {
                                "x": step.x,
                                "y": step.y,
                                "width": step.width,
                                "height": step.height,
                            },
                            **_answer(step.posterior),
                        }
                        for step in tube.steps
                    ],
                }
                for tube in self.tubes
            ],
            "faces": _answer(self.faces_posterior),
            "voice": {
                **_answer(self.voice_posterior),
                "spans": [
                    {"time": round(span.time, 3), **_answer(span.posterior)} for span in self.heard
                ],
            },
        }


def mean_posterior(steps: tuple[Step, ...] | tuple[Heard, ...]) -> Posterior:
    """The mean of the posteriors of steps or spans; empty if there are none."""
    if not steps:
        return ()
    return tuple(np.mean([step.posterior for step in steps], axis=0).tolist())


def emotion_of(posterior: Posterior) -> str:
    """The likeliest emotion; empty without a posterior."""
    return EMOTIONS[posterior.index(max(posterior))] if posterior else ""


def _answer(posterior: Posterior) -> dict[str, Any]:
    if not posterior:
        return {"posterior": None, "emotion": "", "confidence": 0.0}
    return {
        "posterior": {
            emotion: round(share, 6) for emotion, share in zip(EMOTIONS, posterior, strict=True)
        },
        "emotion": emotion_of(posterior),
        "confidence": round(max(posterior), 6),
    }


def csv_file(target: str) -> AbstractContextManager[Any]:
    """A function that appends a clip's rows to the csv at `target` (``-``: stdout)."""
    return csv_rows(target, COLUMNS, ClipPrediction.rows)


def json_file(target: str) -> AbstractContextManager[Any]:
    """A function that appends a clip to the JSON at `target` (``-``: stdout)."""
    return json_list(target, "clips", ClipPrediction.to_json)
