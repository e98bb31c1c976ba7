"""``emotiw weights``: what others trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from emotiw_cli.commands import _training as options
from emotiw_cli.commands._options import Overwrite, Work

Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]


def weights_command() -> None:
    """Take weights trained elsewhere into the workspace, or show what is in a file.

    Caffe models (.caffemodel) and their mean images, safetensors, PyTorch state dicts (.pt, .pth),
    members of bundles, and the ImageNet weights of torchvision's nets.
    """


def import_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Weights: .caffemodel, .safetensors, .pt, .pth, or .onnx that emotiw wrote; a "
            "folder of a --preset; BUNDLE/MEMBER; or imagenet, for torchvision's own weights of "
            "the --net.",
        ),
    ],
    name: options.Name,
    net: Annotated[
        str | None, typer.Option("--net", help="Architecture the weights are of.")
    ] = None,
    preset: Annotated[
        Literal["emotiw"] | None,
        typer.Option(
            "--preset",
            help="emotiw: one of the models Levi & Hassner released; its net, mean image, "
            "deploy.prototxt, representation, sizes and classes are known. Other options overrule.",
        ),
    ] = None,
    mean: Annotated[
        Path | None,
        typer.Option("--mean", help="Mean image the weights expect: .binaryproto or .npy."),
    ] = None,
    mean_fit: Annotated[
        Literal["crop", "resize"],
        typer.Option(
            "--mean-fit",
            help="A mean image of another size is cropped as the picture is, or resized.",
        ),
    ] = "crop",
    prototxt: Annotated[
        Path | None,
        typer.Option(
            "--prototxt",
            help="deploy.prototxt of a Caffe model: every layer is compared with OpenCV's own run.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            help="Emotions of the net's seven outputs in their order, with commas between.  "
            "[default: angry,disgust,fear,happy,neutral,sad,surprise]",
        ),
    ] = None,
    rep: Annotated[
        str | None,
        typer.Option(
            "--rep",
            help="Representation the net was trained on: rgb, grey, or METRIC-RADIUS such as "
            "cyclic-10, with -compat255 where code 255 had the colour of 254.  [default: rgb]",
        ),
    ] = None,
    resize: Annotated[
        int | None,
        typer.Option(
            "--resize", min=16, help="Side a picture is resized to, px.  [default: the net's]"
        ),
    ] = None,
    crop: Annotated[
        int | None,
        typer.Option("--crop", min=16, help="Side of the net's input, px.  [default: the net's]"),
    ] = None,
    crops: Annotated[
        Literal["centre", "mirror", "ten"] | None,
        typer.Option(
            "--crops",
            help="Crops whose posteriors are averaged at test time.  [default: centre]",
        ),
    ] = None,
    validate: Annotated[
        list[str] | None,
        typer.Option(
            "--validate",
            metavar="FACES",
            help="Faces artefact whose validation split the net is measured on, which an ensemble "
            "needs; may be repeated.",
        ),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Load what fits; the rest of the net stays at random first values."
        ),
    ] = False,
    licence: Annotated[
        str, typer.Option("--licence", help="What the weights allow, for manifests and cards.")
    ] = "",
    device: options.Device = "auto",
    threads: options.Threads = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Write WORK/models/NAME with weights trained elsewhere, and say what became of each tensor.

    A head of seven classes is kept, and the model is a member for `emotiw ensemble` once it has
    seen the validation faces of --validate. Any other head is left out: the model is a start for
    `emotiw finetune --init NAME`. Weights that do not fit the whole net are refused, with the nets
    that they do fit, unless --partial is given. What the weights were trained on is not known
    here, so `emotiw evaluate` cannot refuse faces they have seen; unless they are a bundle's.

    A bundle's member, such as faces-3/votes-96-long, brings its net, representation and sizes: a
    start for training on faces of your own, or a member to be weighed anew beside others.
    """
    options.require_training()
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.emotions import emotion_from_label
    from emotiw_cli.training.bundle_member import bundle_member, names_member
    from emotiw_cli.training.distributed import joined
    from emotiw_cli.training.import_weights import Origin, import_weights
    from emotiw_cli.training.released import released

    if preset:
        origin = released(source, rep)
    elif names_member(source):
        origin = bundle_member(str(source), work)
    elif net is None:
        raise typer.BadParameter("name the net the weights are of", param_hint="--net")
    else:
        origin = Origin(source, net)
    given: dict[str, Any] = {
        "net": net,
        "mean": mean,
        "prototxt": prototxt,
        "representation": rep,
        "resize": resize,
        "crop": crop,
        "crops": crops,
    }
    if classes is not None:
        words = [word for word in classes.split(",") if word.strip()]
        given["classes"] = tuple(emotion_from_label(word, "--classes") for word in words)
    origin = replace(
        origin,
        mean_fit=mean_fit,
        **{part: value for part, value in given.items() if value is not None},
    )
    with (
        joined(device, threads) as process,
        progress("validation faces", quiet=as_json or not validate) as bar,
    ):
        made = import_weights(
            work,
            name,
            origin,
            process=process,
            validate=validate or (),
            partial=partial,
            licence=licence,
            overwrite=overwrite,
            on_face=bar.update,
        )
    parameters = made.manifest["parameters"]
    summary = {
        "model": str(made.folder),
        "net": origin.net,
        "task": parameters["task"],
        "representation": origin.representation,
        **made.manifest["counts"],
        **made.manifest["metrics"],
    }
    if as_json:
        print_json({**summary, "tensors": parameters["report"]})
        return
    _table(parameters["report"], ("file", "net", "shape", "how"))
    table("Imported", summary)


def show_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="Weights, a mean image (.binaryproto or .npy), or a model of the workspace."
        ),
    ],
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Show the tensors in a file of weights and the nets that they fit, or a mean image."""
    options.require_training()
    from emotiw_cli.artefact import folder_of
    from emotiw_cli.commands._console import print_json, table
    from emotiw_cli.nets.describe import describe
    from emotiw_cli.training.initial import find_initial

    named = file == Path(file.name) and not file.exists()
    if named and folder_of(work, "models", file.name).is_dir():
        told = describe(find_initial(file.name, work).path)
    else:
        told = describe(file)
    if as_json:
        print_json(told)
        return
    tensors = told.pop("tensors", [])
    if tensors:
        _table(tensors, ("name", "type", "shape", "dtype"))
    if "fits" in told:
        told["fits"] = ", ".join(told["fits"]) or "none of emotiw's nets"
    if "shape" in told:
        told["shape"] = _sides(told["shape"])
    table(str(file), told)


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A pipe has no width: what reads it wants whole lines.
    console = Console() if sys.stdout.isatty() else Console(width=1000)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        grid.add_column(column, no_wrap=column != columns[0])
    for row in rows:
        grid.add_row(*(Text(_sides(row[c]) if c == "shape" else row[c]) for c in columns))
    console.print(grid)


def _sides(shape: Sequence[int]) -> str:
    return "×".join(str(side) for side in shape)


SUB_VERBS = {"import": import_command, "show": show_command}
