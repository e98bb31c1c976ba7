"""What `pretrain` and `finetune` share: options, the progress they show, the summary."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from emotiw_cli.errors import MissingDependencyError

if TYPE_CHECKING:
    from emotiw_cli.artefact import Artefact
    from emotiw_cli.training.distributed import Process
    from emotiw_cli.training.model import Progress
    from emotiw_cli.training.recipe import Recipe

Sets = Annotated[list[str], typer.Argument(help="Faces artefacts to train on, by name.")]
Name = Annotated[str, typer.Option("--name", help="Name of the model to write.")]
Net = Annotated[str, typer.Option("--net", help="Architecture, such as mobilenet_v1.")]
Rep = Annotated[
    str,
    typer.Option(
        "--rep", help="Representation: rgb, grey, or METRIC-RADIUS such as cyclic-10 (map first)."
    ),
]
Init = Annotated[
    str | None,
    typer.Option(
        "--init",
        help="Start from this model of the workspace, or from a file: .safetensors, state dict "
        ".pt, TensorFlow.js .json.",
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Passes over the faces.")]
Batch = Annotated[int, typer.Option("--batch", min=1, help="Faces a step, over all processes.")]
OptimizerName = Annotated[
    Literal["sgd", "adamw"],
    typer.Option("--optimizer", help="sgd: with Nesterov momentum of 0.9."),
]
LearningRate = Annotated[
    float, typer.Option("--learning-rate", "--lr", min=0, help="At its highest, after the warm-up.")
]
WeightDecay = Annotated[
    float, typer.Option("--weight-decay", min=0, help="On weights; biases and scales go without.")
]
ScheduleName = Annotated[
    Literal["cosine", "step", "constant"],
    typer.Option("--schedule", help="How the learning rate falls; step: tenfold at each third."),
]
Warmup = Annotated[float, typer.Option("--warmup", min=0, help="Epochs in which the rate rises.")]
Ema = Annotated[
    float,
    typer.Option(
        "--ema", min=0, max=0.99999, help="Decay of the weights' moving average; 0: none."
    ),
]
AugmentName = Annotated[
    Literal["affine", "ten", "none"],
    typer.Option(
        "--augment",
        help="affine: shifts, turns, scalings, mirroring, light; ten: each face in each of its ten "
        "crops once in ten epochs; none: the centre crop.",
    ),
]
Resize = Annotated[int, typer.Option("--resize", min=16, help="Side a picture is resized to, px.")]
Crop = Annotated[int, typer.Option("--crop", min=16, help="Side of the net's input, px.")]
CropsName = Annotated[
    Literal["centre", "mirror", "ten"],
    typer.Option("--crops", help="Crops whose posteriors are averaged at test time."),
]
Freeze = Annotated[
    list[str] | None,
    typer.Option("--freeze", help="Leave parameters whose name begins so; may be repeated."),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Of first weights, order and augmentation.")
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="auto: CUDA where there is one; mixed precision only there."),
]
Threads = Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0: torch's choice.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes that read faces.")]


def run_training(
    train: Callable[[Process, Progress], Artefact],
    recipe: Recipe,
    *,
    device: str,
    threads: int,
    as_json: bool,
) -> None:
    """Run a training on this process's place, show how it goes, print the summary."""
    from emotiw_cli.commands._console import print_json, progress, say, table
    from emotiw_cli.training.distributed import joined
    from emotiw_cli.training.model import Progress

    with joined(device, threads) as process:
        if not process.leads:
            train(process, Progress())
            return
        began = time.monotonic()
        with progress("training", None, quiet=as_json) as bar:

            def on_start(facts: dict[str, Any]) -> None:
                left = facts["loaded"]["left"]
                say(
                    f"{facts['training']} training and {facts['validation']} validation faces; "
                    f"{len(facts['loaded']['matched'])} tensors loaded, {len(left)} initialised"
                )

            def on_epoch(line: dict[str, float]) -> None:
                epoch, *figures = line.items()
                say(f"epoch {epoch[1]:g}: " + ", ".join(f"{k} {v:.4g}" for k, v in figures))

            model = train(
                process,
                Progress(
                    on_start,
                    lambda done, total: bar.update(done, total, "teachers"),
                    lambda done, total, loss: bar.update(done, total, f"loss {loss:.3f}"),
                    on_epoch,
                ),
            )
        summary = {
            "model": str(model.folder),
            "net": recipe.net,
            "representation": recipe.representation,
            **model.manifest["counts"],
            **model.manifest["metrics"],
            "seconds": round(time.monotonic() - began, 1),
        }
        if as_json:
            print_json(summary)
        else:
            table("Trained", summary)


def require_training() -> None:
    """Raise :class:`MissingDependencyError` where the training extra is not installed."""
    missing = [
        name for name in ("torch", "safetensors", "onnx") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise MissingDependencyError(
            f"training needs {', '.join(missing)}; install it with `pip install 'emotiw[train]'`."
        )
    # Threads of OpenCV beside torch's cost more than they bring for pictures this small.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
