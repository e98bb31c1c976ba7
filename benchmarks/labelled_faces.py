"""What the accuracy benchmarks share: labelled faces, members' posteriors, systems to compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotiw_cli.bundle.fusion import EnsembleWeights, fuse
from emotiw_cli.bundle.runtime import CHUNK, Bundle
from emotiw_cli.bundle.schema import BundleSpec
from emotiw_cli.data.faces import Faces
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


def labelled(faces: Faces, split: str | None, limit: int | None = None) -> LabelledFaces:
    """The faces of `split` (None: all) that have a label; of more than `limit` a fixed draw."""
    rows = [row for row in faces.select(split) if label_number(faces.rows[row]) >= 0]
    if limit is not None and limit < len(rows):
        rows = sorted(np.random.default_rng(0).choice(rows, limit, replace=False).tolist())
    if not rows:
        raise SystemExit(f"{faces.artefact.folder} has no labelled face in the split {split!r}.")
    entries = [faces.rows[row] for row in rows]
    return LabelledFaces(
        faces,
        np.array(rows),
        np.array([label_number(entry) for entry in entries]),
        group_numbers([entry.group for entry in entries], [entry.pixels for entry in entries]),
    )


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
        found["without mapped"] = fuse(posteriors, weights, spec.prior, spec.temperature)
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
