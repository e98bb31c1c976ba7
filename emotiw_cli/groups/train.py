"""Train forests on the features of labelled group photos: the stage `groups train forests`.

The artefact ``WORK/forests/NAME`` has

- ``forests.npz``: the arrays of each member's :class:`Forest`, called ``MEMBER/roots`` and so on;
- ``outputs.npz``: what the members say of the validation photos, see :class:`Outputs`;
- ``curve.csv``: accuracy and bytes of each member by the number of its trees;
- ``seen.npz``: digests of the photos that were trained on.

A member reads one of the embeddings; or ``posterior``, the mean over the faces of what they are
given of the seven emotions; or ``landmarks``, where its forest sees one face at a time and a
photo's vector is the sum over its faces. Until all are grown, each lies in a file of its own, so
that a killed run loses the one in hand.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    check_fresh,
    exclusive,
    folder_of,
    landing_file,
    open_artefact,
    reference,
    write_manifest,
)
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.data.faces import INDEX
from emotiw_cli.data.index import read_index
from emotiw_cli.data.stage import clear, keep_to_plan, sweep
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.groups.faces import KIND as GROUPS
from emotiw_cli.groups.faces import READABLE
from emotiw_cli.groups.features import KIND as FEATURES
from emotiw_cli.groups.features import Features
from emotiw_cli.groups.figures import measure
from emotiw_cli.groups.forest import Forest, fit_forest, normalise_known
from emotiw_cli.groups.forests import (
    FORESTS,
    LANDMARKS,
    POSTERIOR,
    packed,
    part_of,
    read_forests,
    write_forests,
)
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.groups.outputs import OUTPUTS, Outputs

KIND = "forests"
CURVE = "curve.csv"
CURVE_TREES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


def groups_of(features: Artefact, work: Path) -> Artefact:
    """The groups that features were made from."""
    (name,) = (entry["name"] for entry in features.manifest["inputs"] if entry["kind"] == GROUPS)
    return open_artefact(work, GROUPS, name)


def paper_trees(member: str) -> int:
    """The published numbers: 5000 for landmarks and pooled layers, 1000 for fc7."""
    return 1000 if "fc" in member else 5000


@dataclass(frozen=True)
class ForestPlan:
    """How forests are grown.

    Attributes
    ----------
    trees : of each emotion in each forest; None: as many as :func:`paper_trees` says.
    least_leaf : a leaf holds at least so many rows.
    members : keys of embeddings, ``posterior`` and ``landmarks``; None: all there are.
    seed : of the draws.
    """

    trees: int | None = None
    least_leaf: int = 1
    members: tuple[str, ...] | None = None
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values."""
        return {**vars(self), "members": None if self.members is None else list(self.members)}


