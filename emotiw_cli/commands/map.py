"""``emotiw map``: from faces to local binary pattern codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotiw_cli.commands._options import Json, Work


def map_command(
    name: Annotated[str, typer.Argument(help="Faces artefact, by name.")] = "",
    radius: Annotated[
        list[int] | None,
        typer.Option(
            "--radius",
            min=1,
            help="Radius of the codes in pixels of the face; may be repeated.  [default: 1, 5, 10]",
        ),
    ] = None,
    metric: Annotated[
        Literal["cyclic", "regular", "circular"],
        typer.Option("--metric", help="Distance between codes that the palette is made of."),
    ] = "cyclic",
    compat_255: Annotated[
        bool,
        typer.Option(
            "--compat-255",
            help="Draw code 255 in the colour of code 254, as the authors' released models expect.",
        ),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", help="Also draw a face, its codes and their colours: a PNG."),
    ] = None,
    face: Annotated[
        int | None,
        typer.Option("--face", min=0, help="Row of the face to draw; the first by default."),
    ] = None,
    recompute: Annotated[
        bool,
        typer.Option(
            "--recompute",
            help="Derive the palettes from the distances; compare with those shipped.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start again, whatever is there.")
    ] = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Store local binary pattern codes of a set of faces, one cache per radius.

    Writes WORK/codes/NAME-rRADIUS: one byte per pixel at the faces' own size, with the palette as
    an attribute that HDF5 viewers show. A radius loses as many pixels on each side. The cache of a
    radius serves every palette: a net's representation (cyclic-10) names the palette it is shown.

    --recompute needs no NAME: the palettes come from multidimensional scaling of the distances
    between codes, and should equal the shipped ones; circular, whose many ties are
    decided by rounding, may end a few levels away on another processor or number of threads.
    """
    if picture is not None and picture.suffix.lower() != ".png":
        raise typer.BadParameter("give it a name that ends in .png", param_hint="--picture")
    if recompute and name:
        raise typer.BadParameter("maps no faces; leave NAME out", param_hint="--recompute")
    if recompute:
        _recompute(as_json)
    elif name:
        _map(name, radius or [1, 5, 10], metric, compat_255, overwrite, as_json, work)
        if picture is not None:
            _draw(work, name, face, radius or [1, 5, 10], metric, picture)
    else:
        raise typer.BadParameter("name the faces to map, or say --recompute", param_hint="NAME")


def _map(
    name: str,
    radii: list[int],
    metric: str,
    compat_255: bool,
    overwrite: bool,
    as_json: bool,
    work: Path,
) -> None:
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.data.faces import Faces
    from emotiw_cli.data.make_codes import check_radius, make_codes

    faces = Faces.open(work, name)
    for radius in radii:
        check_radius(faces, radius)
    summaries = []
    for radius in radii:
        with progress(f"radius {radius}", quiet=as_json) as bar:
            report = make_codes(
                work,
                faces,
                radius=radius,
                metric=metric,
                compat_255=compat_255,
                overwrite=overwrite,
                on_progress=bar.update,
            )
        width, height = faces.size
        seconds = max(report.seconds, 1e-9)
        summaries.append(
            {
                "artefact": str(report.artefact.folder),
                "radius": radius,
                "size": [width - 2 * radius, height - 2 * radius],
                "faces": report.counts["faces"],
                "worked_on": report.made,
                "seconds": round(report.seconds, 2),
                "megapixels_per_second": round(report.made * width * height / seconds / 1e6, 1),
            }
        )
    if as_json:
        print_json({"codes": summaries})
        return
    for summary in summaries:
        table("Mapped", {**summary, "size": "{}×{}".format(*summary["size"])})


def _draw(
    work: Path, name: str, row: int | None, radii: list[int], metric: str, target: Path
) -> None:
    import cv2

    from emotiw_cli.artefact import landing_file
    from emotiw_cli.commands._console import say
    from emotiw_cli.data.faces import Faces
    from emotiw_cli.errors import InputError
    from emotiw_cli.lbp.picture import mapped_picture

    faces = Faces.open(work, name)
    rows = faces.select()
    if row is None and rows:
        row = rows[0]
    if row not in rows:
        raise InputError(f"{faces.artefact.folder} has no face in row {row}; see its index.csv.")
    drawn = mapped_picture(faces.face(row), radii, metric)
    with landing_file(target) as file:
        file.write(cv2.imencode(".png", drawn[:, :, ::-1])[1].tobytes())
    say(f"{target} shows {faces.rows[row].path}")


def _recompute(as_json: bool) -> None:
    import numpy as np

    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.lbp.mds import derive_palette
    from emotiw_cli.lbp.palettes import SHA256, palette

    summaries = []
    with progress("deriving palettes", len(SHA256), quiet=as_json) as bar:
        for metric in SHA256:
            derived, scaling = derive_palette(metric)
            apart = np.abs(derived.astype(int) - palette(metric)).max()
            summaries.append(
                {
                    "metric": metric,
                    "equals_the_shipped": not apart,
                    "most_levels_apart": int(apart),
                    "stress": float(f"{scaling.stress:.8f}"),
                    "iterations": scaling.iterations,
                }
            )
            bar()
    if as_json:
        print_json({"palettes": summaries})
        return
    for summary in summaries:
        table("Derived", summary)
