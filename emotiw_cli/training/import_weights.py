"""From weights that somebody else trained to a model artefact."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from emotiw_cli.artefact import (
    Artefact,
    exclusive,
    file_reference,
    folder_of,
    open_artefact,
    write_json,
    write_manifest,
)
from emotiw_cli.bundle.load import verify_bundle
from emotiw_cli.bundle.schema import SEEN, BundleSpec
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import InputError
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.nets.classifier import MEAN_IMAGE, Classifier, is_head, set_mean_image
from emotiw_cli.nets.fitting import Fitting, empty_net, fit_tensors, load_tensors, nets_that_fit
from emotiw_cli.nets.folded import read_onnx
from emotiw_cli.nets.mean_image import MeanFit, mean_for, read_mean_image
from emotiw_cli.nets.parity import TOLERANCE, compare_with_caffe
from emotiw_cli.nets.registry import TORCHVISION, find_net
from emotiw_cli.nets.weights import Weights, read_weights
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.export import export_onnx
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.finetune import measuring_task
from emotiw_cli.training.initial import WEIGHTS
from emotiw_cli.training.measured import Kept, posteriors
from emotiw_cli.training.model import (
    clear_model,
    made_model,
    write_validation,
    write_weights,
)
from emotiw_cli.training.recipe import plan_digest
from emotiw_cli.training.samples import Views

IMAGENET = Path("imagenet")
"""Stands for torchvision's own weights of the net."""
ONNX = ".onnx"
"""Of nets that emotiw exported."""
_CHUNK = 64


@dataclass(frozen=True)
class Origin:
    """Weights and what they expect.

    Attributes
    ----------
    weights : their file, or :data:`IMAGENET`.
    net : the architecture they are of.
    mean : file of the mean image they expect subtracted, if any.
    prototxt : of a Caffe model, the net in text; with it, the net here is compared with Caffe's,
        unless it is loaded in part.
    classes : emotions of the head's outputs in their order.
    representation : what the net is shown of a face.
    resize, crop : as in :class:`Preprocessing`; None for the net's own.
    crops : as in :class:`Preprocessing`.
    mean_fit : how a mean image of another size is brought to the input's.
    bundle : folder of the verified bundle they are a member of, if any; what that has seen, the
        class mix its posteriors refer to and its licence are the model's too.
    """

    weights: Path
    net: str
    mean: Path | None = None
    prototxt: Path | None = None
    classes: tuple[str, ...] = EMOTIONS
    representation: str = "rgb"
    resize: int | None = None
    crop: int | None = None
    crops: Literal["centre", "mirror", "ten"] = "centre"
    mean_fit: MeanFit = "crop"
    bundle: Path | None = None

    def checked(self) -> Origin:
        """With the net's own sizes where none are given.

        Raises
        ------
        InputError
            If the net is not known or takes another size, a file is missing, a prototxt
            is given for weights that are not Caffe's, or the classes are not the seven.
        """
        spec = find_net(self.net)
        if sorted(self.classes) != sorted(EMOTIONS):
            raise InputError(
                f"--classes names {', '.join(self.classes)}; name each of {', '.join(EMOTIONS)} "
                "once, in the order of the net's outputs."
            )
        for path, what in ((self.mean, "mean image"), (self.prototxt, "deploy.prototxt")):
            if path is not None and not path.is_file():
                raise InputError(f"{path} does not exist; give the {what} of the weights.")
        if self.prototxt is not None and self.weights.suffix != ".caffemodel":
            raise InputError(f"{self.weights} is no Caffe model; leave --prototxt out.")
        crop = self.crop or spec.side
        spec.check_side(self.net, crop)
        Representation.parse(self.representation)
        return replace(self, resize=self.resize or max(spec.resize, crop), crop=crop)


