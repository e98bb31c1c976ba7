"""``emotiw groups``: the emotion of group photos, stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw_cli.commands._group_models import compose, fuse, train
from emotiw_cli.commands._options import Json, Overwrite, Work

Detector = Literal["hog-haar", "hog", "yunet"]


def groups_command() -> None:
    """Read the emotion of group photos: negative, neutral or positive.

    `faces` finds and stores every face of every picture, `features` describes them, `train` learns
    from labelled ones, `fuse` weighs what was trained and writes a group bundle, which
    `emotiw predict --group` uses and `emotiw evaluate` measures. `compose` makes photos to train on
    of single faces.
    """


def faces(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder or zip of pictures, in folders called negative, neutral and positive "
            "or without labels; a picture; or a .txt list of pictures."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the groups to write.")],
    detector: Annotated[
        Detector,
        typer.Option(
            "--detector",
            help="hog-haar: the paper's, dlib's HOG detector on the picture enlarged twofold, then "
            "a Haar cascade if it finds none; hog: enlarged only where it promises something; "
            "yunet: a small net that sees small and turned faces too.",
        ),
    ] = "hog-haar",
    size: Annotated[
        str,
        typer.Option("--size", help="Width×height of the aligned faces, px.", metavar="WxH"),
    ] = "144x144",
    detail: Annotated[
        int,
        typer.Option(
            "--detail",
            min=0,
            help="Reduce aligned faces to at most this many pixels across first; 0: do not.",
        ),
    ] = 48,
    share: Annotated[
        str, typer.Option("--shard", help="Work on the i-th of n shares only.", metavar="I/N")
    ] = "1/1",
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
    """Find and store every face of a set of group photos.

    Writes WORK/groups/NAME: of each face its box, a crop of 224×224 pixels, 68 landmarks on it
    and the aligned face, and each whole picture at 256×256, in shards; and index.csv with one row
    per picture, whatever became of it, and the number of its faces. Splits are told by folders
    called train, val or test. A picture without a face keeps its row, with the status no_face.

    The aligned faces are what `groups features` reads emotion from; --size and --detail are those
    its bundle wants, by default the shipped one's.

    Killed or interrupted, the same command goes on from there. Machines that share the folder, or
    copy theirs together, divide the work with --shard 1/3, 2/3, 3/3; the result is the same.
    """
    from emotiw_cli.artefact import folder_of
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.commands._stage import parse_share, parse_size, say_what_is_missing, summary_of
    from emotiw_cli.groups.faces import KIND, make_groups
    from emotiw_cli.groups.layout import open_groups

    width, height = parse_size(size)
    parts = parse_share(share)
    folder = folder_of(work, KIND, name)
    opened = open_groups(source)
    with progress("pictures", len(opened.rows), quiet=as_json) as bar:
        report = make_groups(
            opened,
            folder,
            detector=detector,
            size=(width, height),
            detail=detail or None,
            workers=workers or None,
            share=parts,
            overwrite=overwrite,
            licences=licence or (),
            on_progress=bar.update,
        )
    summary = summary_of(report, opened.layout)
    if as_json:
        print_json(summary)
    else:
        table("Found faces" if report.artefact else "Found faces of a share", summary)
        say_what_is_missing(report)


def features(
    groups: Annotated[str, typer.Argument(help="Name of the groups, from `groups faces`.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name of the features to write.", show_default="that of the groups"
        ),
    ] = None,
    bundle: Annotated[
        str,
        typer.Option(
            "--bundle",
            metavar="NAME|DIR",
            help="The bundle whose members embed the faces and whose posterior is stored.",
        ),
    ] = "default",
    vggface: Annotated[
        str | None,
        typer.Option(
            "--vggface",
            metavar="MODEL|FILE",
            help="Embed with VGGFace instead: a model of the workspace, from `weights import`, or "
            "a safetensors file with the weights of a VGG16; needs torch.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes; 0: one per processor.")
    ] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Describe the faces of group photos.

    Writes WORK/features/NAME/features.h5: for each picture the median of its faces' embeddings;
    for each face the posterior over seven emotions, and the distances between its 68 landmarks
    over the largest of them. A picture without a face has a row, and no embedding.

    The embeddings are what the members of the bundle see of an aligned face. With --vggface they
    are the paper's: the last maps averaged and fc7 before its ReLU, in BGR and in RGB; the net
    lies beside the features then (540 MB), for `groups fuse` to put into its bundle.

    Killed or interrupted, the same command goes on from there.
    """
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.commands._training import require_training
    from emotiw_cli.groups.faces import Groups
    from emotiw_cli.groups.features import make_features

    if vggface is not None:
        require_training()
    opened = Groups.open(work, groups)
    with progress("pictures", len(opened.rows), quiet=as_json) as bar:
        report = make_features(
            work,
            opened,
            name or groups,
            bundle=bundle,
            vggface=vggface,
            workers=workers or None,
            overwrite=overwrite,
            on_progress=bar.update,
        )
    manifest = report.artefact.manifest
    summary = {
        "artefact": str(report.artefact.folder),
        "backbone": manifest["parameters"]["backbone"],
        "embeddings": manifest["parameters"]["keys"],
        **manifest["counts"],
        "worked_on": report.made,
        "seconds": round(report.seconds, 1),
        "images_per_second": round(report.made / report.seconds, 1),
    }
    if as_json:
        print_json(summary)
    else:
        table("Described faces", summary)


SUB_VERBS = {
    "compose": compose,
    "faces": faces,
    "features": features,
    "train": train,
    "fuse": fuse,
}
