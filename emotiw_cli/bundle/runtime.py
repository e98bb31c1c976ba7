"""A bundle at work: faces in, posteriors out, on ONNX Runtime."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from emotiw_cli.bundle.fusion import softmax
from emotiw_cli.bundle.schema import BundleSpec, MemberSpec
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError
from emotiw_cli.inputs.representation import Representation

_PORTS = (["input", "logits"], ["input", "logits", "features"])  # the former until faces-1

CHUNK = 32
"""Faces that go through a member at once: more gains no speed and costs memory."""


class Opening:
    """A member's session that is made by :func:`open_all` while the caller does something else.

    Parameters
    ----------
    read : gives the verified bytes of the ONNX file.
    path : the file, for messages.
    """

    def __init__(self, read: Callable[[], bytes], path: Path) -> None:
        self._read, self._path = read, path
        self._session: onnxruntime.InferenceSession | None = None
        self._error: Exception | None = None
        self._begun = False
        self._done = threading.Event()

    def session(self) -> onnxruntime.InferenceSession:
        """The session, as soon as it is ready; or what went wrong is raised."""
        if not self._begun:
            self.open()
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._session

    def open(self) -> None:
        """Make the session."""
        self._begun = True
        try:
            self._session = open_session(self._read(), self._path)
        except Exception as error:
            self._error = error
        finally:
            self._done.set()


def open_all(openings: Sequence[Opening]) -> None:
    """Make sessions one after the other in one thread; return at once.

    ONNX Runtime prepares a session for longer than it reads a face, and without the interpreter
    lock. A thread for each would be no sooner done: every one would touch fresh memory (twice the
    page faults) where one uses again what the member before has left.

    A program that ends meanwhile, with an error say, waits for the thread: ONNX Runtime crashes
    when it is cut off in the middle of a session.
    """

    def one_by_one() -> None:
        for opening in openings:
            opening.open()

    for opening in openings:
        opening._begun = True
    threading.Thread(target=one_by_one).start()


def open_session(model: bytes, path: Path) -> onnxruntime.InferenceSession:
    """A session of one thread; :class:`ArtefactError` if `model` is no net of the seven emotions.

    All graph optimisations: the layout they give convolutions makes a MobileNet's 64-pixel face
    2.5 times as fast as the basic ones, for 15 ms more to open.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what matters is raised
    try:
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a dozen exception types without a common base
        raise ArtefactError(
            f"{path} cannot be run by ONNX Runtime {onnxruntime.__version__} "
            f"({str(error).strip().splitlines()[0]}); make the bundle again or update emotiw."
        ) from error
    names = [port.name for port in (*session.get_inputs(), *session.get_outputs())]
    if names not in _PORTS or session.get_outputs()[0].shape[-1] != len(EMOTIONS):
        raise ArtefactError(
            f"{path} does not turn `input` into the `logits` of {len(EMOTIONS)} emotions; "
            "make the bundle again with `emotiw ensemble`."
        )
    return session


