"""From faces with targets to a model artefact: the part that all trainings share."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    exclusive,
    folder_of,
    landing_file,
    open_artefact,
    write_json,
    write_manifest,
)
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.nets.registry import find_net
from emotiw_cli.training.checkpoint import load_checkpoint
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.export import export_onnx
from emotiw_cli.training.faceset import FaceSet, seen_pixels
from emotiw_cli.training.initial import WEIGHTS, Initial, load_initial
from emotiw_cli.training.loop import Balance, History, fit
from emotiw_cli.training.measured import over_crops, softmax
from emotiw_cli.training.recipe import Recipe, plan_digest
from emotiw_cli.training.samples import Samples, Views
from emotiw_cli.training.teacher import Teachers

_UNFOLDING_FACES = 256


@dataclass(frozen=True)
class Task:
    """What is to be learnt.

    Attributes
    ----------
    name : ``identity`` or ``emotion``.
    classes : names of the logits.
    training, validation : numbers of faces in the set.
    targets : what each face is trained towards: (len(training), C) float distributions, a row of
        zeros where teachers alone know, or where there are thousands of classes
        (len(training),) int64, its class.
    better : the figure of `figures` by which weights are kept.
    figures : what `look` gives of the validation faces → figures.
    look : what to take of the net: (net, (k, 3, s, s)) → (k, C …), the posterior first.
    counts : for the manifest.
    options : choices beyond the recipe that make it another training.
    """

    name: str
    classes: tuple[str, ...]
    training: list[int]
    validation: list[int]
    targets: np.ndarray
    better: str
    figures: Callable[[np.ndarray], dict[str, float]]
    look: Callable[[nn.Module, Tensor], Tensor] = softmax
    counts: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """Whom a training tells how it goes."""

    on_start: Callable[[dict[str, Any]], None] = lambda facts: None
    on_taught: Callable[[int, int], None] = lambda done, total: None
    on_step: Callable[[int, int, float], None] = lambda done, total, loss: None
    on_epoch: Callable[[dict[str, float]], None] = lambda line: None


def train_model(
    work: Path,
    name: str,
    faces: FaceSet,
    recipe: Recipe,
    make_task: Callable[[FaceSet], Task],
    *,
    initial: Initial | None,
    teachers: Teachers | None = None,
    process: Process,
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Artefact:
    """Train, or go on training, the model `name`; return the finished artefact.

    A finished model of the same plan is returned as it is; one of another plan is refused.

    Raises
    ------
    ArtefactError
        If `name` holds another training and `overwrite` is not set.
    InputError
        If `name` is the model to start from, or a teacher; or if there is nothing to learn from.
    LeakError
        If a teacher was trained on validation faces or their subjects.
    BusyError
        If another run is training it.
    """
    progress = progress or Progress()
    folder = folder_of(work, "models", name)
    if any(model.folder == folder for model in _made_from(initial, teachers)):
        raise InputError(f"{folder} cannot be made from itself; choose another --name.")
    with exclusive(folder) if process.leads else nullcontext():
        if overwrite and process.leads:
            clear_model(folder)
        process.wait()
        return _train(
            work, folder, faces, recipe, make_task, initial, teachers, process, workers, progress
        )


def _made_from(initial: Initial | None, teachers: Teachers | None) -> list[Artefact]:
    """The models that one is made from."""
    first = [initial.artefact] if initial and initial.artefact else []
    return [*first, *(teachers.models if teachers else [])]


def clear_model(folder: Path) -> None:
    """Empty a model's folder but for its lock."""
    # The manifest first: what is half removed must not count as finished.
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def made_model(work: Path, folder: Path, digest: str) -> Artefact | None:
    """The finished model in `folder`; None if it is not finished.

    Raises
    ------
    ArtefactError
        If it was made by another plan than the one of `digest`.
    """
    if not (folder / MANIFEST).is_file():
        return None
    made = open_artefact(work, "models", folder.name)
    if made.manifest["parameters"].get("plan") == digest:
        return made
    raise ArtefactError(
        f"{folder} was made with other data or options; choose another --name or add "
        "--overwrite to start again."
    )


