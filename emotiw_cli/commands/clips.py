"""``emotiw clips``: modules that read emotion in clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from emotiw_cli.commands._options import Json, Overwrite, Work
from emotiw_cli.errors import MissingDependencyError

if TYPE_CHECKING:
    from emotiw_cli.artefact import Artefact


def clips_command() -> None:
    """Follow faces through clips, train modules that read emotion in them, fuse and bundle them.

    `emotiw predict clip.mp4` reads a clip with a clip bundle: a bundle for photos for the faces and
    a module that is trained here for the voice, or a fused system of modules. `emotiw evaluate`
    measures bundles and modules on tubes.
    """


def train(
    module: Annotated[
        Literal["faces", "mouths", "activity", "audio"], typer.Argument(help="What to train.")
    ],
    source: Annotated[
        Path,
        typer.Argument(
            help="For faces, mouths, activity: tubes of the workspace. For audio: a csv with the "
            "columns file, emotion and subject (or actor or speaker); a folder with that csv as "
            "labels.csv; or a folder per emotion."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the module to write.")],
    held_out: Annotated[
        str,
        typer.Option(
            "--held-out",
            metavar="SUBJECTS",
            help="Subjects to measure on and not to train on, with commas between; audio, needed.",
        ),
    ] = "",
    bundle_name: Annotated[
        str,
        typer.Option(
            "--bundle", metavar="NAME|DIR", help="Bundle for photos that reads the faces; faces."
        ),
    ] = "default",
    aggregate: Annotated[
        Literal["segments", "mean"],
        typer.Option(
            "--aggregate",
            help="segments: ten of a clip's faces and a support vector machine on them; mean: of "
            "all faces, nothing is trained; faces.",
        ),
    ] = "segments",
    c: Annotated[
        float | None,
        typer.Option(
            "--c",
            help="Of the machine: cost of the slack; faces, activity.",
            show_default="18.1; activity: 100",
        ),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option(
            "--gamma",
            help="Of the machine: width of the kernel; faces, activity.",
            show_default="1/70; activity: one over the mean distance of the clips",
        ),
    ] = None,
    words: Annotated[
        int,
        typer.Option(
            "--words",
            min=2,
            help="Visual words, of each of 16 regions or of movement; mouths, activity.",
        ),
    ] = 400,
    variant: Annotated[
        Literal["linear", "dbn", "dbn-functionals"],
        typer.Option(
            "--variant",
            help="linear: shrunken discriminants on functionals of the clip, trained on faster and "
            "slower speech too; dbn: the deep belief net of EmoNets with its own settings; "
            "dbn-functionals: deep belief nets on functionals, trained on what linear is, and nets "
            "that hear clips piece by piece. The nets need torch.",
        ),
    ] = "linear",
    elsewhere: Annotated[
        int,
        typer.Option(
            "--elsewhere",
            min=0,
            help="Copies of each clip as if recorded elsewhere (room, noise, band, level) to train "
            "on; not dbn. Without, a module reads speech of other recordings badly.",
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
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Train a module, measure it on what it was not trained on, and write it to the workspace.

    faces: a bundle for photos reads the faces of tubes, and a support vector machine is trained on
    the split train. WORK/modules/NAME gets the machine, the posteriors of all clips (of those it
    was trained on by fits without them) for `emotiw clips fuse`, and figures for each other split.

    mouths, activity: the same of visual words: of what mouths look like, read by softmax
    regression, and of how faces move, read by a machine on histograms. Words are learned from the
    split train without its labels. Movement needs tubes made with --every-frame to be seen in full.
    A run that was killed goes on with the words it has.

    audio: WORK/voices/NAME gets the module, with the standardisation of its input inside, and a
    manifest with accuracy and unweighted average recall and their intervals, of the speech as it is
    and as if recorded elsewhere. Labels that are none of the seven emotions are left out and
    counted. A run that was killed begins again.
    """
    from emotiw_cli.commands._console import print_json, progress, say, table

    machine = {name: value for name, value in (("c", c), ("gamma", gamma)) if value is not None}
    if module != "audio":
        if module != "faces" or aggregate == "segments":
            _need("scikit-learn")
        make, options = _of_tubes(
            module, bundle=bundle_name, aggregate=aggregate, words=words, **machine
        )
        with progress("clips" if module == "faces" else module, quiet=as_json) as bar:
            made = make(
                work,
                str(source),
                name,
                **options,
                seed=seed,
                overwrite=overwrite,
                advance=bar.update,
            )
        _show_module(made, as_json)
        return
    if variant == "dbn":
        _need("torch", "onnx")
    elif variant == "dbn-functionals":
        _need("torch")
    from emotiw_cli.clips.voice.make import make_voice

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


