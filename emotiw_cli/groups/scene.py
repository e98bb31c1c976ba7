"""Train a net on whole group photos: the stage `groups train scene`.

The recipe of Rassadin et al. 2017 (doi:10.1145/3136755.3143007): a net that knows pictures, its
last maps averaged, a layer of 256 ReLU with dropout .5, three logits; Adagrad with rate and decay
1e-4, 40 photos a batch, 20 epochs; photos turned up to 10°, scaled by up to a tenth, with their
colours shifted by up to 5 of 255, and mirrored. The epoch of the least validation log-loss is kept.

The artefact ``WORK/scenes/NAME`` has ``model.onnx``, ``weights.safetensors``, ``outputs.npz`` (see
:class:`Outputs`), ``seen.npz``, and, until it is finished, a checkpoint after each epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

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
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.groups.bundle import open_scene
from emotiw_cli.groups.faces import KIND as GROUPS
from emotiw_cli.groups.faces import READABLE, SCENE, Groups
from emotiw_cli.groups.figures import measure
from emotiw_cli.groups.layout import CLASSES
from emotiw_cli.groups.outputs import OUTPUTS, Outputs
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.nets.classifier import Classifier
from emotiw_cli.nets.layers import Dropout
from emotiw_cli.nets.registry import find_net
from emotiw_cli.nets.vgg16 import Vgg16
from emotiw_cli.training.checkpoint import CHECKPOINT, PROGRESS, load_checkpoint, save_checkpoint
from emotiw_cli.training.export import export_onnx
from emotiw_cli.training.initial import WEIGHTS, find_initial, load_initial
from emotiw_cli.training.recipe import plan_digest

KIND = "scenes"
MODEL = "model.onnx"
TURN, ZOOM, SHIFT = 10.0, 0.1, 5.0
_HIDDEN = 256
_LOOK = 64
"""Photos that initial weights with folded normalisation are unfolded on."""


@dataclass(frozen=True)
class ScenePlan:
    """How a net is trained on whole photos; the defaults are the published ones, but for the net.

    Attributes
    ----------
    net : of the registry. init : a model of the workspace or a file of weights, or None.
    side : of the input in pixels.
    """

    net: str = "efficientnet_lite0"
    init: str | None = None
    side: int = 224
    epochs: int = 20
    batch: int = 40
    learning_rate: float = 1e-4
    decay: float = 1e-4
    seed: int = 0


class SceneNet(nn.Module):
    """A backbone's features, 256 ReLU, dropout, three logits."""

    def __init__(self, backbone: Classifier, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.hidden = nn.Linear(width, _HIDDEN)
        self.dropout = Dropout(0.5)
        self.head = nn.Linear(_HIDDEN, len(CLASSES))

    def features(self, x: Tensor) -> Tensor:
        """(n, 3, s, s) → (n, 256) float32: what the head sees, before dropout."""
        return F.relu(self.hidden(seen_by(self.backbone, x)))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(self.features(x)))
        return logits


def seen_by(backbone: Classifier, x: Tensor) -> Tensor:
    """A backbone's features, (n, d); of VGG16 its last maps averaged, as published."""
    if isinstance(backbone, Vgg16):
        return backbone.maps(backbone.centred(x)).mean(dim=(2, 3))
    return backbone.features(x)


