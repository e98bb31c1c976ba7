"""``emotiw clips``: modules that read emotion in clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw_cli.errors import MissingDependencyError


def clips_command() -> None:
    """Train modules that read emotion in clips, and bundle them.

    `emotiw predict clip.mp4` reads a clip with a clip bundle: a bundle for photos reads the faces,
    a module that is trained here the voice.
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
    elsewhere: Annotated[
        int,
        typer.Option(
            "--elsewhere",
            min=0,
            help="Copies of each clip as if recorded elsewhere (room, noise, band, level) to train "
            "on; linear alone. Without, a module reads speech of other recordings badly.",
        ),
    ] = 0,
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
        elsewhere=elsewhere,
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


def bundle(
    voice: Annotated[str, typer.Option("--voice", help="The voice module, of the workspace.")],
    voice_share: Annotated[
        float, typer.Option("--voice-share", help="What the voice counts, 0 to 1; faces the rest.")
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the clip bundle to write.")],
    faces: Annotated[
        str, typer.Option("--faces", help="The bundle for photos that reads the faces.")
    ] = "default",
    version: Annotated[
        str, typer.Option("--version", help="Version the bundle calls itself.")
    ] = "1",
    chosen: Annotated[
        str, typer.Option("--chosen", help="For the card: on what the share was chosen.")
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start again, whatever the name holds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    work: Annotated[Path, typer.Option("--work", help="Workspace folder.")] = Path("work"),
) -> None:
    """Put a bundle for photos and a voice module together: a clip bundle for `predict`.

    WORK/bundles/NAME gets the voice module, a model card and the hashes of both, and of the bundle
    for photos, which is named and not copied. Try shares with benchmarks/composites.py.
    """
    from emotiw_cli.clips.make_bundle import make_clip_bundle
    from emotiw_cli.commands._console import print_json, table

    made = make_clip_bundle(
        work,
        name,
        voice,
        voice_share,
        faces=faces,
        version=version,
        chosen=chosen,
        overwrite=overwrite,
    )
    summary = {"bundle": str(made.folder), **made.manifest["parameters"], "voice": voice}
    if as_json:
        print_json(summary)
    else:
        table("Bundled", summary)


SUB_VERBS = {"train": train, "bundle": bundle}