def _of_tubes(module: str, **given: Any) -> tuple[Callable[..., Artefact], dict[str, Any]]:
    """What makes a module of tubes, and those of the options `given` that it takes."""
    if module == "faces":
        from emotiw_cli.clips.make_module import make_faces_module

        make: Callable[..., Artefact] = make_faces_module
        takes: tuple[str, ...] = ("bundle", "aggregate", "c", "gamma")
    elif module == "mouths":
        from emotiw_cli.clips.make_mouths import make_mouths_module

        make, takes = make_mouths_module, ("words",)
    else:
        from emotiw_cli.clips.make_activity import make_activity_module

        make, takes = make_activity_module, ("words", "c", "gamma")
    return make, {name: value for name, value in given.items() if name in takes}


def listen(
    tubes: Annotated[str, typer.Argument(help="Tubes of the workspace.")],
    name: Annotated[str, typer.Option("--name", help="Name of the module to write.")],
    voice: Annotated[
        str,
        typer.Option("--voice", help="A voice module of the workspace, or the default bundle's."),
    ] = "default",
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Read the sound of tubes with a voice module, to fuse it with other modules.

    WORK/modules/NAME gets the posteriors of all clips, and figures for each split but train.
    """
    from emotiw_cli.clips.make_module import make_voice_module
    from emotiw_cli.commands._console import progress

    with progress("clips", quiet=as_json) as bar:
        made = make_voice_module(
            work, tubes, name, voice=voice, overwrite=overwrite, advance=bar.update
        )
    _show_module(made, as_json)


def apply(
    module: Annotated[
        str,
        typer.Argument(help="Module of the workspace, of whatever kind, a fused one too."),
    ],
    tubes: Annotated[str, typer.Argument(help="Tubes of the workspace, others than it is from.")],
    name: Annotated[str, typer.Option("--name", help="Name of the module to write.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Read the clips of tubes with a module that was made of other tubes.

    A fused module reads them with each module it fuses, then fuses as it was fitted. The modules it
    is made of, and the bundles that read faces and voices, must be there as they were.

    WORK/modules/NAME gets the posteriors of all clips, and figures for each labelled split but
    train. Nothing is trained. Who is in both sets of clips is not asked; `emotiw evaluate` asks.
    """
    from emotiw_cli.clips.apply_module import apply_module
    from emotiw_cli.commands._console import progress

    with progress("clips", quiet=as_json) as bar:
        made = apply_module(work, module, tubes, name, overwrite=overwrite, advance=bar.update)
    _show_module(made, as_json)


def fuse(
    modules: Annotated[
        str, typer.Option("--modules", help="Modules of the same tubes, with commas between.")
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the fused module to write.")],
    method: Annotated[
        Literal["mean", "random-search", "svm", "mlp"],
        typer.Option("--method", help="How; all but mean are fitted to the split train."),
    ] = "mean",
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="Weights that random-search tries.")
    ] = 400_000,
    c: Annotated[
        float | None,
        typer.Option("--c", help="Of the svm: cost of the slack.", show_default="chosen"),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option("--gamma", help="Of the svm: width of the kernel.", show_default="chosen"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of whatever is drawn.")] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Fuse what modules say of clips, as the 2013 entry did, and measure it.

    WORK/modules/NAME gets what was fitted, the fused posteriors, to be fused again if one likes,
    and figures for each split but train. A module that said nothing of a clip is zeros to the svm,
    else uniform.
    """
    if method == "svm":
        _need("scikit-learn")
    from emotiw_cli.clips.make_module import make_fusion

    named = [module.strip() for module in modules.split(",") if module.strip()]
    made = make_fusion(
        work, named, name, method, seed=seed, draws=draws, c=c, gamma=gamma, overwrite=overwrite
    )
    _show_module(made, as_json)


def _need(*packages: str) -> None:
    import importlib.util

    modules = {"scikit-learn": "sklearn"}
    missing = [
        name for name in packages if importlib.util.find_spec(modules.get(name, name)) is None
    ]
    if missing:
        raise MissingDependencyError(
            f"training needs {', '.join(missing)}; install it with `pip install 'emotiw[train]'`."
        )


def _show_module(made: Artefact, as_json: bool) -> None:
    from emotiw_cli.commands._console import print_json, table

    manifest = made.manifest
    summary = {"artefact": str(made.folder), **manifest["counts"], **manifest["metrics"]}
    if as_json:
        print_json(summary)
        return
    confusions = {}
    for split, figures in manifest["metrics"].items():
        summary[split] = {key: value for key, value in figures.items() if key != "confusion"}
        confusions[split] = figures.get("confusion")  # modules of before have none
    table("Module", summary)
    for split, counts in confusions.items():
        if counts:
            _show_confusion(split, counts)


def _show_confusion(split: str, counts: list[list[int]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from emotiw_cli.emotions import EMOTIONS

    grid = Table(
        title=f"{split}: clips by label, and what was answered",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    grid.add_column("", style="dim", no_wrap=True)
    for emotion in EMOTIONS:
        grid.add_column(emotion[:3], justify="right")
    for emotion, row in zip(EMOTIONS, counts, strict=True):
        grid.add_row(emotion, *map(str, row))
    Console().print(grid)


def bundle(
    name: Annotated[str, typer.Option("--name", help="Name of the clip bundle to write.")],
    fused: Annotated[
        str | None,
        typer.Option("--fused", metavar="MODULE", help="A module, of the workspace, mostly fused."),
    ] = None,
    voice: Annotated[
        str | None, typer.Option("--voice", help="Or a voice module, of the workspace.")
    ] = None,
    voice_share: Annotated[
        float | None,
        typer.Option(
            "--voice-share", help="With --voice: what it counts, 0 to 1; faces have the rest."
        ),
    ] = None,
    faces: Annotated[
        str,
        typer.Option(
            "--faces", help="The bundle for photos that reads the faces, if no module names one."
        ),
    ] = "default",
    version: Annotated[
        str, typer.Option("--version", help="Version the bundle calls itself.")
    ] = "1",
    chosen: Annotated[
        str, typer.Option("--chosen", help="With --voice, for the card: on what its share was.")
    ] = "",
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Make a clip bundle for `predict`, of a fused module or of a voice beside the faces.

    --fused: WORK/bundles/NAME gets the arrays of all modules and what fuses them. `predict` answers
    of a clip what `clips tubes` and `clips apply` would say of it.

    --voice and --voice-share: it gets the voice module; faces are read by a bundle for photos, and
    the clip is the mean of both with a weight for each. Try shares with benchmarks/voice_share.py.

    Either way it gets a model card, and the hashes of all files and of the bundles for photos,
    which are named and not copied.
    """
    from emotiw_cli.clips.make_bundle import make_clip_bundle, make_system_bundle
    from emotiw_cli.commands._console import print_json, table

    made_by: dict[str, Any] = {"faces": faces, "version": version, "overwrite": overwrite}
    if fused is not None:
        if voice is not None or voice_share is not None or chosen:
            raise typer.BadParameter("--fused goes without --voice, --voice-share and --chosen.")
        made = make_system_bundle(work, name, fused, **made_by)
    elif voice is None or voice_share is None:
        raise typer.BadParameter("give --fused, or --voice and --voice-share.")
    else:
        made = make_clip_bundle(work, name, voice, voice_share, chosen=chosen, **made_by)
    summary = {"bundle": str(made.folder), **made.manifest["parameters"]}
    summary |= {"voice": voice} if voice is not None else {}
    if as_json:
        print_json(summary)
    else:
        table("Bundled", summary)


def tubes(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder with a folder per emotion, below train, val, test or not, as AFEW has "
            "it; or a csv with the columns file, label and perhaps subject, split and fps."
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
    sequence: Annotated[
        float | None,
        typer.Option(
            "--sequence",
            metavar="FPS",
            help="Take folders of pictures for clips of so many frames a second.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes; 0: one per processor.")
    ] = 0,
    licence: Annotated[
        list[str] | None,
        typer.Option("--licence", help="A note on the data's licence; may be repeated."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Follow the faces of a set of short clips and store them with the sound.

    WORK/tubes/NAME gets shards, HDF5, with the datasets crops (96×96, what the smoothed boxes
    show), faces (the same aligned, as the default bundle sees them), tube, time and sound (16 kHz,
    float16), and index.csv with one row per clip, whatever became of it. Where the set brings
    pictures of the faces, in folders called like the clips below the same split, those are taken.
    A clip is known by its path, so an id may occur in two splits.

    With --sequence all other folders of pictures are clips, as for `emotiw predict --sequence`. In
    a csv the file may be such a folder, or a pattern as FFmpeg takes it, clip/%04d.png; the column
    fps gives its frames a second, --sequence those of rows without.

    Killed or interrupted, the same command goes on from there.
    """
    from emotiw_cli.artefact import folder_of
    from emotiw_cli.clips.make_tubes import make_tubes
    from emotiw_cli.clips.source import open_clips
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.commands._stage import check_fps, parse_size

    if sequence is not None:
        check_fps(sequence)
    opened = open_clips(source, fps=sequence)
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


SUB_VERBS = {
    "tubes": tubes,
    "train": train,
    "listen": listen,
    "apply": apply,
    "fuse": fuse,
    "bundle": bundle,
}