def import_weights(
    work: Path,
    name: str,
    origin: Origin,
    *,
    process: Process,
    validate: Sequence[str] = (),
    partial: bool = False,
    licence: str = "",
    overwrite: bool = False,
    on_face: Callable[[int, int], None] = lambda done, total: None,
) -> Artefact:
    """Write the model `name` with the weights of `origin`; return the finished artefact.

    A head of seven classes is kept, its rows in the order of :data:`EMOTIONS`, and makes a model of
    emotions; any other is left out, and the model is a start for training. Killed while it looks
    at validation faces, the same call goes on from there.

    Parameters
    ----------
    validate : faces artefacts to take posteriors of, which an ensemble's weights are fitted to.
    partial : load what fits, and leave the rest of the net at its first values.
    licence : what the weights allow, for the manifest.
    on_face : told how many of the validation faces are done.

    Returns
    -------
    The artefact. Its parameters' ``report`` has a line for every tensor.

    Raises
    ------
    InputError
        If the weights cannot be read, do not fit whole and `partial` is not set, or give other
        values than Caffe's model; the sentence says what would help.
    ArtefactError
        If `name` is another model and `overwrite` is not set.
    """
    origin = origin.checked()
    faces = (
        FaceSet(work, list(validate), Representation.parse(origin.representation))
        if validate
        else None
    )
    weights, reference = _read(origin)
    files = [file_reference(path) for path in (origin.mean, origin.prototxt) if path is not None]
    inputs = [*(faces.inputs if faces else []), reference, *files]
    choices = {**asdict(origin), "weights": reference["name"]}
    for part in ("mean", "prototxt", "bundle"):
        path = getattr(origin, part)
        choices[part] = path.name if path else None
    plan = {"task": "import", "recipe": choices, "inputs": inputs, "partial": partial}
    digest = plan_digest(plan)
    folder = folder_of(work, "models", name)
    made = None if overwrite else made_model(work, folder, digest)
    if made is not None:
        return made
    net, report, figures = _built(origin, weights, partial)
    emotions = net.head.out_features == len(EMOTIONS)
    if faces and not emotions:
        raise InputError(
            f"{origin.weights} has no head of {len(EMOTIONS)} classes, so there are no posteriors "
            "to validate; leave --validate out and train it with `emotiw finetune --init "
            f"{name}`."
        )
    task = measuring_task(faces) if faces else None
    spec, seen = _bundle(origin)
    preprocessing = _preprocessing(origin, faces, spec) if faces else None
    with exclusive(folder):
        if overwrite:
            clear_model(folder)
        write_weights(folder / WEIGHTS, net, lambda part: is_head(part) and not emotions)
        outputs = [WEIGHTS, "model.json", "seen.npz"]
        described: dict[str, Any] = {
            "net": origin.net,
            "task": "emotion" if emotions else "backbone",
            "classes": list(EMOTIONS) if emotions else [],
        }
        seen.write(folder / "seen.npz")
        if emotions:
            assert origin.crop is not None
            export_onnx(net, origin.crop, folder / "model.onnx")
            outputs.append("model.onnx")
        if faces and task and preprocessing:
            # Where nobody knows the mix of classes posteriors refer to, an even one is no news.
            even = [1 / len(EMOTIONS)] * len(EMOTIONS)
            described["prior"] = list(spec.prior.train) if spec else even
            described["preprocessing"] = preprocessing.to_json()
            posterior = posteriors(
                net,
                Views(faces, task.validation, preprocessing),
                len(EMOTIONS),
                Kept(folder / "checkpoint" / "posteriors.npz", digest),
                batch=4,
                chunk=_CHUNK,
                process=process,
                on_face=on_face,
            )
            write_validation(folder, faces, task, posterior)
            outputs.append("validation.npz")
            figures |= {k: v for k, v in task.figures(posterior).items() if math.isfinite(v)}
        write_json(folder / "model.json", described)
        write_manifest(
            folder,
            "models",
            parameters={**plan, "task": described["task"], "plan": digest, "report": report},
            inputs=inputs,
            outputs=outputs,
            counts={
                "validation": len(task.validation) if task else 0,
                "tensors": sum(bool(line["file"] and line["net"]) for line in report),
                "left": sum(line["how"] == "left" for line in report),
            },
            metrics=figures,
            licences=sorted(
                {
                    *(faces.licences if faces else []),
                    *([licence] if licence else []),
                    *([spec.licence] if spec else []),
                }
            ),
        )
        return open_artefact(work, "models", name)


def _read(origin: Origin) -> tuple[Weights, dict[str, str]]:
    """The weights, and what a manifest records of them."""
    if origin.weights.suffix == ONNX:
        assert origin.crop is not None
        tensors = read_onnx(origin.weights, find_net(origin.net).build, origin.crop)
        return Weights("ONNX", tensors), file_reference(origin.weights)
    if origin.weights != IMAGENET or origin.weights.is_file():
        return read_weights(origin.weights), file_reference(origin.weights)
    from emotiw_cli.nets.torchvision_net import imagenet_weights

    name = find_net(origin.net).options.get("name")
    if name is None:
        raise InputError(
            f"torchvision has no weights of {origin.net}; use --net {TORCHVISION}NAME, or give a "
            "file."
        )
    tensors = imagenet_weights(name)
    content = hashlib.sha256()
    for part, value in tensors.items():
        content.update(part.encode() + value.numpy().tobytes())
    reference = {"kind": "file", "name": f"torchvision {name}", "digest": content.hexdigest()}
    return Weights("PyTorch state dict", tensors), reference


def _bundle(origin: Origin) -> tuple[BundleSpec | None, Seen]:
    """The bundle the weights are of, if any, and what they have seen as far as is known."""
    if origin.bundle is None:
        return None, Seen(np.zeros(0, np.uint64), frozenset(), np.zeros(0, np.uint64))
    return verify_bundle(origin.bundle), Seen.read(origin.bundle / SEEN)


