"""A group bundle at work: find it, verify it, and read group photos with it; never torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.bundle.fusion import normalise, softmax
from emotiw_cli.bundle.load import find_bundle, load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.bundle.verified import check, read_verified
from emotiw_cli.errors import ArtefactError, TamperedError
from emotiw_cli.groups.crowds import means, medians, sums
from emotiw_cli.groups.describe import embed_faces
from emotiw_cli.groups.embedding import EMBEDDING, Embedding
from emotiw_cli.groups.forest import Forest
from emotiw_cli.groups.forests import FORESTS, LANDMARKS, POSTERIOR, read_forests
from emotiw_cli.groups.landmarks import distances
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.groups.schema import DIGEST, SCENE_FILE, SPEC, GroupSpec
from emotiw_cli.inputs.preprocessing import Preprocessing

SHIPPED: dict[str, str] = {
    "groups-1": "1d1212a4710458292f4acd02cae73540219f888dc0517cd6acce43caccfdd4e7",
    "groups-2": "4c9d5022be50fb8dea3809d4774a850f27fc0fbeea7f350d6ccc4fc04d366ea5",
    "groups-3": "3b4ee7d150e86b691e370fc98d81d050b4e0846562c570716b3e5585c7cea521",
}
"""Group bundles that come with the package: name → SHA-256 of its ``groups.json``."""

DEFAULT = "default"
DEFAULT_NAME = "groups-3"
SHIPPED_FOLDER = Path(__file__).parent / "shipped"

Scene = Callable[[np.ndarray], np.ndarray]
"""A whole picture (H, W, 3) uint8 RGB → its posterior (3,)."""


@dataclass(frozen=True)
class GroupReading:
    """What a bundle says of one photo of n faces.

    Attributes
    ----------
    posterior : (3,) of the group: the prior if there is no face and no member that reads the whole
        image.
    alone : (n, 3) what it would say of each face if that were the only one.
    share : (n,) how much the probability of the group's answer would fall without the face;
        negative for a face that speaks against it.
    emotions : (n, 7) posterior of the seven emotions.
    """

    posterior: np.ndarray
    alone: np.ndarray
    share: np.ndarray
    emotions: np.ndarray


class GroupBundle:
    """A loaded group bundle; made by :func:`load_group_bundle`.

    Attributes
    ----------
    folder : where it lies.
    spec : what it says of itself.
    faces : the bundle that describes the faces.
    forests : of the members that read faces.
    scene : reads a whole picture, or None.
    embedding : embeds faces in place of the bundle of faces, or None.
    """

    def __init__(
        self,
        folder: Path,
        spec: GroupSpec,
        faces: Bundle,
        forests: Mapping[str, Forest],
        scene: Scene | None = None,
        embedding: Embedding | None = None,
    ) -> None:
        self.folder, self.spec, self.faces = folder, spec, faces
        self.forests, self.scene, self.embedding = forests, scene, embedding

    def read(
        self, crops: np.ndarray, aligned: np.ndarray, points: np.ndarray, scene: np.ndarray
    ) -> GroupReading:
        """Read one photo.

        Parameters
        ----------
        crops : (n, 224, 224, 3) uint8 RGB. aligned : n faces as ``faces.spec`` wants them.
        points : (n, 68, 2) float, in any pixels.
        scene : (H, W, 3) uint8 RGB, the whole picture.
        """
        emotions, embeddings = embed_faces(crops, aligned, self.faces, self.embedding)
        vectors = self._vectors({**embeddings, POSTERIOR: emotions}, distances(points), scene)
        together, *rest = self.spec.fusion.posteriors(vectors)
        alone, without = np.array(rest).reshape(2, len(aligned), len(CLASSES))
        answer = int(together.argmax())
        return GroupReading(together, alone, together[answer] - without[:, answer], emotions)

    def _vectors(
        self, described: Mapping[str, np.ndarray], landmarks: np.ndarray, scene: np.ndarray
    ) -> np.ndarray:
        """Members' vectors of the faces together, each alone, and all but each: (m, 1 + 2n, 3),
        NaN for no faces.
        """
        found = np.full((len(self.spec.members), 1 + 2 * len(landmarks), len(CLASSES)), np.nan)
        for place, member in enumerate(self.spec.members):
            if self.spec.fusion.parts[place] == "scene":
                if self.scene is not None:
                    found[place] = self.scene(scene)
            elif member == LANDMARKS:
                found[place] = sums(self.forests[member].posteriors(landmarks))
            else:
                pool = means if member == POSTERIOR else medians
                found[place] = self.forests[member].posteriors(pool(described[member]))
        return found


def load_group_bundle(
    name_or_path: str | Path = DEFAULT, *, work: Path = Path("work")
) -> GroupBundle:
    """Load a group bundle and the bundle of faces it needs.

    Parameters
    ----------
    name_or_path : ``default``, the name of a shipped group bundle or of one in
        ``work/bundles``, or a folder.
    work : the workspace.

    Raises
    ------
    ArtefactError
        If there is no such bundle, it is half-written or of another kind, or the bundle of faces
        is missing.
    TamperedError
        If a file is not the one its recorded SHA-256 names.
    """
    folder = find_group_bundle(name_or_path, work)
    spec, contents = _verified(folder)
    at = find_bundle(spec.faces, work)
    if hashlib.sha256((at / STILL_SPEC).read_bytes()).hexdigest() != spec.faces_digest:
        raise TamperedError(
            f"{at} is not the bundle of faces that {folder} was made with; restore that, or make "
            "the group bundle again with `emotiw groups fuse`."
        )
    forests = read_forests(folder / FORESTS, contents[FORESTS])
    for member, part in zip(spec.members, spec.fusion.parts, strict=True):
        if part != "scene" and member not in forests:
            raise ArtefactError(
                f"{folder / FORESTS} lacks the forest {member}; make the bundle again with "
                "`emotiw groups fuse`."
            )
    scene = embedding = None
    if spec.scene is not None:
        scene = open_scene(contents[SCENE_FILE], folder / SCENE_FILE, spec.scene)
    if spec.embedding is not None:
        embedding = Embedding(contents.pop(EMBEDDING), folder / EMBEDDING)
    return GroupBundle(folder, spec, load_bundle(at, work=work), forests, scene, embedding)


def find_group_bundle(name_or_path: str | Path, work: Path = Path("work")) -> Path:
    """The folder of a group bundle, see :func:`load_group_bundle`; nothing in it is read yet."""
    text = str(name_or_path)
    name = DEFAULT_NAME if text == DEFAULT else text
    if name in SHIPPED:
        return SHIPPED_FOLDER / name
    made = work / "bundles" / name
    for folder in (made, Path(text)):
        if folder.is_dir():
            return folder
    there = sorted({*SHIPPED, *(path.parent.name for path in made.parent.glob(f"[!.]*/{SPEC}"))})
    known = f"there are: {', '.join(there)}" if there else "there are none yet"
    raise ArtefactError(
        f"there is no group bundle {text!r} ({known}); give a name, a bundle's folder, or make one "
        "with `emotiw groups fuse`."
    )


def names_group_bundle(name_or_path: str | Path, work: Path = Path("work")) -> bool:
    """Whether a name or folder, other than ``default``, is that of a group bundle."""
    places = (work / "bundles" / str(name_or_path), Path(name_or_path))
    return str(name_or_path) in SHIPPED or any(map(is_group_bundle, places))


def is_group_bundle(folder: Path) -> bool:
    """Whether `folder` is a group bundle's."""
    return (folder / SPEC).is_file()


