"""What the accuracy benchmarks share: labelled faces, members' posteriors, systems to compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.bundle.fusion import EnsembleWeights
from emotiw_cli.bundle.runtime import CHUNK, Bundle
from emotiw_cli.bundle.schema import BundleSpec
from emotiw_cli.data.faces import Faces
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError
from emotiw_cli.evaluation.figures import label_number
from emotiw_cli.evaluation.intervals import group_numbers
from emotiw_cli.inputs.representation import Representation


@dataclass(frozen=True)
class LabelledFaces:
    """Faces with an emotion as label.

    Attributes
    ----------
    faces : the artefact. rows : (n,) numbers of its rows. labels, groups : (n,) int64; faces of
        one group (a subject, or one picture twice) are drawn together by the bootstrap.
    """

    faces: Faces
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def face(self, place: int) -> np.ndarray:
        """The aligned face at `place`, (H, W, 3) uint8 RGB."""
        return self.faces.face(int(self.rows[place]))


def open_faces(name: str, work: Path) -> Faces:
    """A faces artefact by its name in `work`, or by its folder WORK/faces/NAME."""
    path = Path(name)
    if name == path.name:
        return Faces.open(work, name)
    path = path.absolute()
    return Faces.open(path.parent.parent, path.name)


def labelled(
    faces: Faces, split: str | None, limit: int | None = None, per_class: int | None = None
) -> LabelledFaces:
    """The faces of `split` (None: all) that have an emotion as label.

    A set of people has the emotions it names as source labels; they count where no face has
    another. Of more than `per_class` faces of a class, and of more than `limit` then, a fixed draw.
    """
    entries = {row: faces.rows[row] for row in faces.select(split)}
    numbers = {row: label_number(entry) for row, entry in entries.items()}
    if all(number < 0 for number in numbers.values()):
        numbers = {row: _number(entry.source_label) for row, entry in entries.items()}
    rows = np.array([row for row, number in numbers.items() if number >= 0], dtype=np.int64)
    if len(rows) == 0:
        raise InputError(
            f"{faces.artefact.folder} has no face with an emotion as label"
            + (f" in the split {split!r}" if split else "")
            + "; name another artefact or split."
        )
    random = np.random.default_rng(0)
    if per_class is not None:
        labels = np.array([numbers[row] for row in rows])
        parts = [random.permutation(rows[labels == label])[:per_class] for label in range(7)]
        rows = np.sort(np.concatenate(parts))
    if limit is not None:
        rows = np.sort(random.permutation(rows)[:limit])
    chosen = [entries[row] for row in rows]
    return LabelledFaces(
        faces,
        rows,
        np.array([numbers[row] for row in rows]),
        group_numbers([entry.group for entry in chosen], [entry.pixels for entry in chosen]),
    )


def _number(label: str) -> int:
    return EMOTIONS.index(label) if label in EMOTIONS else -1


def member_posteriors(
    bundle: Bundle,
    faces: LabelledFaces,
    change: Callable[[np.ndarray], np.ndarray] = lambda face: face,
) -> np.ndarray:
    """Each member's posterior of each face after `change`, (m, n, 7) float64."""
    parts = []
    step = CHUNK * max(1, bundle.threads)
    for start in range(0, len(faces), step):
        batch = [change(faces.face(at)) for at in range(start, min(start + step, len(faces)))]
        parts.append(bundle.member_posteriors(batch))
    return np.concatenate(parts, axis=1)


def systems(spec: BundleSpec, posteriors: np.ndarray) -> dict[str, np.ndarray]:
    """Posteriors (n, 7) of the ensemble, of it without its mapped members, of each member alone.

    All under the bundle's prior and temperature, so that they differ in their weights alone. What
    is left without mapped members keeps its weights in proportion; they are not fitted again.
    """
    found = {"ensemble": spec.fuse(posteriors)}
    weights = without_mapped(spec)
    if weights is not None:
        found["without mapped"] = spec.turned(weights.combine(posteriors))
    for member, posterior in zip(spec.members, spec.alone(posteriors), strict=True):
        found[member.name] = posterior
    return found


def without_mapped(spec: BundleSpec) -> EnsembleWeights | None:
    """The weights with none for members of mapped codes; None where that changes nothing."""
    mapped = np.array([is_mapped(member.preprocessing.representation) for member in spec.members])
    values = np.array(spec.weights.values)
    values[mapped] = 0
    totals = values.sum(axis=0)
    if not (totals > 0).all() or np.array_equal(values, spec.weights.values):
        return None
    return EnsembleWeights(spec.weights.kind, values / totals)


def is_mapped(representation: str) -> bool:
    """Whether a member looks at mapped codes, not at the picture itself."""
    return bool(Representation.parse(representation).mapped)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
