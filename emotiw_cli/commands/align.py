"""``emotiw align``: from pictures to aligned faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw_cli.commands._options import Json, Overwrite, Work

Layout = Literal[
    "auto",
    "photos",
    "classes",
    "identities",
    "afew",
    "table",
    "ferplus",
    "rafdb",
    "affectnet",
    "fer2013",
    "recordio",
]

Detector = Literal["yunet", "hog", "hog-haar"]


def align_command(
    source: Annotated[
        Path, typer.Argument(help="A picture, folder, zip, csv, .rec, or .txt list of pictures.")
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the faces to write.")],
    layout: Annotated[
        Layout, typer.Option("--layout", help="How the source is laid out; told by itself.")
    ] = "auto",
    size: Annotated[
        str, typer.Option("--size", help="Width×height of the faces, px.", metavar="WxH")
    ] = "143x181",
    detail: Annotated[
        int | None,
        typer.Option(
            "--detail",
            min=1,
            help="Reduce faces to at most this many pixels across first: sharp photos then look "
            "like the small crops a net was trained on.",
        ),
    ] = None,
    detect: Annotated[
        bool, typer.Option("--detect/--no-detect", help="Find the face, or take the whole picture.")
    ] = True,
    detector: Annotated[
        Detector,
        typer.Option("--detector", help="What finds it: a small net, or dlib's HOG detector."),
    ] = "yunet",
    missed: Annotated[
        Literal["drop", "whole"],
        typer.Option("--missed", help="A picture without a found face: no face, or the whole."),
    ] = "drop",
    exclude: Annotated[
        Path | None,
        typer.Option(
            "--exclude",
            help="Pictures to leave out: a text file, one path a line, or a .csv such as `emotiw "
            "duplicates` writes; or its name in SOURCE.",
        ),
    ] = None,
    split_by_group: Annotated[
        float | None,
        typer.Option(
            "--split-by-group",
            help="Draw this share of the groups (subjects, films), or of the pictures where there "
            "are none, for validation; for sets without a split.",
        ),
    ] = None,
    test_as_validation: Annotated[
        bool,
        typer.Option(
            "--test-as-validation",
            help="Call the test split validation, as is done with sets that have no validation "
            "split (RAF-DB).",
        ),
    ] = False,
    set_name: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="Set that the subjects and films belong to, by default SOURCE's name; two sets "
            "of one name share them.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the drawn split.")] = 0,
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
    """Find, align and store the faces of a set of pictures.

    Writes WORK/faces/NAME: the faces in shards, and index.csv with one row per picture, whatever
    became of it. Known layouts: flat photos, a folder per emotion or per person (below train,
    val, test or not), AFEW's faces by clip, a csv of pictures with labels, FER+, RAF-DB, AffectNet,
    as a folder or a zip; FER2013's csv; InsightFace's train.rec.

    Each picture's largest face is taken, turned and scaled by its eyes and nose. Sets of crops
    (FER2013, aligned faces of SFEW or RAF-DB, InsightFace) go through --no-detect.

    Killed or interrupted, the same command goes on from there. Machines that share the folder, or
    copy theirs together, divide the work with --shard 1/3, 2/3, 3/3; the result is the same.
    """
    from emotiw_cli.commands._stage import parse_share, parse_size, say_what_is_missing, summary_of

    width, height = parse_size(size)
    parts = parse_share(share)
    if split_by_group is not None and not 0 < split_by_group < 1:
        raise typer.BadParameter("a share lies between 0 and 1", param_hint="--split-by-group")
    from emotiw_cli.artefact import folder_of
    from emotiw_cli.commands._console import print_json, progress, say, table
    from emotiw_cli.data import sources
    from emotiw_cli.data.make_faces import make_faces

    folder = folder_of(work, "faces", name)
    opened = sources.open_source(source, layout)
    if exclude is not None:
        opened, unknown = sources.exclude_listed(opened, exclude, name)
        if unknown:
            say(f"emotiw: {len(unknown)} excluded names are not in {source}, such as {unknown[0]}")
    if test_as_validation:
        opened = sources.validate_on_test(opened)
        count = sum(row.split == "validation" for row in opened.rows)
        say(f"{count} pictures of the test split become the validation split")
    if split_by_group is not None:
        opened = sources.split_groups(opened, split_by_group, seed)
    if set_name is not None:
        opened = replace(opened, options={**opened.options, "set": set_name})
    with progress("pictures", len(opened.rows), quiet=as_json) as bar:
        report = make_faces(
            opened,
            folder,
            size=(width, height),
            detail=detail,
            detector=detector if detect else None,
            missed=missed,
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
        table("Aligned" if report.artefact else "Aligned a share", summary)
        say_what_is_missing(report)
