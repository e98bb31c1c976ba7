"""Read trained members as an ensemble's fit sees them: posteriors of the same validation faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import Artefact, check_fresh, output_file, read_json
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError, LeakError
from emotiw_cli.inputs.preprocessing import Preprocessing

_VALIDATION = "validation.npz"
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Member:
    """A trained member and its posteriors of the validation faces.

    Attributes
    ----------
    artefact : of kind ``models``.
    net, preprocessing : what its model.json says.
    prior : (7,) float64 class shares its posteriors refer to.
    pixels, groups : (n,) strings: pixel digest and subject of each validation face.
    posteriors : (n, 7) float64; a row that is not finite: the member failed on that face.
    labels : (n,) int64, -1 for a face whose annotators agree on none of the seven.
    targets : (n, 7) float64, one-hot labels or shares of votes; NaN where there is neither.
    """

    artefact: Artefact
    net: str
    preprocessing: Preprocessing
    prior: np.ndarray
    pixels: np.ndarray
    groups: np.ndarray
    posteriors: np.ndarray
    labels: np.ndarray
    targets: np.ndarray

    @property
    def name(self) -> str:
        return self.artefact.name

    @property
    def failures(self) -> int:
        """Validation faces on which it gave no posterior."""
        return int((~np.isfinite(self.posteriors).all(axis=1)).sum())

    def reordered(self, order: np.ndarray) -> Member:
        """The same member with its validation faces in another order."""
        parts = ("pixels", "groups", "posteriors", "labels", "targets")
        return replace(self, **{part: getattr(self, part)[order] for part in parts})


def read_member(artefact: Artefact, work: Path) -> Member:
    """Read one member.

    Raises
    ------
    ArtefactError
        If it is stale, no emotion model, has no validation faces or no posteriors.
    TamperedError
        If a file of it is not the one its manifest records.
    LeakError
        If it was trained on its validation faces or their subjects.
    """
    check_fresh(artefact, work)
    folder = artefact.folder
    for name in artefact.manifest["outputs"]:
        output_file(artefact, name)
    model = read_json(folder / "model.json")
    if model.get("task") != "emotion" or tuple(model.get("classes", ())) != EMOTIONS:
        raise ArtefactError(
            f"{folder} is not a model of the seven emotions; make one of it with "
            f"`emotiw finetune … --init {artefact.name}`."
        )
    if _VALIDATION not in artefact.manifest["outputs"]:
        raise ArtefactError(
            f"{folder} has seen no validation faces; import its weights again with --validate."
        )
    member = _member(artefact, model, read_arrays(folder / _VALIDATION))
    _refuse_leaks(member)
    return member


def _refuse_leaks(member: Member) -> None:
    """Refuse one that was trained on its validation faces, itself or before: it would weigh too
    much.
    """
    seen = Seen.by([member.artefact], ())
    known = np.isin(digest_numbers(member.pixels), seen.pixels) & (member.pixels != "")
    known |= np.array([group in seen.groups for group in member.groups.tolist()], dtype=bool)
    if known.any():
        raise LeakError(
            f"{member.name}, or a model it started from, was trained on {known.sum()} of its "
            f"{len(known)} validation faces or on their subjects, so it would weigh too much; "
            "train it again with these left out, such as by --exclude."
        )


def _member(
    artefact: Artefact, model: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Member:
    path = artefact.folder / _VALIDATION
    try:
        count = len(arrays["pixels"])
        member = Member(
            artefact=artefact,
            net=str(model["net"]),
            preprocessing=Preprocessing.from_json(model["preprocessing"]),
            prior=np.asarray(model["prior"], dtype=np.float64),
            pixels=arrays["pixels"],
            groups=arrays["groups"],
            posteriors=arrays["posteriors"].astype(np.float64),
            labels=arrays["labels"].astype(np.int64),
            targets=arrays["targets"].astype(np.float64),
        )
    except KeyError as error:
        raise ArtefactError(
            f"{path} or model.json beside it lacks {error}; train the model again."
        ) from error
    if count == 0:
        raise ArtefactError(
            f"{path} holds no faces; train {artefact.name} on faces with a validation split."
        )
    shapes = {
        "groups": (count,),
        "labels": (count,),
        "posteriors": (count, len(EMOTIONS)),
        "targets": (count, len(EMOTIONS)),
    }
    wrong = [part for part, shape in shapes.items() if getattr(member, part).shape != shape]
    finite = member.posteriors[np.isfinite(member.posteriors).all(axis=1)]
    if wrong or ((member.labels < -1) | (member.labels >= len(EMOTIONS))).any():
        raise ArtefactError(
            f"{path} is damaged ({', '.join(wrong) or 'labels'}); train the model again."
        )
    if len(finite) == 0:
        raise ArtefactError(
            f"{path} holds not one finite posterior: the training diverged; train "
            f"{artefact.name} again with a lower learning rate."
        )
    if (finite < 0).any() or np.abs(finite.sum(axis=1) - 1).max() > _SUM_TOLERANCE:
        raise ArtefactError(
            f"{path} holds posteriors that do not sum to one; train the model again."
        )
    member.targets[member.targets.sum(axis=1) <= 0] = np.nan
    return member


def read_members(artefacts: Sequence[Artefact], work: Path) -> list[Member]:
    """Read members and bring their validation faces into one order, the first member's.

    Raises
    ------
    InputError
        If a member is given twice, or members were made for different aligned faces.
    ArtefactError
        If they were validated on different faces, or by different labels; see also
        :func:`read_member`.
    """
    members: list[Member] = []
    for artefact in artefacts:
        for other in members:
            if artefact.digest == other.artefact.digest:
                same = "twice" if artefact.name == other.name else f"and is {other.name} again"
                raise InputError(f"member {artefact.name} is given {same}; give it once.")
        members.append(read_member(artefact, work))
    if not members:
        raise InputError("an ensemble needs at least one member; name them with --members.")
    first = members[0]
    return [first, *(_like(first, member) for member in members[1:])]


def _like(first: Member, member: Member) -> Member:
    frames = [(m.preprocessing.face_size, m.preprocessing.detail) for m in (first, member)]
    if frames[0] != frames[1]:
        raise InputError(
            f"{first.name} is made for aligned faces of {_frame(*frames[0])} and {member.name} for "
            f"{_frame(*frames[1])}; members of one ensemble see the same faces."
        )
    if not np.array_equal(first.pixels, member.pixels):
        mine, theirs = set(first.pixels.tolist()), set(member.pixels.tolist())
        if sorted(first.pixels.tolist()) != sorted(member.pixels.tolist()):
            raise ArtefactError(
                f"{member.artefact.folder} was validated on other faces than {first.name} "
                f"({len(mine - theirs)} of its {len(first.pixels)} are missing, "
                f"{len(theirs - mine)} are new); train members on the same faces."
            )
        order = np.empty(len(first.pixels), dtype=np.int64)
        order[np.argsort(first.pixels, kind="stable")] = np.argsort(member.pixels, kind="stable")
        member = member.reordered(order)
    if not (
        np.array_equal(first.labels, member.labels)
        and np.allclose(first.targets, member.targets, atol=1e-9, equal_nan=True)
    ):
        raise ArtefactError(
            f"{member.artefact.folder} was validated by other labels than {first.name}; train "
            "members on the same labels."
        )
    return member


def _frame(size: tuple[int, int], detail: int | None) -> str:
    return f"{size[0]}×{size[1]}" + (f" (detail {detail})" if detail else "")
