"""Modules at work on one clip: they see its faces and hear its voice, and what fuses them answers.

After Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2). Faces may come frame by frame, as
`emotiw predict` finds them, or all at once, as tubes hold them; the answer is the same but for the
rounding of float32. What is kept of a clip is seven numbers a face, and ten small pictures of each
face that is still there: memory does not grow with its frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.clips.activity import Activity, WordCounter
from emotiw_cli.clips.aggregate import frame_mean, segment_means
from emotiw_cli.clips.made_clip import MadeClip
from emotiw_cli.clips.mouths import Mouths
from emotiw_cli.clips.svm import Svm
from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.clips.voice.run import STEP, VoiceModel
from emotiw_cli.emotions import EMOTIONS


class Sight:
    """Faces of a clip, or of one of its frames.

    Parameters
    ----------
    crops : (n, 96, 96, 3) uint8, of each tube in the order of time.
    faces : gives the same n faces aligned, if a module wants them.
    tube : (n,) int: number of each one's tube.
    last : (n,) bool: whether its tube ends with it.
    """

    def __init__(
        self,
        crops: np.ndarray,
        faces: Callable[[], Sequence[np.ndarray]],
        tube: np.ndarray,
        last: np.ndarray,
    ) -> None:
        self.crops, self.tube, self.last = crops, tube, last
        self._faces = faces
        self._posteriors: dict[Bundle, np.ndarray] = {}

    @classmethod
    def of(cls, clip: MadeClip) -> Sight:
        """All faces of a stored clip, of which there must be one."""
        _, places = np.unique(clip.tube[::-1], return_index=True)
        last = np.zeros(len(clip.tube), bool)
        last[len(last) - 1 - places] = True
        return cls(clip.crops, lambda: list(clip.faces), clip.tube, last)

    def posteriors(self, bundle: Bundle) -> np.ndarray:
        """What a still bundle says of each face: (n, 7) float64; asked once, however often."""
        if bundle not in self._posteriors:
            self._posteriors[bundle] = bundle.posteriors(self._faces())
        return self._posteriors[bundle]


class Reader(ABC):
    """What a module finds in one clip."""

    def see(self, sight: Sight) -> None:  # noqa: B027 (a voice sees nothing)
        """Take faces in; frames in the order of time."""

    def hear(self, voice: VoiceModel, posterior: np.ndarray) -> None:  # noqa: B027
        """Take in what a voice model says of the next span of sound."""

    @abstractmethod
    def posterior(self) -> np.ndarray:
        """Its answer, once all was seen and heard: (7,) float64, not finite if it has none."""

    @property
    def said(self) -> bool:
        """Whether the clip had something for it; what fuses modules answers to nothing, too."""
        return bool(np.isfinite(self.posterior()).all())


class Module(ABC):
    """A fitted module."""

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The still bundles it reads faces with."""
        return ()

    @property
    def voices(self) -> tuple[VoiceModel, ...]:
        """The voice models it hears with."""
        return ()

    @property
    def every_frame(self) -> bool | None:
        """Whether it reads movement in every frame's faces, or in those of six looks a second; None
        where it does not matter or is not known.
        """
        return None

    @abstractmethod
    def begin(self) -> Reader:
        """Start with a clip."""


@dataclass(frozen=True)
class FacesModule(Module):
    """The mean of the posteriors of faces or, with a machine, ten segments of them."""

    bundle: Bundle
    machine: Svm | None = None

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        return (self.bundle,)

    def begin(self) -> Reader:
        def answer(posteriors: np.ndarray) -> np.ndarray:
            if self.machine is None:
                return frame_mean(posteriors)
            segments = segment_means(posteriors)
            return np.asarray(self.machine.posteriors(segments[None], len(EMOTIONS))[0])

        return _OfFaces(lambda sight: sight.posteriors(self.bundle), answer)


@dataclass(frozen=True)
class MouthsModule(Module):
    """The bag of mouths."""

    mouths: Mouths

    def begin(self) -> Reader:
        return _OfFaces(lambda sight: self.mouths.posteriors(sight.crops), frame_mean)