def make_scene(
    work: Path,
    groups: str,
    name: str,
    plan: ScenePlan,
    *,
    overwrite: bool = False,
    on_epoch: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Artefact:
    """Train a net on the whole photos of the groups called `groups` as ``WORK/scenes/NAME``.

    A killed run goes on after its last whole epoch; a finished one of the same plan is returned.

    Raises
    ------
    ArtefactError
        If the groups are missing or stale, or `name` holds another training and `overwrite` is not
        set.
    InputError
        If there are no labelled photos to train or to validate on, or no such net.
    """
    source = open_artefact(work, GROUPS, groups)
    check_fresh(source, work)
    initial = find_initial(plan.init, work) if plan.init else None
    inputs = [reference(source), *([initial.reference] if initial else [])]
    described = find_net(plan.net)
    described.check_side(plan.net, plan.side)
    preprocessing = Preprocessing(
        "rgb",
        (SCENE, SCENE),
        resize=plan.side,
        crop=plan.side,
        crops="mirror",
        order=described.order,
        mean=described.mean,
        scale=described.scale,
    )
    parameters = {**vars(plan), "preprocessing": preprocessing.to_json()}
    digest = plan_digest({**parameters, "inputs": inputs})
    folder = folder_of(work, KIND, name)
    with exclusive(folder):
        if overwrite:
            for old in (MANIFEST, CHECKPOINT, PROGRESS):
                (folder / old).unlink(missing_ok=True)
        if (folder / MANIFEST).is_file():
            made = open_artefact(work, KIND, name)
            if made.manifest["inputs"] == inputs and made.manifest["counts"]["plan"] == digest:
                return made
            raise ArtefactError(
                f"{folder} was made from other photos or with other options; choose another --name "
                "or add --overwrite."
            )
        photos = Groups(source)
        rows = [row for row in photos.rows if row.label in CLASSES and row.status in READABLE]
        training = [row for row in rows if row.split == "train"]
        held = [row for row in rows if row.split == "validation"]
        for split, part in (("train", training), ("validation", held)):
            if not part:
                raise InputError(
                    f"{source.folder} has no labelled photo in its split {split}; give "
                    "`groups faces` photos in the folders train and val."
                )
        labels = np.array([CLASSES.index(row.label) for row in training])
        truth = np.array([CLASSES.index(row.label) for row in held])
        torch.manual_seed(plan.seed)
        backbone = described.build(len(CLASSES))
        assert isinstance(backbone, Classifier)
        if initial is not None:
            some = [preprocessing.crops_of(photos.scene(row.row))[0] for row in training[:_LOOK]]
            load_initial(backbone, initial, torch.from_numpy(np.stack(some)), CLASSES)
        with torch.no_grad():
            blank = torch.zeros((1, 3, plan.side, plan.side))
            width = seen_by(backbone.eval(), blank).shape[1]
        net = SceneNet(backbone, width)
        optimizer = torch.optim.Adagrad(
            net.parameters(), lr=plan.learning_rate, lr_decay=plan.decay
        )
        state = load_checkpoint(folder, digest)
        start, best, kept = 0, float("inf"), net.state_dict()
        if state is not None:
            net.load_state_dict(state["net"])
            optimizer.load_state_dict(state["optimizer"])
            start, best, kept = state["epoch"], state["best"], state["kept"]
        for epoch in range(start, plan.epochs):
            random = np.random.Generator(np.random.Philox(key=[plan.seed, epoch]))
            torch.manual_seed(plan.seed * 1_000_003 + epoch)  # of dropout
            net.train()
            order = random.permutation(len(training))
            for first in range(0, len(order), plan.batch):
                drawn = order[first : first + plan.batch]
                pictures = [
                    preprocessing.normalised(
                        varied(preprocessing.resized(photos.scene(training[i].row)), random)[None]
                    )[0]
                    for i in drawn
                ]
                if len(pictures) == 1 and len(order) > 1:
                    continue  # a lone picture has no spread to normalise by
                logits = net(torch.from_numpy(np.stack(pictures)))
                loss = F.cross_entropy(logits, torch.from_numpy(labels[drawn]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            posteriors = _look(net, photos, [row.row for row in held], preprocessing)
            figures = measure(posteriors, truth)
            value = float(figures["log_loss"]["value"])
            if value < best:
                best, kept = value, {k: v.clone() for k, v in net.state_dict().items()}
            save_checkpoint(
                folder,
                {
                    "plan": digest,
                    "epoch": epoch + 1,
                    "best": best,
                    "net": net.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "kept": kept,
                },
                {"epoch": epoch + 1},
            )
            on_epoch(epoch + 1, plan.epochs, f"accuracy {figures['accuracy']['value']:.3f}")
        net.load_state_dict(kept)
        with landing_file(folder / WEIGHTS) as file:
            file.write(save({key: value.contiguous() for key, value in kept.items()}))
        export_onnx(net, plan.side, folder / MODEL)
        # What is measured is what will be used.
        read = open_scene((folder / MODEL).read_bytes(), folder / MODEL, preprocessing)
        vectors = np.stack([read(photos.scene(row.row)) for row in held])
        Outputs(
            ("scene",),
            ("scene",),
            vectors[None].astype(np.float32),
            truth,
            np.array([row.path for row in held]),
            np.array([row.split for row in held]),
        ).write(folder / OUTPUTS)
        Seen(
            np.unique(digest_numbers(row.pixels for row in training)),
            frozenset(),
            np.unique(digest_numbers(row.pixels for row in held)),
        ).write(folder / SEEN)
        counts: dict[str, Any] = {
            "training": len(training),
            "validation": len(held),
            "parameters": sum(value.numel() for value in net.parameters()),
            "plan": digest,
        }
        made = write_manifest(
            folder,
            KIND,
            parameters=parameters,
            inputs=inputs,
            outputs=[MODEL, WEIGHTS, OUTPUTS, SEEN],
            counts=counts,
            metrics={"scene": measure(vectors, truth)},
            seed=plan.seed,
            licences=source.manifest.get("licences", []),
        )
        for old in (CHECKPOINT, PROGRESS):
            (folder / old).unlink(missing_ok=True)
        return made


def varied(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A photo turned, scaled, in other colours, perhaps mirrored: (s, s, 3) uint8 → float32."""
    side = picture.shape[0]
    if random.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
    middle = ((side - 1) / 2, (side - 1) / 2)
    angle, scale = random.uniform(-TURN, TURN), random.uniform(1 - ZOOM, 1 + ZOOM)
    turn = cv2.getRotationMatrix2D(middle, angle, scale)
    turned = cv2.warpAffine(picture, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(turned + random.uniform(-SHIFT, SHIFT, 3), 0, 255).astype(np.float32)


@torch.no_grad()
def _look(
    net: SceneNet, photos: Groups, rows: list[int], preprocessing: Preprocessing
) -> np.ndarray:
    """The net's posteriors of photos, (n, 3), over the crops it looks at."""
    net.eval()
    found = []
    for row in rows:
        crops = torch.from_numpy(preprocessing.crops_of(photos.scene(row)))
        found.append(net(crops).double().softmax(1).mean(0).numpy())
    return np.stack(found)