def _built(
    origin: Origin, weights: Weights, partial: bool
) -> tuple[Classifier, list[dict[str, Any]], dict[str, Any]]:
    """The net with the weights; a line on every tensor; figures of the comparison with Caffe."""
    assert origin.resize is not None
    assert origin.crop is not None
    tensors = dict(weights.tensors)
    own_mean = tensors.pop(MEAN_IMAGE, None)
    fitting = fit_tensors(empty_net(origin.net, 1), tensors)
    _refuse(origin, tensors, fitting, partial)
    spec = find_net(origin.net)
    torch.manual_seed(0)  # of what is left at its first values
    net = spec.build(fitting.rows or 1)
    assert isinstance(net, Classifier)
    load_tensors(net, tensors, fitting)
    figures = {}
    if origin.prototxt is not None and not fitting.faults:
        figures = _compared(origin, net, fitting)
    emotions = fitting.rows == len(EMOTIONS)
    if emotions:
        _order(net, origin.classes)
    report: list[dict[str, Any]] = []
    for line in fitting.lines:
        how: str = line.how
        if is_head(line.net) and not emotions:
            if not line.file:
                continue  # the model has no head that could be left
            how = "left out"
        report.append({"file": line.file, "net": line.net, "shape": list(line.shape), "how": how})
    if origin.mean is not None:
        image = read_mean_image(origin.mean)
        mean, how = mean_for(image, spec, origin.resize, origin.crop, origin.mean_fit)
        set_mean_image(net, mean, origin.crop, str(origin.mean))
        shape = list(image.shape)
        report.append({"file": origin.mean.name, "net": MEAN_IMAGE, "shape": shape, "how": how})
    elif own_mean is not None:
        set_mean_image(net, own_mean, origin.crop, str(origin.weights))
        shape = list(own_mean.shape)
        report.append({"file": MEAN_IMAGE, "net": MEAN_IMAGE, "shape": shape, "how": "matched"})
    return net.eval(), report, figures


def _refuse(origin: Origin, tensors: dict[str, torch.Tensor], fit: Fitting, partial: bool) -> None:
    """Refuse weights that do not fit whole, and always those of which nothing does."""
    faults = [] if partial else list(fit.faults)
    head = [line for line in fit.lines if is_head(line.net) and not line.fits]
    if fit.rows == len(EMOTIONS) and not partial:
        faults += head
    if not faults and any(line.fits for line in fit.lines):
        return
    kinds = {
        "other shape": "have another shape",
        "unused": "have no place in it",
        "left": "are missing",
    }
    counts = [
        f"{count} {words}"
        for how, words in kinds.items()
        if (count := sum(line.how == how for line in faults or fit.lines))
    ]
    first = (faults or fit.lines)[0]
    others = [name for name in nets_that_fit(tensors) if name != origin.net]
    if others:
        remedy = f"they fit {', '.join(others)}: use one of these as --net."
    elif any(line.fits for line in fit.lines):
        remedy = "they fit none of emotiw's nets whole; add --partial to load what fits."
    else:
        remedy = f"they fit none of emotiw's nets; of torchvision's give {TORCHVISION}NAME."
    raise InputError(
        f"{origin.weights} does not fit {origin.net}: of its tensors {', '.join(counts)} (first: "
        f"{first.file or first.net}); {remedy}"
    )


def _compared(origin: Origin, net: Classifier, fitting: Fitting) -> dict[str, Any]:
    """Compare with Caffe's own net, and refuse one that gives other values."""
    assert origin.prototxt is not None
    assert origin.crop is not None
    head = next((line.file for line in fitting.lines if line.net == "head.weight"), None)
    found = compare_with_caffe(
        net,
        origin.prototxt,
        origin.weights,
        origin.crop,
        head=head.rpartition(".")[0] if head else None,
    )
    for layer, difference in found.items():
        if not difference <= TOLERANCE:  # nor is what is not a number
            raise InputError(
                f"{origin.prototxt} is not of {origin.net}: layer {layer} comes out otherwise (by "
                f"{difference:.2g} of its largest value); use another --net, such as those whose "
                f"weights have these shapes: {', '.join(_alike(origin.net))}."
            )
    return {"layers_compared": len(found), "largest_difference": max(found.values())}


def _alike(name: str) -> list[str]:
    """The nets whose tensors have the names and shapes of those of the net `name`."""
    return nets_that_fit(empty_net(name, 1).state_dict())


@torch.no_grad()
def _order(net: nn.Module, classes: tuple[str, ...]) -> None:
    """Bring the head's rows from the order of `classes` into that of EMOTIONS."""
    order = [classes.index(emotion) for emotion in EMOTIONS]
    for name, value in net.state_dict().items():
        if is_head(name):
            value.copy_(value[order].clone())


def _preprocessing(
    origin: Origin, faces: FaceSet, bundle: BundleSpec | None = None
) -> Preprocessing:
    assert origin.resize is not None
    assert origin.crop is not None
    if bundle and (bundle.face_size, bundle.detail) != (faces.size, faces.detail):
        width, height = bundle.face_size
        raise InputError(
            f"{bundle.name} sees faces of {width}×{height}"
            + (f" with --detail {bundle.detail}" if bundle.detail else "")
            + ", those of --validate are others; align them so."
        )
    spec = find_net(origin.net)
    return Preprocessing(
        origin.representation,
        faces.size,
        faces.detail,
        origin.resize,
        origin.crop,
        origin.crops,
        order=spec.order,
        mean=spec.mean,
        scale=spec.scale,
    )
