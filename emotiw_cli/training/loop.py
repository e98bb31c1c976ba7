"""The one training loop: pretrain and finetune are two short uses of it."""

from __future__ import annotations

import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from emotiw_cli.errors import InputError
from emotiw_cli.training.checkpoint import load_checkpoint, save_checkpoint
from emotiw_cli.training.distributed import Process
from emotiw_cli.training.mixing import mixed, mixing_shares
from emotiw_cli.training.recipe import Recipe
from emotiw_cli.training.samples import Samples, batches, order

History = list[dict[str, float]]


@dataclass(frozen=True)
class Balance:
    """How class imbalance is met; see :class:`Recipe`.

    Attributes
    ----------
    loss : (C,) float32 weight of each class in the loss.
    offset : (C,) float32 added to the logits in training.
    draw : (n,) float64 chance of each face to be drawn, or None for permutations.
    prior : (C,) float64 class shares that the trained posteriors refer to.
    """

    loss: np.ndarray
    offset: np.ndarray
    draw: np.ndarray | None
    prior: np.ndarray

    @classmethod
    def of(cls, targets: np.ndarray, recipe: Recipe, classes: int) -> Balance:
        """For (n, C) target distributions, or (n,) classes of so many."""
        share = _shares(targets, np.ones(len(targets)), classes)
        loss, offset = np.ones(classes), np.zeros(classes)
        draw, prior = None, share
        if recipe.imbalance == "weighted":
            loss = share**-recipe.strength
            loss = loss / (share * loss).sum()
            prior = _shares(targets, _of_faces(loss, targets), classes)
        elif recipe.imbalance == "balanced":
            draw = _of_faces(share**-recipe.strength, targets)
            prior = _shares(targets, draw, classes)
        elif recipe.imbalance == "logit-adjusted":
            offset = recipe.strength * np.log(share)
            prior = share ** (1 - recipe.strength)
            prior = prior / prior.sum()
        return cls(loss.astype(np.float32), offset.astype(np.float32), draw, prior)


