"""``emotiw predict``: pictures or clips in, a table, csv, JSON or annotated copies out."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emotiw_cli.errors import INTERRUPTED, InputError

if TYPE_CHECKING:
    from emotiw_cli.bundle.result import FacePrediction
    from emotiw_cli.clips.result import ClipPrediction
    from emotiw_cli.groups.result import GroupPrediction

TABLE_ROWS = 100
"""A terminal shows no more rows than this; a file keeps them all."""

NOTES_SHOWN = 5
PROGRESS_FROM = 20
_WIDE = 122


def predict_command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH…",
            help="Pictures or clips, folders (with all below them), quoted globs; - reads paths "
            "from standard input, one a line.",
        ),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write csv, a row per face, in clips per face and time; - is standard output.",
        ),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write JSON; - is standard output."),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write annotated copies of what has faces, and a plot of each clip."
        ),
    ] = None,
    detect: Annotated[
        bool,
        typer.Option("--detect/--no-detect", help="Look for faces, or take each picture for one."),
    ] = True,
    group: Annotated[
        bool,
        typer.Option("--group", help="Read each picture as a group: negative, neutral, positive."),
    ] = False,
    bundle: Annotated[
        str,
        typer.Option(metavar="NAME|DIR", help="The bundle that answers: its name or its folder."),
    ] = "default",
    camera: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Read the faces before camera N, from 0, live."),
    ] = None,
    voice: Annotated[
        bool,
        typer.Option(
            "--voice/--no-voice", help="Listen to clips too, or read them by their faces alone."
        ),
    ] = True,
    sequence: Annotated[
        float | None,
        typer.Option(
            metavar="FPS",
            help="Take each folder of pictures, or pattern such as frames/%04d.png, for one clip "
            "of so many frames a second.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes for many pictures.", show_default="one per core"),
    ] = None,
    detector: Annotated[
        Literal["yunet", "hog", "hog-haar"] | None,
        typer.Option(
            show_default="yunet; with --group that of its bundle",
            help="What finds faces in pictures. yunet: a small net, for small and turned faces "
            "too; hog: dlib's, upright faces from some forty pixels; hog-haar: the same always "
            "enlarged, then a Haar cascade.",
        ),
    ] = None,
    work: Annotated[Path, typer.Option(help="Workspace that named bundles lie in.")] = Path("work"),
) -> None:
    """Read the emotion of every face in photos or clips.

    On a terminal the answer is a table; into a pipe it is the csv, unless --csv or --json says
    where to write. The csv has one row per face and at least one per picture, with the columns
    path, status, face, x, y, width, height, angry, disgust, fear, happy, neutral, sad, surprise,
    emotion, confidence. Status is ok, no_face, missing, unreadable, too_large or unsupported.

    JPEG, PNG, WebP, BMP and TIFF pictures are read. A run that is interrupted leaves the rows so
    far in FILE.partial.

    Clips (MP4, AVI, MKV, WebM and whatever else FFmpeg reads) are answered in calls of their own,
    and so is sound alone (WAV, MP3, …) where it is named. Of several sound tracks the first is
    heard.
    Their columns are path, status, part, tube, time, x, y, width, height, the seven emotions,
    emotion, confidence. There is a row with the part clip for each clip, one with the part tube
    for each face through it, one with the part step for each time its emotion was read, six times
    a second, one with the part voice for the voice and one with the part span for each three
    seconds of it. The faces count for most of a clip's answer; where nobody speaks they answer
    alone. Status voice_only says that the voice answered alone, no_face that there was neither,
    no_video that there is sound without pictures or voice. A bundle for photos, named with
    --bundle, reads a clip's faces alone; one of a fused system answers as it was fused, whatever is
    lacking, and to one that --no-voice keeps from listening a clip is one without sound. --draw
    writes an MP4 with the clip's sound and a plot of the emotions over time. The real-time factor
    printed at the end is the time it took to read over the length of the clips.

    A folder of pictures is so many photos. With --sequence 25 it is one clip of 25 frames a second,
    and so is each folder below it; a pattern as FFmpeg takes it, frames/%04d.png, is a clip too.
    The last number in a picture's name says when it is shown, so a missing number is a hole.
    Pictures that cannot be read are left out, those of another size fitted into the first; a
    sentence tells.

    With --group a picture gets one answer, negative, neutral or positive, from a group bundle. The
    columns are path, status, part, face, x, y, width, height, negative, neutral, positive,
    emotion, confidence, share: a row with the part group for each picture and one with the part
    face for each of its faces, with what the bundle would say of that face alone and its share: by
    how much the probability of the group's answer would fall without it. Where no face is found
    the status is no_face, and the answer is that of the whole image if the bundle reads it, else
    the mix of the labels it learned from.

    --camera N shows the camera's picture with the faces in a window, where there is a display, and
    prints a line a second for each; into a pipe or with --csv a row with the part step for each
    face, six times a second, with the status no_face for none. It reads faces, not sound, until
    Ctrl-C or until the window is closed, then prints what it saw.

    Exit codes: 0 if at least one picture or clip could be read, with or without a face; 3 if none
    could; 4 or 8 if the bundle is missing or was tampered with; 6 if an output cannot be written;
    130 if interrupted.
    """
    from emotiw_cli import processors
    from emotiw_cli.bundle.load import DEFAULT
    from emotiw_cli.bundle.pictures import find_pictures
    from emotiw_cli.bundle.predict import predict_paths
    from emotiw_cli.bundle.result import STANDARD_OUTPUT, csv_file, json_file
    from emotiw_cli.commands._console import opened, progress
    from emotiw_cli.commands._stage import check_fps
    from emotiw_cli.faces.detectors import DEFAULT_DETECTOR

    started = time.perf_counter()
    terminal = sys.stdout.isatty() and STANDARD_OUTPUT not in (csv, json)
    if csv is None and json is None and not terminal:
        csv = STANDARD_OUTPUT
    _check_outputs(csv, json)
    if camera is not None and detector is not None:
        raise typer.BadParameter("--detector is for photos, not for --camera.")
    if camera is not None and group:
        raise typer.BadParameter("--group is for photos, not for --camera.")
    if camera is not None:
        from emotiw_cli.commands._camera import predict_camera_verb

        if paths or json or draw or not detect or sequence is not None:
            raise typer.BadParameter(
                "--camera goes without paths, --json, --draw, --sequence and --no-detect."
            )
        predict_camera_verb(camera, csv=csv, bundle=bundle, work=work, terminal=terminal)
        return
    if not paths:
        raise typer.BadParameter("name pictures or clips, or a camera with --camera 0.")
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    if sequence is not None:
        check_fps(sequence)
    entries = list(find_pictures(paths, sys.stdin, sequences=sequence is not None))
    if sequence is not None or _are_clips(entries):
        from emotiw_cli.commands._clips import predict_clips_verb

        if not detect:
            raise typer.BadParameter("--no-detect is for pictures; faces are followed in clips.")
        if detector is not None:
            raise typer.BadParameter("--detector is for photos; faces are followed in clips.")
        if group:
            raise typer.BadParameter("--group is for pictures, not for clips.")
        clips: list[ClipPrediction] = []
        with _stopping(clips, entries, "clips", csv, json):
            predict_clips_verb(
                entries,
                clips,
                csv=csv,
                json=json,
                draw=draw,
                bundle=bundle,
                voice=voice,
                fps=sequence,
                work=work,
                terminal=terminal,
            )
        return
    if group:
        from emotiw_cli.commands._groups import predict_groups_verb

        if not detect:
            raise typer.BadParameter("--group looks for faces; leave --no-detect out.")
        groups: list[GroupPrediction] = []
        with _stopping(groups, entries, "pictures", csv, json):
            predict_groups_verb(
                entries,
                groups,
                csv=csv,
                json=json,
                draw=draw,
                bundle=bundle,
                detector=detector,
                work=work,
                workers=workers or processors.available(),
                terminal=terminal,
            )
        return
    if bundle != DEFAULT:
        from emotiw_cli.groups.bundle import names_group_bundle

        if names_group_bundle(bundle, work):
            raise typer.BadParameter(f"{bundle} reads photos of groups; add --group.")
    predictions = predict_paths(
        entries,
        bundle,
        work=work,
        detect=detect,
        detector=detector or DEFAULT_DETECTOR,
        workers=workers or processors.available(),
        draw=draw,
    )
    done: list[list[FacePrediction]] = []
    with (
        _stopping(done, entries, "pictures", csv, json),
        opened((csv_file, csv), (json_file, json)) as writers,
        progress("Pictures", len(entries), quiet=len(entries) < PROGRESS_FROM) as advance,
    ):
        for picture in predictions:
            done.append(picture)
            for write in writers:
                write(picture)
            advance()
    if terminal:
        _print_table(done)
    _print_summary(done, time.perf_counter() - started, draw)
    if not any(picture[0].status in ("ok", "no_face") for picture in done):
        raise InputError("not one picture could be read.")


def _are_clips(entries: Sequence[str | FacePrediction]) -> bool:
    """Whether the inputs are clips or sound; photos with them in one call are wrong usage."""
    from emotiw_cli.clips.names import is_clip, is_sound

    kinds = {is_clip(entry) or is_sound(entry) for entry in entries if isinstance(entry, str)}
    if len(kinds) > 1:
        raise typer.BadParameter("photos and clips have rows of other kinds; call once for each.")
    return kinds == {True}


@contextlib.contextmanager
def _stopping(
    done: Sequence[object],
    entries: Sequence[object],
    things: str,
    csv: str | None,
    json: str | None,
) -> Iterator[None]:
    """Leave well when the user or the reader of standard output stops the run."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        from emotiw_cli.bundle.result import partial_of

        kept = [str(partial_of(Path(file))) for file in (csv, json) if file not in (None, "-")]
        where = f"; they are in {' and '.join(kept)}" if kept and done else ""
        print(
            f"emotiw: interrupted after {len(done)} of {len(entries)} {things}{where}.",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED) from interrupt
    except BrokenPipeError as closed:  # who reads standard output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from closed


