"""The voice module at work: sound in, posteriors out, in numpy or on ONNX Runtime; never torch."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, output_file
from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.clips.voice.features import COUNT, NAMES, RATE, features
from emotiw_cli.clips.voice.linear import LinearVoice
from emotiw_cli.clips.voice.mixed_nets import MixedNets
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError

STEP = 1.5
"""Seconds from one span of sound to the next; a span is twice as long, about an utterance."""

LEAST_WINDOWS = 16
"""Shorter sound says nothing: 16 windows are 0.2 s."""

VOICED, LEAST_VOICED = 0.5, 0.15
"""Sound is taken for speech if this share of its windows is so voiced. Speech has some two thirds,
noise next to none; music may pass."""

NET, ARRAYS = "model.onnx", "model.npz"


def voice_file(voice: Artefact) -> Path:
    """The file of a voice module of the workspace that :func:`read_voice` reads.

    Raises
    ------
    ArtefactError, TamperedError
        If it is missing, or not the one its manifest records.
    """
    (name,) = [name for name in (ARRAYS, NET) if name in voice.manifest["outputs"]]
    return output_file(voice, name)


def read_voice(path: Path, content: bytes | None = None) -> VoiceModel:
    """Read a module that :mod:`emotiw_cli.clips.voice.make` wrote.

    Parameters
    ----------
    path : its ``model.onnx`` or ``model.npz``.
    content : its bytes, if they are read already.

    Raises
    ------
    ArtefactError
        If it is something else.
    """
    try:
        content = path.read_bytes() if content is None else content
        if path.suffix == ".npz":
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = dict(archive)
            kind = MixedNets if "axes" in arrays else LinearVoice
            return VoiceModel(kind.from_arrays(arrays, str(path)).posterior)
        return VoiceModel(_Net(content).posterior)
    except ArtefactError:
        raise
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ArtefactError(
            f"{path} is not a voice module ({str(error).strip().splitlines()[0]}); make it "
            "again with `emotiw clips train audio`."
        ) from error


class _Net:
    """An ONNX net, ``input`` (1, T, 141) float32 → ``logits`` (1, 7)."""

    def __init__(self, content: bytes) -> None:
        import onnxruntime  # the linear module does without

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        (given,), (answer,) = self._session.get_inputs(), self._session.get_outputs()
        if given.shape[-1] != COUNT or answer.shape[-1] != len(EMOTIONS):
            raise ValueError("it is made for other features or emotions")
        self._given, self._answer = given.name, answer.name

    def posterior(self, windows: np.ndarray) -> np.ndarray:
        logits = self._session.run([self._answer], {self._given: windows[None]})[0][0]
        return softmax(logits)


class VoiceModel:
    """A module that reads sound.

    Parameters
    ----------
    of_windows : the posterior (7,) float64 of a clip's features (T, 141) float32.
    """

    def __init__(self, of_windows: Callable[[np.ndarray], np.ndarray]) -> None:
        self.of_windows = of_windows

    def posterior(self, sound: np.ndarray) -> np.ndarray | None:
        """The posterior of some seconds of sound.

        Parameters
        ----------
        sound : (n,) float32, 16,000 samples a second, full scale is 1.

        Returns
        -------
        (7,) float64, sums to one; None for silence, for less than a fifth of a second, and for
        sound that is no voice.
        """
        windows = features(sound)
        if len(windows) < LEAST_WINDOWS:
            return None
        if (windows[:, NAMES.index("voicing")] > VOICED).mean() < LEAST_VOICED:
            return None
        return self.of_windows(windows)

    def over_time(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[float, np.ndarray]]:
        """Read sound span by span, as it comes.

        Parameters
        ----------
        blocks : its pieces of :data:`STEP` seconds; the last one may be shorter.

        Yields
        ------
        The middle of a span of two pieces in seconds, and its posterior (7,) float64. Spans
        without a voice are left out.
        """
        start = 0
        for span in _spans(blocks):
            posterior = self.posterior(span)
            if posterior is not None:
                yield (start + len(span) / 2) / RATE, posterior
            start += round(STEP * RATE)


def _spans(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Each piece with the next one; a lone piece by itself."""
    last, alone = None, True
    for block in blocks:
        if last is not None:
            alone = False
            yield np.concatenate([last, block])
        last = block
    if last is not None and alone:
        yield last