def verify_group_bundle(folder: Path) -> GroupSpec:
    """Check every file of a group bundle against its SHA-256; return its specification."""
    return _verified(folder)[0]


def _verified(folder: Path) -> tuple[GroupSpec, dict[str, bytes]]:
    try:
        content = (folder / SPEC).read_bytes()
        recorded = (folder / DIGEST).read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError) as error:
        raise ArtefactError(
            f"{folder} is not a whole group bundle ({SPEC} and {DIGEST} are needed); name another, "
            "or make it with `emotiw groups fuse`."
        ) from error
    shipped = folder.parent == SHIPPED_FOLDER
    check(folder / SPEC, content, SHIPPED.get(folder.name, recorded) if shipped else recorded)
    try:
        described = json.loads(content)
    except ValueError as error:
        raise ArtefactError(f"{folder / SPEC} is damaged; copy the bundle again.") from error
    spec = GroupSpec.from_json(described, str(folder / SPEC))
    contents = {}
    for name, digest in spec.files.items():
        if name != Path(name).name or name in ("", ".", ".."):
            raise ArtefactError(f"{folder / SPEC} names the file {name!r} outside the bundle.")
        contents[name] = read_verified(folder / name, digest)
    needed = {
        FORESTS: True,
        SCENE_FILE: spec.scene is not None,
        EMBEDDING: spec.embedding is not None,
    }
    if any(name not in contents for name, wanted in needed.items() if wanted):
        raise ArtefactError(f"{folder / SPEC} lacks a file of a member; make the bundle again.")
    return spec, contents


def open_scene(model: bytes, path: Path, preprocessing: Preprocessing) -> Scene:
    """A net that reads whole images; :class:`ArtefactError` if `model` is none."""
    import onnxruntime  # bundles without such a member do without

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        if session.get_outputs()[0].shape[-1] != len(CLASSES):
            raise ValueError("it is made for other classes")
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ArtefactError(
            f"{path} is no net that reads whole images ({str(error).strip().splitlines()[0]}); "
            "make it again with `emotiw groups train scene`."
        ) from error

    def read(picture: np.ndarray) -> np.ndarray:
        crops = preprocessing.crops_of(picture)
        (logits,) = session.run(["logits"], {"input": crops})
        return normalise(softmax(logits).mean(axis=0))

    return read
