"""Everything that decides the result of a training, as data."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Augment = Literal["none", "ten", "affine"]
Imbalance = Literal["none", "weighted", "balanced", "logit-adjusted"]
Optimizer = Literal["sgd", "adamw"]
Schedule = Literal["cosine", "step", "constant"]


@dataclass(frozen=True)
class Recipe:
    """The choices of one training.

    Attributes
    ----------
    net, representation : their names.
    epochs : passes over the training faces. batch : global batch size.
    learning_rate : at its highest; bias and normalisation parameters take no weight decay.
    schedule : ``cosine`` to zero, ``step`` (× .1 at each third), ``constant``; after `warmup`
        epochs of linear rise.
    ema : decay of the exponential moving average of the weights that is validated and kept;
        0 keeps the weights themselves.
    augment : ``affine``: small shifts, turns, scalings and mirroring, and for pictures that are
        not mapped codes light, blur and noise; ``ten``: each face in each of its ten crops once
        in ten epochs; ``none``: the centre crop.
    imbalance : ``weighted``: the loss of a class weighs by the inverse of its share;
        ``balanced``: faces are drawn so that classes are equally frequent; ``logit-adjusted``:
        the log of the share is added to the logits in training (Menon et al. 2021,
        arXiv:2007.07314) and left off after, so that posteriors refer to equal shares.
    strength : of the correction, 0 none to 1 full (shares are raised to it).
    mixup : a of the Beta(a, a) by which faces are mixed in pairs, and their targets with them
        (Zhang et al. 2018, arXiv:1710.09412); 0 leaves them as they are.
    patience : epochs without a better validation before stopping early; 0 never stops.
    freeze : parameters whose name begins with one of these stay as they are.
    resize, crop, crops : see :class:`emotiw_cli.inputs.preprocessing.Preprocessing`.
    """

    net: str
    representation: str
    epochs: int = 12
    batch: int = 64
    optimizer: Optimizer = "sgd"
    learning_rate: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    warmup: float = 0.5
    ema: float = 0.0
    augment: Augment = "affine"
    imbalance: Imbalance = "none"
    strength: float = 1.0
    mixup: float = 0.0
    patience: int = 0
    freeze: tuple[str, ...] = ()
    resize: int = 72
    crop: int = 64
    crops: Literal["centre", "mirror", "ten"] = "mirror"
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of JSON values; without mixup as it was before there was one."""
        values = asdict(self)
        if not self.mixup:
            del values["mixup"]
        return values

    def rate(self, epoch: float) -> float:
        """Learning rate at `epoch`, a number of epochs with its fraction."""
        if epoch < self.warmup:
            return self.learning_rate * max(epoch, 1e-3) / self.warmup
        done = (epoch - self.warmup) / max(self.epochs - self.warmup, 1e-9)
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        if self.schedule == "step":
            return self.learning_rate * 0.1 ** min(int(done * 3), 2)
        return self.learning_rate


def plan_digest(plan: dict[str, Any]) -> str:
    """Digest of a training's plan: recipe, data and initial weights."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
