"""The command line: the table of verbs, the one error boundary, the exit codes.

A verb's module is imported only when that verb is called, so ``emotiw --help`` is instant.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from emotiw_cli import __version__
from emotiw_cli.errors import INTERRUPTED, EmotiwError

VERBS: dict[str, str] = {
    "predict": "Read the emotion of every face in photos or clips.",
    "align": "Find, align and store the faces of a set of pictures.",
    "duplicates": "Find faces that are in two splits, exactly or nearly.",
    "map": "Store local binary pattern codes of a set of faces.",
    "pretrain": "Train a net on face identities.",
    "finetune": "Train a net on emotions, from scratch or from an earlier model.",
    "weights": "Take weights trained elsewhere into the workspace, or show what is in a file.",
    "ensemble": "Weigh trained members and write a bundle.",
    "evaluate": "Measure a bundle on a labelled set.",
    "clips": "Follow faces through clips, train modules on them, fuse and bundle.",
    "groups": "Read the emotion of group photos, stage by stage.",
    "recipe": "Plan and run a whole experiment that is written down in one file.",
    "bundles": "List, show and verify bundles.",
    "status": "Show the artefacts, how they hang together, what is stale.",
    "doctor": "Say what works on this machine and what to do about the rest.",
}
"""Verb → its line in ``emotiw --help``. Its code is `VERB_command` in ``commands/VERB.py``.

A verb with sub-verbs has a dictionary `SUB_VERBS` there too, from each one's name to its function;
`VERB_command` takes no arguments then, and its docstring is the help that stands above them.
"""


def load_verb(name: str) -> Any:
    """The command of a verb, a group of commands if it has sub-verbs; imports its module."""
    module = importlib.import_module(f"emotiw_cli.commands.{name}")
    verb = typer.Typer(name=name, cls=Verbs, add_completion=False, rich_markup_mode=None)
    function = getattr(module, f"{name}_command")
    if not hasattr(module, "SUB_VERBS"):
        verb.command(name)(function)
        return typer.main.get_command(verb)
    verb.callback(no_args_is_help=True)(function)
    for sub_verb, its_function in module.SUB_VERBS.items():
        verb.command(sub_verb)(its_function)
    return typer.main.get_command(verb)


class Verbs(TyperGroup):
    """A group that offers the nearest of its names for one it does not know."""

    called = "a sub-verb"

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
            ctx.fail(f"{args[0]!r} is not {self.called}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Sub-verbs"):
            formatter.write_dl(
                [(name, str(verb.help).splitlines()[0]) for name, verb in self.commands.items()]
            )


class LazyVerbs(Verbs):
    """A group that knows its verbs by name and imports one only to run it."""

    called = "a verb"

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_verb(cmd_name) if cmd_name in VERBS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Verbs, in the order of the pipeline"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except EmotiwError as error:
            print(f"emotiw: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _disk_full(error) from error
        except KeyboardInterrupt as interrupt:
            print(
                "emotiw: interrupted; run the same command again to go on from there.",
                file=sys.stderr,
            )
            raise typer.Exit(INTERRUPTED) from interrupt


def _disk_full(error: OSError) -> typer.Exit:
    """Say which file the disk has no room for; it is standard output if the error names none."""
    from emotiw_cli.artefact import output_error

    if error.filename is None:
        # What is still buffered would be tried again, and fail again, as the program ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    refusal = output_error(Path(error.filename or "standard output"), error)
    print(f"emotiw: {refusal}", file=sys.stderr)
    return typer.Exit(refusal.exit_code)


app = typer.Typer(
    cls=LazyVerbs,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"emotiw {__version__}")
        raise typer.Exit()


@app.callback(
    epilog="`emotiw VERB --help` tells the rest. `emotiw predict photo.jpg` needs no set-up."
)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, help="Print the version and leave.")
    ] = False,
) -> None:
    """Recognise emotion in the wild. Each verb reads the artefacts of the verb before it."""


def main() -> None:
    """Run the command line."""
    # A job runner may start programs without one or another; the order gives each its number.
    for stream, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, mode))  # noqa: SIM115 (open to the end)
    # A terminal or file name that is not UTF-8 is no reason to fail.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app(prog_name="emotiw")
