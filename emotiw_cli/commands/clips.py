"""``emotiw clips``: modules that read emotion in clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw_cli.errors import MissingDependencyError


def clips_command() -> None:
    """Train modules that read emotion in clips.

    `emotiw predict clip.mp4` reads the faces of a clip with a bundle; what is trained here reads
    its sound.
    """


def train(
    module: Annotated[Literal["audio"], typer.Argument(help="What to train.")],
    source: Annotated[
        Path,
        typer.Argument(
            help="Speech: a csv with the columns file, emotion and subject (or actor or speaker); "
            "a folder with that csv as labels.csv; or a folder per emotion."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the module to write.")],
    held_out: Annotated[
        str,
        typer.Option(
            "--held-out",
            metavar="SUBJECTS",
            help="Subjects to measure on and not to train on, with commas between.",
        ),
    ],
    variant: Annotated[
        Literal["linear", "dbn"],
        typer.Option(
            "--variant",
            help="linear: shrunken discriminants on functionals of the clip, trained on faster and "
            "slower speech too; "
            "dbn: the deep belief net of EmoNets with its own settings, needs torch.",
        ),
    ] = "linear",
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Passes over the speech; dbn alone.")
    ] = 100,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of first weights, order and augmentation.")
    ] = 0,
    licence: Annotated[
        str, typer.Option("--licence", help="What the speech allows, for the manifest.")
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start again, whatever the name holds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    work: Annotated[Path, typer.Option("--work", help="Workspace folder.")] = Path("work"),
) -> None:
    """Train a module, measure it on subjects it has not heard, and write it to the workspace.

    WORK/voices/NAME gets the module, with the standardisation of its input inside, and a manifest
    with accuracy and unweighted average recall and their intervals. Labels that are none
    of the seven emotions are left out and counted. A run that was killed begins again.
    """
    import importlib.util

    missing = [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]
    if missing and variant == "dbn":
        raise MissingDependencyError(
            f"training needs {', '.join(missing)}; install it with `pip install 'emotiw[train]'`."
        )
    from emotiw_cli.clips.voice.make import make_voice
    from emotiw_cli.commands._console import print_json, say, table

    made = make_voice(
        work,
        source,
        name,
        variant=variant,
        epochs=epochs,
        seed=seed,
        held_out=[subject.strip() for subject in held_out.split(",") if subject.strip()],
        licence=licence,
        overwrite=overwrite,
        say=lambda line: None if as_json else say(line),
    )
    summary = {
        "module": str(made.folder),
        "variant": variant,
        **made.manifest["counts"],
        **made.manifest["metrics"],
    }
    if as_json:
        print_json(summary)
    else:
        table("Trained", summary)


SUB_VERBS = {"train": train}