def _train(
    work: Path,
    folder: Path,
    faces: FaceSet,
    recipe: Recipe,
    make_task: Callable[[FaceSet], Task],
    initial: Initial | None,
    teachers: Teachers | None,
    process: Process,
    workers: int,
    progress: Progress,
) -> Artefact:
    spec = find_net(recipe.net)
    spec.check_side(recipe.net, recipe.crop)
    preprocessing = Preprocessing(
        str(faces.representation),
        faces.size,
        faces.detail,
        recipe.resize,
        recipe.crop,
        recipe.crops,
        order=spec.order,
        mean=spec.mean,
        scale=spec.scale,
    )

    task = make_task(faces)
    if not task.training:
        raise InputError(
            f"there is nothing to learn {task.name} from: no face of the training split has a "
            "label or votes; check `emotiw align`'s summary."
        )
    inputs = [
        *faces.inputs,
        *([initial.reference] if initial else []),
        *(teachers.references(faces) if teachers else []),
    ]
    plan = {"task": task.name, "recipe": recipe.to_json(), "inputs": inputs, **task.options}
    if teachers is not None:
        plan["teacher_share"] = teachers.share
    digest = plan_digest(plan)
    made = made_model(work, folder, digest)
    if made is not None:
        return made
    checkpoint = folder / "checkpoint"
    if teachers is not None:
        teachers.refuse_leaks(faces, task.validation)
        # Refuses another training that was begun here before teachers are asked for hours.
        load_checkpoint(checkpoint, digest)

    torch.manual_seed(recipe.seed)
    net = spec.build(len(task.classes))
    loaded: dict[str, list[str]] = {"matched": [], "left": list(net.state_dict())}
    if initial is not None:
        some = np.linspace(0, len(task.training) - 1, min(_UNFOLDING_FACES, len(task.training)))
        views = Views(faces, task.training, preprocessing)
        examples = torch.cat([views[int(place)][:1] for place in some])
        loaded = load_initial(net, initial, examples, task.classes)
    targets = task.targets
    if teachers is not None:
        targets = teachers.targets(
            targets,
            faces,
            task.training,
            task.classes,
            checkpoint,
            digest,
            process=process,
            workers=workers,
            on_face=progress.on_taught,
        )
    balance = Balance.of(targets, recipe, len(task.classes))
    samples = Samples(
        faces,
        task.training,
        preprocessing,
        recipe.augment,
        recipe.seed,
    )
    progress.on_start(
        {"training": len(task.training), "validation": len(task.validation), "loaded": loaded}
    )

    held = Views(faces, task.validation, preprocessing)

    def seen_by(model: nn.Module) -> np.ndarray:
        return over_crops(model, held, process, task.look, workers=workers)

    history = fit(
        net,
        samples,
        targets,
        recipe,
        plan=digest,
        folder=checkpoint,
        process=process,
        balance=balance,
        validate=lambda model: task.figures(seen_by(model)),
        better=task.better,
        workers=workers,
        on_step=progress.on_step,
        on_epoch=progress.on_epoch,
    )
    seen = seen_by(net)
    posterior, figures = seen[:, : len(task.classes)], task.figures(seen)
    if process.leads:
        _write_files(folder, net, task, preprocessing, recipe, balance, history)
        write_validation(folder, faces, task, posterior)
        _write_seen(folder, faces, task, _made_from(initial, teachers))
        export_onnx(net, recipe.crop, folder / "model.onnx")
        write_manifest(
            folder,
            "models",
            parameters={**plan, "plan": digest, "loaded": loaded},
            inputs=inputs,
            outputs=[
                WEIGHTS,
                "model.json",
                "model.onnx",
                "history.csv",
                "validation.npz",
                "seen.npz",
            ],
            counts={
                "training": len(task.training),
                "validation": len(task.validation),
                **task.counts,
            },
            metrics={name: value for name, value in figures.items() if math.isfinite(value)},
            seed=recipe.seed,
            licences=faces.licences,
        )
    process.wait()
    return open_artefact(work, "models", folder.name)


def write_weights(
    path: Path, net: nn.Module, without: Callable[[str], bool] = lambda name: False
) -> None:
    """Write the tensors of `net` as safetensors, made in memory as checkpoints are.

    Parameters
    ----------
    without : whether to leave out the tensor of a name.
    """
    state = {
        name: value.detach().cpu().contiguous()
        for name, value in net.state_dict().items()
        if not without(name)
    }
    with landing_file(path) as file:
        file.write(save(state))


def _write_files(
    folder: Path,
    net: nn.Module,
    task: Task,
    preprocessing: Preprocessing,
    recipe: Recipe,
    balance: Balance,
    history: History,
) -> None:
    write_weights(folder / WEIGHTS, net)
    write_json(
        folder / "model.json",
        {
            "net": recipe.net,
            "task": task.name,
            "classes": list(task.classes),
            "prior": [float(share) for share in balance.prior],
            "preprocessing": preprocessing.to_json(),
        },
    )
    with landing_file(folder / "history.csv", "w") as file:
        writer = csv.DictWriter(file, list(history[0]) if history else ["epoch"])
        writer.writeheader()
        writer.writerows(history)


def write_validation(folder: Path, faces: FaceSet, task: Task, posterior: np.ndarray) -> None:
    """Write ``validation.npz``, what an ensemble's fit reads; of identities no posteriors and
    targets: there are too many of them, and nothing weighs them.

    Parameters
    ----------
    posterior : (len(task.validation), C) float64.
    """
    rows = [faces.row(place) for place in task.validation]
    numbers = {name: number for number, name in enumerate(task.classes)}
    arrays: dict[str, Any] = {}
    if task.name == "emotion":
        names = [row.label for row in rows]
        targets = [row.target() for row in rows]
        blank = np.zeros(len(task.classes))
        arrays["posteriors"] = posterior
        arrays["targets"] = np.array([blank if t is None else t for t in targets]).reshape(
            -1, len(task.classes)
        )
    else:
        names = [faces.identity(place) for place in task.validation]
    with landing_file(folder / "validation.npz") as file:
        np.savez_compressed(
            file,
            rows=np.array([row.row for row in rows], np.int64),
            pixels=np.array([row.pixels for row in rows], "U16"),
            groups=np.array([faces.leak_key(place) for place in task.validation], np.str_),
            labels=np.array([numbers.get(name, -1) for name in names], np.int64),
            **arrays,
        )


def _write_seen(folder: Path, faces: FaceSet, task: Task, earlier: Sequence[Artefact]) -> None:
    """Write what the model has seen in training, itself or through the `earlier` it is made of."""
    rows = [faces.row(place) for place in task.training]
    pixels = seen_pixels(rows)
    groups = {faces.leak_key(place) for place in task.training} - {""}
    before = Seen.by(earlier, ())
    pixels, groups = np.union1d(pixels, before.pixels), groups | before.groups
    with landing_file(folder / "seen.npz") as file:
        np.savez_compressed(file, pixels=pixels, groups=np.array(sorted(groups), np.str_))