def _of_faces(values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What (C,) values of classes come to for each face, (n,)."""
    return targets @ values if targets.ndim == 2 else values[targets]


def _shares(targets: np.ndarray, weights: np.ndarray, classes: int) -> np.ndarray:
    """Class shares (C,) of faces that count for `weights` (n,); none is zero, for they divide."""
    sums = weights @ targets if targets.ndim == 2 else np.bincount(targets, weights, classes)
    share = (sums / weights.sum()).clip(1e-6)
    return share / share.sum()


def fit(
    net: nn.Module,
    samples: Samples,
    targets: np.ndarray,
    recipe: Recipe,
    *,
    plan: str,
    folder: Path,
    process: Process,
    balance: Balance,
    validate: Callable[[nn.Module], dict[str, float]],
    better: str,
    workers: int = 0,
    save_every: float = 120.0,
    on_step: Callable[[int, int, float], None] = lambda done, total, loss: None,
    on_epoch: Callable[[dict[str, float]], None] = lambda line: None,
) -> History:
    """Train `net` in place and leave it with the weights that validated best.

    Interrupted at any point, killed even, the same call goes on from the last checkpoint and
    ends with the same weights as a run that was left alone.

    Parameters
    ----------
    targets : what each face is trained towards, (n, C) float distributions or (n,) int64 classes.
    plan : digest of recipe, data and initial weights; a checkpoint of another plan is refused.
    validate : figures of a net in evaluation mode; called once an epoch on every process.
    better : the figure that is to rise (accuracy) or, where its name ends in ``loss``, to fall.
    save_every : seconds between checkpoints within an epoch.
    on_step : told (step, steps in all, training loss). on_epoch : told the epoch's figures.

    Returns
    -------
    One dictionary of figures an epoch.
    """
    device = process.device
    batch = min(recipe.batch, len(samples)) // process.processes * process.processes
    if batch == 0:
        raise InputError(
            f"{len(samples)} training faces are too few for {process.processes} processes."
        )
    per_epoch = len(samples) // batch
    total = per_epoch * recipe.epochs
    torch.manual_seed(recipe.seed)  # dropout masks; the same on every process
    net.to(device).to(memory_format=torch.channels_last)
    _freeze(net, recipe)
    optimizer = _optimizer(net, recipe)
    average = {k: v.clone() for k, v in net.state_dict().items()} if recipe.ema else None
    state: dict[str, Any] = {"step": 0, "loss": 0.0, "history": [], "best": None, "stale": 0}
    best: dict[str, Tensor] = {}

    saved = load_checkpoint(folder, plan)
    if saved is not None:
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        if average is not None:
            average = {k: v.to(device) for k, v in saved["average"].items()}
        torch.set_rng_state(saved["rng"])
        best = saved["best_net"]
        state = saved["state"]

    def save() -> None:
        if process.leads:
            save_checkpoint(
                folder,
                {
                    "plan": plan,
                    "net": net.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "average": average or {},
                    "rng": torch.get_rng_state(),
                    "best_net": best,
                    "state": state,
                },
                {"step": state["step"], "steps": total, "epochs": recipe.epochs},
            )

    runner = _shared(net) if process.processes > 1 else net
    goal = torch.from_numpy(targets.astype(np.float32 if targets.ndim == 2 else np.int64))
    goal = goal.to(device)
    loss_weight = torch.from_numpy(balance.loss).to(device)
    offset = torch.from_numpy(balance.offset).to(device)
    auxiliary_weight = float(getattr(net, "auxiliary_weight", 0.0))
    started, began_at = time.monotonic(), state["step"]
    last_save = started
    with _interrupts() as interrupted:
        while len(state["history"]) < recipe.epochs and not _exhausted(state, recipe):
            epoch = len(state["history"])
            first = state["step"] - epoch * per_epoch
            keys = batches(
                order(len(samples), epoch, recipe.seed, balance.draw),
                epoch,
                batch,
                start=first,
                rank=process.rank,
                processes=process.processes,
            )
            loader = DataLoader(
                samples,
                batch_sampler=list(keys),
                num_workers=workers,
                # Its own, or each iterator made would move the generator of the dropout masks.
                generator=torch.Generator(),
            )
            _train_mode(net)
            for pictures, positions in loader:
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate(state["step"] / per_epoch)
                optimizer.zero_grad(set_to_none=True)
                inputs = samples.normalised(pictures.to(device))
                wanted = goal[positions.to(device)]
                if wanted.ndim == 1:
                    wanted = F.one_hot(wanted, len(balance.loss)).float()
                if recipe.mixup:
                    shares = mixing_shares(
                        recipe, state["step"], batch, rank=process.rank, processes=process.processes
                    ).to(device)
                    inputs, wanted = mixed(inputs, shares), mixed(wanted, shares)
                with _precision(device):
                    outputs = runner(inputs.to(memory_format=torch.channels_last))
                weight = wanted @ loss_weight
                logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
                loss = _loss(logits + offset, wanted, weight)
                for extra in auxiliary:
                    loss = loss + auxiliary_weight * _loss(extra + offset, wanted, weight)
                loss.backward()
                optimizer.step()
                state["step"] += 1
                if average is not None:
                    _move(average, net, recipe.ema, state["step"])
                state["loss"] += float(loss.detach())
                on_step(state["step"], total, float(loss.detach()))
                if interrupted.is_set():
                    save()
                    raise KeyboardInterrupt
                if time.monotonic() - last_save > save_every:
                    save()
                    last_save = time.monotonic()
            line = _end_of_epoch(
                net, average, state, best, per_epoch, validate, better, process, recipe
            )
            seconds = time.monotonic() - started
            line["images_per_second"] = round((state["step"] - began_at) * batch / seconds, 1)
            save()
            last_save = time.monotonic()
            on_epoch(line)
    net.load_state_dict(best)
    net.eval()
    history: History = state["history"]
    return history


def _loss(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of (n, C) logits towards distributions, each face counting for its weight."""
    each = -(wanted * F.log_softmax(logits.float(), 1)).sum(1)
    return (each * weight).mean()


def _end_of_epoch(
    net: nn.Module,
    average: dict[str, Tensor] | None,
    state: dict[str, Any],
    best: dict[str, Tensor],
    per_epoch: int,
    validate: Callable[[nn.Module], dict[str, float]],
    better: str,
    process: Process,
    recipe: Recipe,
) -> dict[str, float]:
    """Validate, note the figures, keep the weights if they are the best so far."""
    own = {k: v.clone() for k, v in net.state_dict().items()}
    if average is not None:
        net.load_state_dict(average)
    net.eval()
    figures = validate(net)
    epoch = state["step"] // per_epoch
    loss = sum(process.gather(state["loss"])) / process.processes / per_epoch
    line = {
        "epoch": epoch,
        "rate": recipe.rate(epoch),
        "training_loss": loss,
        **{f"validation_{name}": value for name, value in figures.items()},
    }
    state["history"].append(dict(line))
    state["loss"] = 0.0
    score = -figures[better] if better.endswith("loss") else figures[better]
    # Without validation faces no score is a number, and the last weights stay; a training that
    # diverges later loses nothing.
    if state["best"] is None or math.isnan(state["best"]) or score > state["best"]:
        state["best"], state["stale"] = score, 0
        best.clear()
        best.update({k: v.detach().cpu().clone() for k, v in net.state_dict().items()})
    else:
        state["stale"] += 1
    net.load_state_dict(own)
    return line


def _exhausted(state: dict[str, Any], recipe: Recipe) -> bool:
    return 0 < recipe.patience <= state["stale"]


def _shared(net: nn.Module) -> nn.Module:
    """`net` with gradients averaged over processes; its statistics are the same on all anyway."""
    with warnings.catch_warnings():
        # torch 2.15 has another name for the option, torch 2.6 knows only this one.
        warnings.simplefilter("ignore", FutureWarning)
        return DistributedDataParallel(net, broadcast_buffers=False)


def _train_mode(net: nn.Module) -> None:
    """Training mode, but for frozen layers: their normalisation keeps its statistics too."""
    net.train()
    for module in net.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def _freeze(net: nn.Module, recipe: Recipe) -> None:
    parameters = dict(net.named_parameters())
    for start in recipe.freeze:
        if not any(name.startswith(start) for name in parameters):
            raise InputError(
                f"--freeze {start}: no parameter of {recipe.net} begins so; they begin with "
                f"{', '.join(dict.fromkeys(name.split('.')[0] for name in parameters))}."
            )
    for name, parameter in parameters.items():
        parameter.requires_grad = not name.startswith(recipe.freeze)
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise InputError("--freeze leaves nothing to train; leave something out of it.")


def _optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Weight decay on weights alone: biases and normalisation go without."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0
        )
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


@torch.no_grad()
def _move(average: dict[str, Tensor], net: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the net's, faster in the first steps."""
    rate = 1 - min(decay, (1 + step) / (10 + step))
    floats: tuple[list[Tensor], list[Tensor]] = ([], [])
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            floats[0].append(average[name])
            floats[1].append(value)
        else:
            average[name].copy_(value)
    torch._foreach_lerp_(*floats, rate)  # one call: a small net on a GPU waits for nothing else


def _precision(device: torch.device) -> Any:
    """Mixed precision on CUDA alone; on CPUs bf16 is emulated and many times slower."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, so that a step is finished and saved before leaving."""
    event = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        event.set()

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
