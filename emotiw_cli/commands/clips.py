"""``emotiw clips``: modules that read emotion in clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw_cli.errors import MissingDependencyError


def clips_command() -> None:
    """Follow faces through clips, train modules that read emotion in them, and bundle them.

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


def tubes(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder with a folder per emotion, below train, val, test or not, as AFEW has "
            "it; or a csv with the columns file, label and perhaps subject and split."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the tubes to write.")],
    size: Annotated[
        str, typer.Option("--size", help="Width×height of the aligned faces, px.", metavar="WxH")
    ] = "144x144",
    detail: Annotated[
        int, typer.Option("--detail", min=1, help="Most pixels across that a face shows.")
    ] = 48,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Keep every frame's face, not six a second.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes; 0: one per processor.")
    ] = 0,
    licence: Annotated[
        list[str] | None,
        typer.Option("--licence", help="A note on the data's licence; may be repeated."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start again, whatever the name holds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    work: Annotated[Path, typer.Option("--work", help="Workspace folder.")] = Path("work"),
) -> None:
    """Follow the faces of a set of short clips and store them with the sound.

    WORK/tubes/NAME gets shards, HDF5, with the datasets crops (96×96, what the smoothed boxes
    show), faces (the same aligned, as the default bundle sees them), tube, time and sound (16 kHz,
    float16), and index.csv with one row per clip, whatever became of it. Where the set brings
    pictures of the faces, in folders called like the clips below the same split, those are taken.
    A clip is known by its path, so an id may occur in two splits.

    Killed or interrupted, the same command goes on from there.
    """
    from emotiw_cli.artefact import folder_of
    from emotiw_cli.clips.make_tubes import make_tubes
    from emotiw_cli.clips.source import open_clips
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.commands._stage import parse_size

    opened = open_clips(source)
    with progress("clips", len(opened.rows), quiet=as_json) as bar:
        made = make_tubes(
            opened,
            folder_of(work, "tubes", name),
            size=parse_size(size),
            detail=detail,
            every_frame=every_frame,
            workers=workers or None,
            overwrite=overwrite,
            licences=licence or (),
            on_progress=bar.update,
        )
    summary = {"artefact": str(made.folder), **made.manifest["counts"]}
    if as_json:
        print_json(summary)
    else:
        table("Tubes", summary)


SUB_VERBS = {"tubes": tubes, "train": train, "bundle": bundle}
