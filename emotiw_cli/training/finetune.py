"""Fine-tuning on emotions; chained, the cascade of Ng et al. 2015 (doi:10.1145/2818346.2830593)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact
from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.sources.exclusions import Exclusions
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError, LeakError
from emotiw_cli.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    log_loss,
    macro_f1,
    predictions,
)
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.initial import find_initial
from emotiw_cli.training.model import Progress, Task, train_model
from emotiw_cli.training.recipe import Recipe
from emotiw_cli.training.teacher import Teachers

_LISTED = 20
_NOTHING = np.zeros(len(EMOTIONS))
"""What is known of a face without a label before teachers have said something."""


def finetune(
    work: Path,
    names: list[str],
    model: str,
    recipe: Recipe,
    *,
    process: Process,
    init: str | None = None,
    hard: bool = False,
    source_share: float = 0.0,
    exclude: Exclusions | None = None,
    teachers: Sequence[str] = (),
    teacher_share: float = 0.5,
    unlabelled: Sequence[str] = (),
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Artefact:
    """Train the model `model` to give the emotions of the faces called `names`.

    Parameters
    ----------
    hard : train towards labels alone, also where there are votes.
    source_share, exclude : see :func:`emotion_task`.
    teachers, teacher_share : see :class:`~emotiw_cli.training.teacher.Teachers`.
    unlabelled : more faces, of which the training split is learnt from as teachers see it; their
        labels, if they have any, are not looked at.

    Raises
    ------
    InputError
        If faces without labels come without a teacher, or a teacher cannot teach these.
    LeakError
        If a subject or film is in both the training and the validation split, or a teacher was
        trained on one of the latter.
    """
    if unlabelled and not teachers:
        raise InputError(f"{', '.join(unlabelled)} without labels needs a --teacher to tell them.")
    twice = sorted(set(names) & set(unlabelled))
    if twice:
        raise InputError(
            f"{', '.join(twice)} cannot be both labelled and --unlabelled; name it once."
        )
    faces = FaceSet(work, [*names, *unlabelled], Representation.parse(recipe.representation))
    initial = find_initial(init, work) if init else None

    return train_model(
        work,
        model,
        faces,
        recipe,
        lambda faces: emotion_task(
            faces,
            hard=hard,
            source_share=source_share,
            exclude=exclude,
            unlabelled=range(len(names), len(names) + len(unlabelled)),
        ),
        initial=initial,
        teachers=Teachers.find(work, list(teachers), teacher_share) if teachers else None,
        process=process,
        workers=workers,
        overwrite=overwrite,
        progress=progress,
    )


def emotion_task(
    faces: FaceSet,
    *,
    hard: bool,
    source_share: float = 0.0,
    exclude: Exclusions | None = None,
    unlabelled: Sequence[int] = (),
) -> Task:
    """The seven emotions. Training faces identical to a validation face are left out.

    Parameters
    ----------
    hard : train towards labels alone, also where there are votes.
    source_share : 0 to 1, what a training face's earlier label (``source_label``) counts for beside
        its votes or label: FER2013 was collected by searching for emotions, so its own labels say
        what a face was meant to show, FER+'s votes what people see in it. Validation is by the
        votes alone.
    exclude : faces not to train on; those to validate on stay.
    unlabelled : numbers of the artefacts whose faces only teachers say something of.
    """
    listed = faces.listed(exclude) if exclude else frozenset()
    told = {
        place: _shared(faces.row(place), hard, source_share)
        for place in range(len(faces))
        if not unlabelled or faces.set_number(place) not in unlabelled
    }
    validation = _validation(faces, hard, told)
    candidates = [
        place
        for place in range(len(faces))
        if faces.row(place).split in ("train", "") and told.get(place, _NOTHING) is not None
    ]
    left_out = listed.intersection(candidates)
    candidates = [place for place in candidates if place not in left_out]
    _refuse_shared_groups(faces, candidates, validation)
    held = {faces.row(place).pixels for place in validation}
    training = [place for place in candidates if faces.row(place).pixels not in held]
    targets = np.array([told.get(place, _NOTHING) for place in training])
    unlabelled_count = sum(place not in told for place in training)

    return Task(
        "emotion",
        EMOTIONS,
        training,
        validation,
        targets.reshape(-1, len(EMOTIONS)),
        "log_loss",
        _figures(faces, validation, hard),
        counts={
            "left_out_as_identical_to_validation": len(candidates) - len(training),
            **({"left_out_as_listed": len(left_out)} if exclude else {}),
            **({"unlabelled": unlabelled_count} if unlabelled_count else {}),
        },
        options={
            **({"hard": True} if hard else {}),
            **({"source_share": source_share} if source_share else {}),
            **({"exclude": exclude.digest} if exclude else {}),
            **({"unlabelled": list(unlabelled)} if unlabelled else {}),
        },
    )


def measuring_task(faces: FaceSet) -> Task:
    """The validation faces of :func:`emotion_task`, for a model that was trained elsewhere.

    Raises
    ------
    InputError
        If there is none.
    """
    validation = _validation(faces, False, range(len(faces)))
    if not validation:
        raise InputError(
            f"{', '.join(one.artefact.name for one in faces.sets)}: no face of the validation "
            "split has a label or votes; check `emotiw align`'s summary."
        )
    nothing = np.zeros((0, len(EMOTIONS)))
    figures = _figures(faces, validation, False)
    return Task("emotion", EMOTIONS, [], validation, nothing, "log_loss", figures)


def _validation(faces: FaceSet, hard: bool, among: Iterable[int]) -> list[int]:
    """Numbers of the validation faces `among` some that have a target."""
    return [
        place
        for place in among
        if faces.row(place).split == "validation" and _target(faces.row(place), hard) is not None
    ]


def _figures(
    faces: FaceSet, validation: list[int], hard: bool
) -> Callable[[np.ndarray], dict[str, float]]:
    """What posteriors of the faces `validation` come to."""
    wanted = np.array([_target(faces.row(place), hard) for place in validation])
    labels = np.array([_label(faces.row(place)) for place in validation], np.int64)

    def figures(posterior: np.ndarray) -> dict[str, float]:
        if not validation:
            return dict.fromkeys(("accuracy", "macro_f1", "log_loss"), float("nan"))
        confusion = confusion_matrix(labels, predictions(posterior))
        return {
            "accuracy": float(accuracy(confusion)),
            "macro_f1": float(macro_f1(confusion)),
            "log_loss": log_loss(posterior, wanted),
        }

    return figures


def _target(row: FaceRow, hard: bool) -> np.ndarray | None:
    """What a face is trained towards; None for one whose annotators mostly saw no emotion."""
    if hard or not row.votes:
        label = _label(row)
        return np.eye(len(EMOTIONS))[label] if label >= 0 else None
    if row.other_votes >= sum(row.votes):
        return None
    return row.target()


def _shared(row: FaceRow, hard: bool, share: float) -> np.ndarray | None:
    """What a face is trained towards with its earlier label taken into account."""
    target = _target(row, hard)
    if target is None or row.source_label not in EMOTIONS:
        return target
    source = np.eye(len(EMOTIONS))[EMOTIONS.index(row.source_label)]
    return (1 - share) * target + share * source


def _label(row: FaceRow) -> int:
    return EMOTIONS.index(row.label) if row.label in EMOTIONS else -1


def _refuse_shared_groups(faces: FaceSet, training: list[int], validation: list[int]) -> None:
    def groups(places: list[int]) -> set[str]:
        return {faces.leak_key(place) for place in places} - {""}

    shared = sorted(groups(training) & groups(validation))
    if shared:
        listed = ", ".join(shared[:_LISTED]) + (", …" if len(shared) > _LISTED else "")
        raise LeakError(
            f"{len(shared)} subjects, films or clips are both in training and in validation "
            f"({listed}); split the set by them with `emotiw align --split-by-group`."
        )