class Bundle:
    """A loaded bundle; made by :func:`emotiw_cli.bundle.load.load_bundle`.

    Attributes
    ----------
    folder : where it lies.
    spec : what it says of itself.
    threads : how many chunks of faces are worked on at once. The posteriors do not depend on it.
    """

    def __init__(
        self, folder: Path, spec: BundleSpec, openings: Sequence[Opening], threads: int = 1
    ) -> None:
        self.folder, self.spec, self.threads = folder, spec, threads
        self._openings = tuple(openings)

    def wait(self) -> Bundle:
        """Return the bundle when all members that have a weight are ready.

        Raises
        ------
        TamperedError, ArtefactError
            If a member's file is not the one recorded, or cannot be run.
        """
        for number in self.spec.weights.counting:
            self._openings[number].session()
        return self

    def posteriors(self, faces: Sequence[np.ndarray]) -> np.ndarray:
        """The ensemble's posterior of each face.

        Parameters
        ----------
        faces : n arrays (H, W, 3) uint8 RGB, aligned, of the size ``spec.face_size``.

        Returns
        -------
        (n, 7) float64 in the order of :data:`EMOTIONS`; rows sum to one.
        """
        return self._fuse(self._posteriors(faces, self.spec.weights.counting))

    def embed(self, faces: Sequence[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The ensemble's posterior of each face, and what each member that has a weight sees in it.

        Parameters
        ----------
        faces : as for :meth:`posteriors`.

        Returns
        -------
        posteriors : (n, 7) float64, as from :meth:`posteriors`.
        features : by the name of the member, (n, d) float32: the mean over the crops it looks at.

        Raises
        ------
        ArtefactError
            If a member's ONNX file has no features: those of faces-1 have not.
        """
        counting = self.spec.weights.counting
        for number in counting:
            if len(self._openings[number].session().get_outputs()) < len(_PORTS[-1]) - 1:
                raise ArtefactError(
                    f"{self.folder / self.spec.members[number].file} gives no features of a face; "
                    "use the default bundle or make the bundle again with `emotiw ensemble`."
                )
        self._check(faces, counting)
        features: dict[str, list[np.ndarray]] = {
            self.spec.members[number].name: [np.empty((0, self._width(number)), np.float32)]
            for number in counting
        }
        posteriors = [np.empty((len(counting), 0, len(EMOTIONS)))]
        for start in range(0, len(faces), CHUNK):
            seen = self._run(counting, faces[start : start + CHUNK], ("logits", "features"))
            posteriors.append(np.stack([softmax(logits).mean(axis=1) for logits, _ in seen]))
            for number, (_, found) in zip(counting, seen, strict=True):
                features[self.spec.members[number].name].append(found.mean(axis=1))
        joined = {name: np.concatenate(parts) for name, parts in features.items()}
        return self._fuse(np.concatenate(posteriors, axis=1)), joined

    def _width(self, member: int) -> int:
        return int(self._openings[member].session().get_outputs()[1].shape[-1])

    def _fuse(self, posteriors: np.ndarray) -> np.ndarray:
        """The ensemble's posterior from those of the members that have a weight."""
        counting = self.spec.weights.counting
        every = np.full((len(self.spec.members), *posteriors.shape[1:]), np.nan)
        every[list(counting)] = posteriors
        return self.spec.fuse(every)

    def member_posteriors(self, faces: Sequence[np.ndarray]) -> np.ndarray:
        """Each member's posterior of each face: the mean over the crops it looks at.

        Parameters
        ----------
        faces : as for :meth:`posteriors`.

        Returns
        -------
        (m, n, 7) float64 in the order of ``spec.members`` and :data:`EMOTIONS`.
        """
        return self._posteriors(faces, range(len(self.spec.members)))

    def _check(self, faces: Sequence[np.ndarray], members: Sequence[int]) -> None:
        """Refuse faces of another size; wait for the members."""
        width, height = self.spec.face_size
        for face in faces:
            if face.shape != (height, width, 3) or face.dtype != np.uint8:
                raise ValueError(
                    f"a face of bundle {self.spec.name} is ({height}, {width}, 3) uint8, "
                    f"not {face.shape} {face.dtype}"
                )
        for number in members:
            self._openings[number].session()

    def _posteriors(self, faces: Sequence[np.ndarray], members: Sequence[int]) -> np.ndarray:
        self._check(faces, members)
        chunks = [faces[start : start + CHUNK] for start in range(0, len(faces), CHUNK)]
        work = functools.partial(self._chunk_posteriors, members)
        if self.threads > 1 and len(chunks) > 1:
            from concurrent.futures import ThreadPoolExecutor  # slow to import, seldom needed

            with ThreadPoolExecutor(self.threads) as pool:
                done = list(pool.map(work, chunks))
        else:
            done = [work(chunk) for chunk in chunks]
        nothing = np.empty((len(members), 0, len(EMOTIONS)))
        return np.concatenate([nothing, *done], axis=1)

    def _chunk_posteriors(self, members: Sequence[int], faces: Sequence[np.ndarray]) -> np.ndarray:
        seen = self._run(members, faces, ("logits",))
        return np.stack([softmax(logits).mean(axis=1) for (logits,) in seen])

    def _run(
        self, members: Sequence[int], faces: Sequence[np.ndarray], ports: Sequence[str]
    ) -> list[list[np.ndarray]]:
        """What comes out of each member's `ports` for each face and crop, (n, crops, d) each."""
        raw: dict[int, list[np.ndarray]] = {}  # by radius: members of one radius share its codes
        return [
            _seen(self._openings[number].session(), self.spec.members[number], faces, raw, ports)
            for number in members
        ]


def _seen(
    session: onnxruntime.InferenceSession,
    member: MemberSpec,
    faces: Sequence[np.ndarray],
    raw: dict[int, list[np.ndarray]],
    ports: Sequence[str],
) -> list[np.ndarray]:
    representation = Representation.parse(member.preprocessing.representation)
    if representation.radius not in raw:
        raw[representation.radius] = [representation.raw(face) for face in faces]
    crops = np.stack([member.preprocessing.crops_of(one) for one in raw[representation.radius]])
    found = session.run(list(ports), {"input": crops.reshape(-1, *crops.shape[2:])})
    return [values.reshape(*crops.shape[:2], -1) for values in found]
