"""Targets from finished models: distillation (Hinton et al. 2015, arXiv:1503.02531).

What several models say of a face together is a better target than each one's own lesson, and there
is one for faces that nobody labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from emotiw_cli.artefact import Artefact, read_json, reference
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.errors import InputError, LeakError
from emotiw_cli.evaluation.exposure import find_exposure
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.nets.classifier import MEAN_IMAGE, set_mean_image
from emotiw_cli.nets.registry import find_net
from emotiw_cli.nets.weights import read_weights
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.initial import WEIGHTS, find_initial
from emotiw_cli.training.measured import Kept, posteriors
from emotiw_cli.training.samples import Views

_BATCH, _CHUNK = 64, 8192


@dataclass(frozen=True)
class Teachers:
    """Models whose mean posterior training faces are taught.

    Attributes
    ----------
    models : of the workspace, each of the same classes as the task.
    share : 0 to 1, what they count for beside a face's own target; of a face without, all.
    """

    models: tuple[Artefact, ...]
    share: float

    @classmethod
    def find(cls, work: Path, names: list[str], share: float) -> Teachers:
        """Find the models called `names`.

        Raises
        ------
        ArtefactError, TamperedError
            If one is not there, is stale, or has other weights than its manifest records.
        """
        found = [find_initial(name, work) for name in names]
        models = tuple(one.artefact for one in found if one.artefact is not None)
        if len(models) < len(found):
            raise InputError(
                "a teacher is a model of the workspace, not a file of weights; import the file "
                "with `emotiw weights import`."
            )
        return cls(models, share)

    def references(self, faces: FaceSet) -> list[dict[str, str]]:
        """What the manifest of the student records: the models, and codes that they alone read.

        Raises
        ------
        ArtefactError
            If codes that a model reads of `faces` are not there.
        """
        read = [
            one
            for model in self.models
            for one in _as_seen_by(
                faces, _preprocessing(model, read_json(model.folder / "model.json"))
            ).inputs
            if one not in faces.inputs
        ]
        unique = [one for place, one in enumerate(read) if one not in read[:place]]
        return [*map(reference, self.models), *unique]

    def refuse_leaks(self, faces: FaceSet, validation: list[int]) -> None:
        """Refuse a teacher that was trained on faces or subjects its student is validated on.

        It would tell the student of them, and the epoch and the weights in an ensemble are chosen
        by how well they are known.

        Parameters
        ----------
        validation : numbers of the faces within `faces`.

        Raises
        ------
        LeakError
        """
        for model in self.models:
            seen = Seen.by([model], ())
            known = 0
            for number, one in enumerate(faces.sets):
                rows = [faces.row(at) for at in validation if faces.set_number(at) == number]
                known += len(find_exposure(rows, seen, one.set_name).trained)
            if known:
                raise LeakError(
                    f"{model.name} was trained on {known} of the {len(validation)} validation "
                    "faces or on their subjects and would tell of them; teach with a model of the "
                    "same training split, or leave them out of its training with --exclude."
                )

    def targets(
        self,
        own: np.ndarray,
        faces: FaceSet,
        places: list[int],
        classes: tuple[str, ...],
        kept: Path,
        digest: str,
        *,
        process: Process,
        workers: int = 0,
        on_face: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        """What faces are trained towards, (n, C) float64.

        Parameters
        ----------
        own : (n, C) distributions, a row of zeros for a face that has none.
        places : (n,) numbers of the faces within `faces`.
        kept : folder for what the teachers said so far, under the plan of `digest`.
        """
        total = len(self.models) * len(places)
        said = np.zeros_like(own, dtype=np.float64)
        for number, model in enumerate(self.models):

            def tell(done: int, _: int, before: int = number) -> None:
                on_face(before * len(places) + done, total)

            net, preprocessing = _read(model, classes, faces)
            said += posteriors(
                net,
                Views(_as_seen_by(faces, preprocessing), places, preprocessing),
                len(classes),
                Kept(kept / f"{model.name}.npz", digest),
                batch=_BATCH,
                chunk=_CHUNK,
                process=process,
                workers=workers,
                on_face=tell,
            )
        said /= len(self.models)
        share = np.where(own.sum(1, keepdims=True) > 0, self.share, 1.0)
        return (1 - share) * own + share * said


def _read(
    model: Artefact, classes: tuple[str, ...], faces: FaceSet
) -> tuple[nn.Module, Preprocessing]:
    described = read_json(model.folder / "model.json")
    if tuple(described.get("classes", ())) != classes:
        raise InputError(
            f"{model.name} knows other classes and cannot teach these; name a model that `emotiw "
            "finetune` made."
        )
    preprocessing = _preprocessing(model, described)
    if (preprocessing.face_size, preprocessing.detail) != (faces.size, faces.detail):
        raise InputError(f"{model.name} sees faces of another size or detail; align them alike.")
    net = find_net(described["net"]).build(len(classes))
    tensors = read_weights(model.folder / WEIGHTS).tensors
    if MEAN_IMAGE in tensors:
        set_mean_image(net, tensors[MEAN_IMAGE], preprocessing.crop, str(model.folder))
    net.load_state_dict(tensors)
    return net, preprocessing


def _preprocessing(model: Artefact, described: Mapping[str, Any]) -> Preprocessing:
    if "preprocessing" not in described:
        raise InputError(
            f"{model.name} does not say how it sees faces; import its weights again with "
            "--validate."
        )
    return Preprocessing.from_json(described["preprocessing"])


def _as_seen_by(faces: FaceSet, preprocessing: Preprocessing) -> FaceSet:
    """The same faces in the representation of `preprocessing`."""
    if preprocessing.representation == str(faces.representation):
        return faces
    return faces.seen_as(Representation.parse(preprocessing.representation))