class _OfFaces(Reader):
    """Keeps a posterior for each face; the answer is of all, tube by tube."""

    def __init__(
        self, read: Callable[[Sight], np.ndarray], answer: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self._read, self._answer = read, answer
        self._posteriors: list[np.ndarray] = []
        self._tubes: list[np.ndarray] = []

    def see(self, sight: Sight) -> None:
        self._posteriors.append(self._read(sight))
        self._tubes.append(sight.tube)

    def posterior(self) -> np.ndarray:
        if not self._tubes:
            return np.full(len(EMOTIONS), np.nan)
        order = np.argsort(np.concatenate(self._tubes), kind="stable")
        return self._answer(np.concatenate(self._posteriors)[order])


@dataclass(frozen=True)
class ActivityModule(Module):
    """How faces move."""

    activity: Activity

    @property
    def every_frame(self) -> bool | None:
        return self.activity.every_frame

    def begin(self) -> Reader:
        return _OfMovement(self.activity)


class _OfMovement(Reader):
    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._counter = WordCounter(activity.movements)

    def see(self, sight: Sight) -> None:
        for crop, tube, last in zip(
            sight.crops, sight.tube.tolist(), sight.last.tolist(), strict=True
        ):
            self._counter.add(crop, tube)
            if last:
                self._counter.end(tube)

    def posterior(self) -> np.ndarray:
        return self._activity.of_histogram(self._counter.histogram())


@dataclass(frozen=True)
class VoiceModule(Module):
    """The mean over the spans of sound in which somebody speaks."""

    voice: VoiceModel

    @property
    def voices(self) -> tuple[VoiceModel, ...]:
        return (self.voice,)

    def begin(self) -> Reader:
        return _OfVoice(self.voice)


class _OfVoice(Reader):
    def __init__(self, voice: VoiceModel) -> None:
        self._voice = voice
        self._spans: list[np.ndarray] = []

    def hear(self, voice: VoiceModel, posterior: np.ndarray) -> None:
        if voice is self._voice:
            self._spans.append(posterior)

    def posterior(self) -> np.ndarray:
        return np.mean(self._spans, axis=0) if self._spans else np.full(len(EMOTIONS), np.nan)


class Fuses(Protocol):
    """A way of fusing."""

    def posteriors(self, posteriors: np.ndarray) -> np.ndarray:
        """(m, n, 7) float, rows not finite where a module has no answer → (n, 7) float64."""


@dataclass(frozen=True)
class FusedModule(Module):
    """Modules and what fuses them.

    Attributes
    ----------
    names : of the modules, in the order of `modules`.
    """

    names: tuple[str, ...]
    modules: tuple[Module, ...]
    fusion: Fuses

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        return tuple(dict.fromkeys(b for module in self.modules for b in module.bundles))

    @property
    def voices(self) -> tuple[VoiceModel, ...]:
        return tuple(dict.fromkeys(v for module in self.modules for v in module.voices))

    @property
    def every_frame(self) -> bool | None:
        known = [module.every_frame for module in self.modules if module.every_frame is not None]
        return known[0] if known else None

    def begin(self) -> FusedReader:
        return FusedReader([module.begin() for module in self.modules], self.fusion)


class FusedReader(Reader):
    """What the modules of a fused one find in a clip; it answers even if none of them does."""

    def __init__(self, readers: Sequence[Reader], fusion: Fuses) -> None:
        self._readers, self._fusion = readers, fusion

    def see(self, sight: Sight) -> None:
        for reader in self._readers:
            reader.see(sight)

    def hear(self, voice: VoiceModel, posterior: np.ndarray) -> None:
        for reader in self._readers:
            reader.hear(voice, posterior)

    def alone(self) -> np.ndarray:
        """Each module's own answer: (m, 7) float64."""
        return np.stack([reader.posterior() for reader in self._readers])

    def posterior(self) -> np.ndarray:
        return np.asarray(self._fusion.posteriors(self.alone()[:, None])[0])

    @property
    def said(self) -> bool:
        return any(reader.said for reader in self._readers)


@dataclass(frozen=True)
class Answer:
    """What a module says of a stored clip.

    Attributes
    ----------
    posterior : (7,) float64, not finite if it has none.
    said : whether the clip had something for it, see :attr:`Reader.said`.
    heard : whether somebody speaks.
    parts : (m, 7) float64: what each module says that it fuses; or it itself, if it fuses none.
    """

    posterior: np.ndarray
    said: bool
    heard: bool
    parts: np.ndarray


def read_clip(module: Module, clip: MadeClip) -> Answer:
    """Let a module see and hear a stored clip."""
    reader = module.begin()
    if len(clip.crops):
        reader.see(Sight.of(clip))
    heard = False
    for voice in module.voices:
        for _, posterior in voice.over_time(sound_blocks(clip.sound)):
            reader.hear(voice, posterior)
            heard = True
    posterior = reader.posterior()
    parts = reader.alone() if isinstance(reader, FusedReader) else posterior[None]
    return Answer(posterior, reader.said, heard, parts)


def sound_blocks(sound: np.ndarray) -> Iterator[np.ndarray]:
    """Stored sound (n,) float16 in the pieces that a voice model takes, float32."""
    size = round(STEP * RATE)
    for start in range(0, len(sound), size):
        yield sound[start : start + size].astype(np.float32)