def make_forests(
    work: Path,
    features: str,
    name: str,
    plan: ForestPlan,
    *,
    overwrite: bool = False,
    workers: int = 1,
    on_member: Callable[[int, int, str], None] = lambda done, total, member: None,
) -> Artefact:
    """Train forests on the features called `features` and write ``WORK/forests/NAME``.

    A finished artefact of the same features and plan is returned as it is; a run that was killed
    goes on with the forest it was growing.

    Parameters
    ----------
    workers : processes that grow trees.
    overwrite : start again whatever is there.
    on_member : is told how many members of how many are done, and which is next.

    Raises
    ------
    ArtefactError
        If the features are missing or stale, or `name` holds other forests, whole or begun, and
        `overwrite` is not set.
    InputError
        If the photos lack labels or a validation split, or a member is not among the features.
    """
    source = open_artefact(work, FEATURES, features)
    check_fresh(source, work)
    folder = folder_of(work, KIND, name)
    with exclusive(folder):
        if (folder / MANIFEST).is_file() and not overwrite:
            made = open_artefact(work, KIND, name)
            same = made.manifest["inputs"] == [reference(source)]
            if same and made.manifest["parameters"] == plan.to_json():
                return made
            raise ArtefactError(
                f"{folder} was made from other features or with other options; choose another "
                "--name or add --overwrite."
            )
        if overwrite:
            clear(folder)
        keep_to_plan(folder, {"features": source.digest, **plan.to_json()})
        read = Photos.of(Features(source))
        members = _members(read, plan)
        training, held = read.split("train"), read.split("validation")
        for split, photos in (("train", training), ("validation", held)):
            if not (photos & read.with_faces).any():
                raise InputError(
                    f"{source.folder} has no labelled photo with a face in its split {split}; "
                    "give `groups faces` photos in the folders train and val."
                )
        parts = {member: folder / f"part-{member}.npz" for member in members}
        sweep(folder, [path.name for path in parts.values()])
        forests: dict[str, Forest] = {}
        vectors = []
        for number, member in enumerate(members):
            on_member(number, len(members), member)
            if not parts[member].is_file():
                grown = fit_forest(
                    *_rows(read, member, training & read.with_faces),
                    trees=plan.trees or paper_trees(member),
                    least_leaf=plan.least_leaf,
                    seed=plan.seed,
                    workers=workers,
                )
                write_forests(parts[member], {member: grown})
            forests |= read_forests(parts[member])
            vectors.append(vectors_of(read, member, forests[member], held))
        on_member(len(members), len(members), "")
        outputs = Outputs(
            members,
            tuple(map(part_of, members)),
            np.stack(vectors).astype(np.float32),
            read.labels[held],
            read.names[held],
            read.splits[held],
        )
        write_forests(folder / FORESTS, forests)
        outputs.write(folder / OUTPUTS)
        curve = list(_curve(read, forests, held))
        with landing_file(folder / CURVE, "w") as file:
            writer = csv.DictWriter(file, curve[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(curve)
        index = read_index(groups_of(source, work).folder / INDEX)
        digests = digest_numbers(row.pixels for row in index)
        seen = Seen(np.unique(digests[training]), frozenset(), np.unique(digests[held]))
        seen.write(folder / SEEN)
        found = outputs.of(outputs.with_faces)
        made = write_manifest(
            folder,
            KIND,
            parameters=plan.to_json(),
            inputs=[reference(source)],
            outputs=[FORESTS, OUTPUTS, CURVE, SEEN],
            counts={
                "training": int(training.sum()),
                "training_with_faces": int((training & read.with_faces).sum()),
                "validation": int(held.sum()),
                "validation_with_faces": len(found.labels),
                "trees": {member: forest.trees for member, forest in forests.items()},
                "bytes": (folder / FORESTS).stat().st_size,
            },
            metrics={
                member: measure(normalise_known(found.vectors[place].astype(float)), found.labels)
                for place, member in enumerate(members)
            },
            seed=plan.seed,
            licences=source.manifest.get("licences", []),
        )
        for path in parts.values():
            path.unlink(missing_ok=True)
        return made


@dataclass(frozen=True)
class Photos:
    """What forests are trained on: photos and the faces in them.

    Attributes
    ----------
    labels : (n,) int64, -1 for none and of a photo that could not be read.
    splits, names : (n,) str.
    pooled : by member, (n, d) float32: what describes a photo; NaN without a face.
    landmarks : (k, 2278) float32, of all faces. photo : (k,) int: the photo each face is in.
    """

    labels: np.ndarray
    splits: np.ndarray
    names: np.ndarray
    pooled: Mapping[str, np.ndarray]
    landmarks: np.ndarray
    photo: np.ndarray

    @classmethod
    def of(cls, features: Features) -> Photos:
        """Those of a features artefact."""
        readable = np.isin(features.statuses, READABLE)
        photo = features.read("faces/image").astype(np.int64)
        count = len(features.labels)
        faces = np.bincount(photo, minlength=count)[:, None]
        posterior = features.read("faces/posterior").astype(np.float64)
        sums = np.zeros((count, posterior.shape[1]))
        np.add.at(sums, photo, posterior)
        mean = np.divide(sums, faces, out=np.full(sums.shape, np.nan), where=faces > 0)
        return cls(
            np.where(readable, features.labels, -1).astype(np.int64),
            features.splits,
            features.names,
            {
                **{key: features.read(f"embedding/{key}") for key in features.keys},
                POSTERIOR: mean.astype(np.float32),
            },
            features.read("faces/landmarks"),
            photo,
        )

    @property
    def with_faces(self) -> np.ndarray:
        """(n,) bool."""
        return np.bincount(self.photo, minlength=len(self.labels)) > 0

    def split(self, name: str) -> np.ndarray:
        """The labelled photos of a split, (n,) bool."""
        found: np.ndarray = (self.labels >= 0) & (self.splits == name)
        return found


def _members(photos: Photos, plan: ForestPlan) -> tuple[str, ...]:
    there = (*photos.pooled, LANDMARKS)
    for member in plan.members or ():
        if member not in there:
            raise InputError(f"there are no features {member!r}; there are {', '.join(there)}.")
    return plan.members or there


def _rows(photos: Photos, member: str, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a member's forest sees of the `chosen` photos (n,) bool, and the label of each row."""
    if member == LANDMARKS:
        faces = chosen[photos.photo]
        return photos.landmarks[faces], photos.labels[photos.photo[faces]]
    return photos.pooled[member][chosen], photos.labels[chosen]


def vectors_of(photos: Photos, member: str, forest: Forest, chosen: np.ndarray) -> np.ndarray:
    """A member's vectors of the `chosen` photos (n,) bool: (k, 3), NaN for one without a face."""
    if member != LANDMARKS:
        return forest.posteriors(photos.pooled[member][chosen])
    faces = chosen[photos.photo]
    sums = np.zeros((len(chosen), len(CLASSES)))
    np.add.at(sums, photos.photo[faces], forest.posteriors(photos.landmarks[faces]))
    return np.where(photos.with_faces[chosen, None], sums[chosen], np.nan)


def _curve(
    photos: Photos, forests: Mapping[str, Forest], held: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Accuracy and bytes of each member's first trees, on photos with faces."""
    held = held & photos.with_faces
    labels = photos.labels[held]
    for member, forest in forests.items():
        for trees in sorted({t for t in CURVE_TREES if t < forest.trees} | {forest.trees}):
            less = forest.first(trees)
            right = vectors_of(photos, member, less, held).argmax(axis=1) == labels
            yield {
                "member": member,
                "trees": trees,
                "bytes": len(packed({member: less})),
                "accuracy": f"{right.mean():.4f}",
            }
