"""``emotiw finetune``: emotions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw_cli.commands import _training as options
from emotiw_cli.commands._options import Json, Overwrite, Work


def finetune_command(
    sets: options.Sets,
    name: options.Name,
    net: options.Net = "mobilenet_v1",
    rep: options.Rep = "grey",
    init: options.Init = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="Train towards labels alone, also where there are votes.")
    ] = False,
    source_share: Annotated[
        float,
        typer.Option(
            "--source-share",
            min=0,
            max=1,
            help="What the label a face had before it was voted on counts for beside the votes "
            "(FER2013's own label under FER+).",
        ),
    ] = 0.0,
    exclude: Annotated[
        Path | None,
        typer.Option(
            "--exclude",
            help="Faces not to train on: a text file, one path a line, or a .csv such as `emotiw "
            "duplicates` writes.",
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            metavar="MODEL",
            help="Teach what this model of the workspace says of each face, too; of several, their "
            "mean. May be repeated.",
        ),
    ] = None,
    teacher_share: Annotated[
        float,
        typer.Option(
            "--teacher-share", min=0, max=1, help="What teachers count for beside votes and labels."
        ),
    ] = 0.5,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            "--unlabelled",
            metavar="FACES",
            help="More faces to learn from as teachers see them; their labels are not looked at. "
            "May be repeated.",
        ),
    ] = None,
    imbalance: Annotated[
        Literal["none", "weighted", "balanced", "logit-adjusted"],
        typer.Option(
            "--imbalance",
            help="weighted: rare classes weigh more in the loss; balanced: they are drawn more "
            "often; logit-adjusted: posteriors come to refer to equal class shares.",
        ),
    ] = "none",
    strength: Annotated[
        float, typer.Option("--strength", min=0, max=1, help="Of --imbalance, 0 none to 1 full.")
    ] = 1.0,
    mixup: Annotated[
        float,
        typer.Option(
            "--mixup",
            min=0,
            help="Mix faces in pairs, by shares drawn from Beta(MIXUP, MIXUP); 0: not.",
        ),
    ] = 0.0,
    patience: Annotated[
        int,
        typer.Option("--patience", min=0, help="Stop after so many epochs without gain; 0: never."),
    ] = 0,
    epochs: options.Epochs = 12,
    batch: options.Batch = 64,
    optimizer: options.OptimizerName = "sgd",
    learning_rate: options.LearningRate = 0.02,
    weight_decay: options.WeightDecay = 5e-4,
    schedule: options.ScheduleName = "cosine",
    warmup: options.Warmup = 0.5,
    ema: options.Ema = 0.998,
    augment: options.AugmentName = "affine",
    resize: options.Resize = 72,
    crop: options.Crop = 64,
    crops: options.CropsName = "mirror",
    freeze: options.Freeze = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    threads: options.Threads = 0,
    workers: options.Workers = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Train a net on emotions: one member of an ensemble to be.

    Targets are the annotators' votes where a set has them, labels otherwise; the weights kept
    are those of the epoch with the least validation log-loss. Chain the verb for a cascade:
    each --init starts from an earlier model. Killed or interrupted, the same command goes on
    from the last checkpoint and ends with the same weights.
    """
    options.require_training()
    from emotiw_cli.data.sources.exclusions import Exclusions
    from emotiw_cli.data.sources.source import read_lines
    from emotiw_cli.training.finetune import finetune
    from emotiw_cli.training.recipe import Recipe

    exclusions = None
    if exclude is not None:
        exclusions = Exclusions.parse("\n".join(read_lines(exclude)), exclude.name)
    recipe = Recipe(
        net,
        rep,
        epochs=epochs,
        batch=batch,
        optimizer=optimizer,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup=warmup,
        ema=ema,
        augment=augment,
        imbalance=imbalance,
        strength=strength,
        mixup=mixup,
        patience=patience,
        freeze=tuple(freeze or ()),
        resize=resize,
        crop=crop,
        crops=crops,
        seed=seed,
    )
    options.run_training(
        lambda process, progress: finetune(
            work,
            sets,
            name,
            recipe,
            process=process,
            init=init,
            hard=hard,
            source_share=source_share,
            exclude=exclusions,
            teachers=teacher or (),
            teacher_share=teacher_share,
            unlabelled=unlabelled or (),
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        ),
        recipe,
        device=device,
        threads=threads,
        as_json=as_json,
    )
