"""``emotiw recipe``: whole experiments."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help="A recipe, such as recipes/default.toml.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Another value: an input's path (ferplus=ferplus.zip), a list (rep=grey,cyclic-5), an "
        "option of a verb (finetune.epochs=2) or of one step (grey.epochs=2). May be repeated.",
    ),
]
Work = Annotated[Path, typer.Option("--work", help="Workspace folder.")]


def recipe_command() -> None:
    """Plan, run or show a whole experiment that one TOML file describes.

    A step is a verb with its options, under the names that its --help shows. Inputs that are not
    given by --set are looked for in the environment, in capitals.
    """


def plan_command(
    file: File,
    overrides: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    work: Work = Path("work"),
) -> None:
    """Say what would run and what is there already; runs nothing."""
    from emotiw_cli.commands._console import print_json
    from emotiw_cli.recipes.plan import plan
    from emotiw_cli.recipes.recipe import read_recipe

    recipe = read_recipe(file, overrides or ())
    planned = plan(recipe.steps, work)
    if as_json:
        print_json(
            {
                "recipe": recipe.name,
                "about": recipe.about,
                "inputs": dict(recipe.inputs),
                "steps": [
                    {
                        "step": one.step.name,
                        "state": one.state,
                        "waits_for": list(one.waits_for),
                        "command": _command(one.step.verb, one.step.words, work),
                    }
                    for one in planned
                ],
            }
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=recipe.name, title_justify="left", box=None, pad_edge=False)
    for column in ("step", "state", "waits for"):
        table.add_column(column, overflow="fold")
    for one in planned:
        table.add_row(one.step.name, one.state, ", ".join(one.waits_for))
    Console().print(table)
    for name, path in recipe.inputs.items():
        if path is None:
            print(f"{name} is not given yet: --set {name}=PATH")


def run_command(
    file: File,
    overrides: Set = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            min=0,
            help="Steps at a time, each with its share of the processors and a GPU of its own; "
            "0: as many as there are GPUs, or one.",
        ),
    ] = 0,
    work: Work = Path("work"),
) -> None:
    """Run what is not done; killed or interrupted, the same command goes on from there.

    What each step prints is in WORK/recipes/NAME/. A step that fails stops those that need it, the
    others are finished; the exit code is then that step's.
    """
    from emotiw_cli.commands._console import say
    from emotiw_cli.recipes.plan import DONE, plan
    from emotiw_cli.recipes.recipe import read_recipe
    from emotiw_cli.recipes.run import Event, run_steps

    recipe = read_recipe(file, overrides or ())
    recipe.require_inputs()
    planned = plan(recipe.steps, work)
    done = sum(one.state == DONE for one in planned)
    say(f"{recipe.name}: {len(planned)} steps, {done} done already")

    def tell(event: Event) -> None:
        nonlocal done
        if event.what == "starts":
            say(f"{event.name} … ({event.log})")
            return
        done += event.what == "done"
        say(f"{event.name} {event.what} after {event.seconds:.0f} s, {done}/{len(planned)}")

    failure = run_steps(planned, work, work / "recipes" / recipe.name, jobs=jobs, on_event=tell)
    if failure is not None:
        say(f"emotiw: {failure.sentence}")
        raise typer.Exit(failure.code)
    say(f"{recipe.name}: all {len(planned)} steps are done")


def show_command(file: File, overrides: Set = None, work: Work = Path("work")) -> None:
    """Print the recipe as the commands it stands for, one a line, to read or to paste."""
    from emotiw_cli.recipes.recipe import read_recipe

    recipe = read_recipe(file, overrides or ())
    for step in recipe.steps:
        print(_command(step.verb, step.words, work))


SUB_VERBS = {"plan": plan_command, "run": run_command, "show": show_command}


def _command(verb: str, words: tuple[str, ...], work: Path) -> str:
    place = [] if work == Path("work") else ["--work", str(work)]
    return shlex.join(["emotiw", verb, *words, *place])