def _check_outputs(csv: str | None, json: str | None) -> None:
    from emotiw_cli.clips.names import is_clip, is_sound
    from emotiw_cli.faces.images import is_picture

    if csv is not None and csv == json:
        raise typer.BadParameter("--csv and --json cannot both write to the same place.")
    for file in (csv, json):
        if file is not None and (is_picture(file) or is_clip(file) or is_sound(file)):
            raise typer.BadParameter(
                f"{file} is named as a picture, a clip or sound; it would be overwritten."
            )


def _print_summary(done: list[list[FacePrediction]], seconds: float, draw: Path | None) -> None:
    from emotiw_cli.commands._console import printable

    notes = [picture[0].note for picture in done if picture[0].note]
    for note in notes[:NOTES_SHOWN]:
        print(f"emotiw: {printable(note)}", file=sys.stderr)
    if len(notes) > NOTES_SHOWN:
        print(f"emotiw: … and {len(notes) - NOTES_SHOWN} more.", file=sys.stderr)
    faces = sum(bool(face.posterior) for picture in done for face in picture)
    unread = f", {len(notes)} not read" if notes else ""
    print(
        f"{_count(len(done), 'photo')}{unread}, {_count(faces, 'face')}, {seconds:.2f} s, "
        f"{len(done) / seconds:.1f} images/s" + (f"; drawn into {draw}" if draw and faces else ""),
        file=sys.stderr,
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _print_table(done: list[list[FacePrediction]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from emotiw_cli.bundle.draw import COLOURS
    from emotiw_cli.commands._console import printable
    from emotiw_cli.emotions import EMOTIONS

    console = Console()
    wide = console.width >= _WIDE
    names = max(12, console.width - (92 if wide else 57))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("picture", no_wrap=True)
    table.add_column("face", justify="right")
    if wide:
        table.add_column("box", justify="right", no_wrap=True)
    table.add_column("emotion", no_wrap=True)
    for emotion in EMOTIONS:
        table.add_column(emotion if wide else emotion[:3], justify="right", no_wrap=True)

    faces = [face for picture in done for face in picture]
    for face in faces[:TABLE_ROWS]:
        name = _shortened(printable(face.path), names) if face.face < 2 else ""
        if not face.posterior:
            table.add_row(Text(name), "", *[""] * wide, Text(face.status, style="dim"))
            continue
        answer = f"{face.emotion} {100 * face.confidence:.0f} %"
        place = Text(f"{face.width}×{face.height}+{face.x}+{face.y}", style="dim")
        table.add_row(
            Text(name),
            str(face.face),
            *[place] * wide,
            Text(answer, style="bold rgb({},{},{})".format(*COLOURS[face.emotion])),
            *(
                Text(
                    f"{100 * share:.0f}{_bar(share)}",
                    style="rgb({},{},{})".format(*COLOURS[emotion]),
                )
                for emotion, share in zip(EMOTIONS, face.posterior, strict=True)
            ),
        )
    console.print(table)
    if len(faces) > TABLE_ROWS:
        console.print(f"… and {len(faces) - TABLE_ROWS} more rows; --csv FILE keeps them all.")


def _shortened(path: str, width: int) -> str:
    return path if len(path) <= width else "…" + path[1 - width :]


def _bar(share: float) -> str:
    return " ▁▂▃▄▅▆▇█"[round(8 * share)]
