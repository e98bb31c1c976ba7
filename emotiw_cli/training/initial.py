"""Initial weights: from an earlier model, or from a file of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from emotiw_cli.artefact import (
    Artefact,
    check_fresh,
    file_reference,
    open_artefact,
    output_file,
    read_json,
    reference,
)
from emotiw_cli.errors import InputError
from emotiw_cli.nets.classifier import MEAN_IMAGE, is_head, set_mean_image
from emotiw_cli.nets.fitting import nets_that_fit
from emotiw_cli.nets.folded import is_plain, renormalise
from emotiw_cli.nets.mobilenet_v1 import MobileNetV1, is_folded, unfold
from emotiw_cli.nets.tfjs import mobilenet_v1_from_tfjs, read_tfjs
from emotiw_cli.nets.weights import read_weights

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Initial:
    """Where initial weights come from.

    Attributes
    ----------
    reference : what the manifest records. path : of the tensors. artefact : the model, if one.
    """

    reference: dict[str, str]
    path: Path
    artefact: Artefact | None = None


def find_initial(text: str, work: Path) -> Initial:
    """A model of the workspace by name, or a file: safetensors, state dict, TensorFlow.js json."""
    path = Path(text)
    if path.suffix in (".safetensors", ".json", ".pt", ".pth"):
        if not path.is_file():
            raise InputError(f"{path} does not exist; give a file of weights or a model's name.")
        return Initial(file_reference(path), path)
    artefact = open_artefact(work, "models", text)
    check_fresh(artefact, work)
    return Initial(reference(artefact), output_file(artefact, WEIGHTS), artefact)


def load_initial(
    net: nn.Module, initial: Initial, faces: Tensor, classes: tuple[str, ...]
) -> dict[str, list[str]]:
    """Load what fits into `net`; a head for other classes is left as it is.

    Parameters
    ----------
    faces : a few hundred inputs, for weights with folded normalisation.
    classes : names of the net's logits. Seven identities are as many as seven emotions.

    Returns
    -------
    Names of the tensors ``matched`` and ``left``.

    Raises
    ------
    InputError
        If anything but the head does not fit.
    """
    tensors = _read(initial.path)
    if MEAN_IMAGE in tensors:
        set_mean_image(net, tensors[MEAN_IMAGE], faces.shape[-1], str(initial.path))
    if isinstance(net, MobileNetV1) and is_folded(tensors):
        matched = unfold(net, tensors, faces)
        return {"matched": matched, "left": ["head.weight", "head.bias"]}
    if initial.artefact is not None:
        earlier = read_json(initial.artefact.folder / "model.json").get("classes", [])
        if tuple(earlier) != classes:
            tensors = {k: v for k, v in tensors.items() if not is_head(k)}
    own = net.state_dict()
    left = [name for name, value in own.items() if _shape(tensors, name) != value.shape]
    misfits = [name for name in left if not is_head(name)]
    unknown = sorted(set(tensors) - set(own))
    if misfits or unknown:
        fits = nets_that_fit(tensors)
        raise InputError(
            f"{initial.path} does not fit this net: {len(misfits)} tensors are missing or of "
            f"another shape, {len(unknown)} are unknown (first: {[*misfits, *unknown][0]}); "
            + (
                f"they fit {', '.join(fits)}: use one of these as --net."
                if fits
                else "use weights of the same --net."
            )
        )
    net.load_state_dict({k: v for k, v in tensors.items() if k not in left}, strict=False)
    if is_plain(net):
        renormalise(net, faces)
    return {"matched": [name for name in own if name not in left], "left": left}


def _shape(tensors: dict[str, Tensor], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".json":
        folded = mobilenet_v1_from_tfjs(read_tfjs(path))
        return {name: torch.from_numpy(values.copy()) for name, values in folded.items()}
    return read_weights(path).tensors
