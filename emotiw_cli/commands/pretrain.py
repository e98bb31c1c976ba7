"""``emotiw pretrain``: identities."""

from __future__ import annotations

from pathlib import Path

from emotiw_cli.commands import _training as options
from emotiw_cli.commands._options import Json, Overwrite, Work


def pretrain_command(
    sets: options.Sets,
    name: options.Name,
    net: options.Net = "mobilenet_v1",
    rep: options.Rep = "grey",
    init: options.Init = None,
    epochs: options.Epochs = 8,
    batch: options.Batch = 64,
    optimizer: options.OptimizerName = "sgd",
    learning_rate: options.LearningRate = 0.02,
    weight_decay: options.WeightDecay = 5e-4,
    schedule: options.ScheduleName = "cosine",
    warmup: options.Warmup = 0.5,
    ema: options.Ema = 0.0,
    augment: options.AugmentName = "affine",
    resize: options.Resize = 72,
    crop: options.Crop = 64,
    crops: options.CropsName = "ten",
    freeze: options.Freeze = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    threads: options.Threads = 0,
    workers: options.Workers = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Train a net to tell identities, as a start for emotions.

    Reads faces (and for mapped representations codes) from the workspace; each identity is a
    class. Reports validation accuracy and the equal error rate of face verification. Killed or
    interrupted, the same command goes on from the last checkpoint and ends with the same
    weights. Several processes: torchrun --nproc-per-node 2 -m emotiw_cli pretrain …
    """
    options.require_training()
    from emotiw_cli.training.pretrain import pretrain
    from emotiw_cli.training.recipe import Recipe

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
        resize=resize,
        crop=crop,
        crops=crops,
        freeze=tuple(freeze or ()),
        seed=seed,
    )
    options.run_training(
        lambda process, progress: pretrain(
            work,
            sets,
            name,
            recipe,
            process=process,
            init=init,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        ),
        recipe,
        device=device,
        threads=threads,
        as_json=as_json,
    )
