"""``emotiw recipe``: a whole experiment in one file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

File = Annotated[Path, typer.Argument(help="The recipe, a TOML file.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="WHAT=VALUE",
        help="Change a value: VERB.OPTION=… in all steps of a verb, VERB.STEP.OPTION=… in one, "
        "inputs.NAME=PATH, for.WORD=A,B; may be repeated.",
    ),
]
Work = Annotated[Path, typer.Option("--work", help="Workspace folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


def recipe_command() -> None:
    """Plan and run a whole experiment that is written down in one file.

    A table [VERB.NAME] is a step: the verb, the name of what it makes, and the verb's options as
    its --help names them. [VERB] holds what all steps of the verb share. [inputs] names what lies
    outside, [for] lists of values; {word} stands for either. A word of [for] in a step's name
    makes a step for each value. Steps wait for each other as the artefacts they read demand.
    """


def plan_command(
    file: File,
    changes: Set = None,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Show what a recipe would run, and what is there already."""
    from emotiw_cli.commands._console import print_json, say
    from emotiw_cli.recipe.experiment import read_recipe
    from emotiw_cli.recipe.plan import DONE, plan

    experiment = read_recipe(file, changes or ())
    planned = plan(experiment, work)
    lacking = experiment.lacking([one.step for one in planned if one.state != DONE])
    if as_json:
        steps = [
            {
                "step": one.step.key,
                "state": one.state,
                "note": one.note,
                "makes": list(one.step.makes),
                "after": list(one.step.after),
                "command": shlex.join(["emotiw", *one.step.words]),
            }
            for one in planned
        ]
        print_json({"recipe": str(file), "work": str(work), "steps": steps, "lacking": lacking})
        return
    wide = max((len(one.step.key) for one in planned), default=0)
    for one in planned:
        print(f"{one.step.key:{wide}}  {one.state}{f': {one.note}' if one.note else ''}")
    done = sum(one.state == DONE for one in planned)
    print(f"{len(planned)} steps, {done} done.")
    for phrase in lacking:
        say(f"emotiw: {phrase}; give it with --set inputs.NAME=PATH.")


def show_command(file: File, changes: Set = None, work: Work = Path("work")) -> None:
    """Show a recipe as the shell commands it stands for, one a line."""
    from emotiw_cli.recipe.experiment import read_recipe

    place = [] if work == Path("work") else ["--work", str(work)]
    for step in read_recipe(file, changes or ()).steps:
        print(shlex.join(["emotiw", *step.words, *place]))


def run_command(
    file: File,
    changes: Set = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            min=0,
            help="Steps at a time; 0: one a GPU, or one a processor up to four. Each has its share "
            "of the processors.",
        ),
    ] = 0,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Make again what is stale or made with other options."),
    ] = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Run what is not done of a recipe.

    Each step's output is kept in WORK/recipes/RECIPE/STEP.log. A step that fails holds back those
    that wait for it, the others go on; the exit code is that of the first that failed. Killed or
    interrupted, the same command goes on from there.
    """
    from emotiw_cli.commands._console import print_json, progress, say
    from emotiw_cli.recipe.experiment import read_recipe
    from emotiw_cli.recipe.run import FAILED, HELD_BACK, Outcome, Running, default_jobs, run

    experiment = read_recipe(file, changes or ())

    def on_start(running: Running) -> None:
        say(f"{running.step.key}: begun")

    with progress("steps", len(experiment.steps), quiet=as_json) as bar:

        def on_end(outcome: Outcome) -> None:
            bar()
            if outcome.state == FAILED:
                say(
                    f"{outcome.step.key}: failed with exit code {outcome.exit_code}; see "
                    f"{outcome.log}\n  {_last_line(outcome)}"
                )
            elif outcome.state == HELD_BACK:
                say(f"{outcome.step.key}: held back")
            elif outcome.ran:
                say(f"{outcome.step.key}: done in {outcome.seconds:.0f} s")

        outcomes = run(
            experiment,
            work,
            jobs=jobs or default_jobs(),
            overwrite=overwrite,
            on_start=on_start,
            on_end=on_end,
            on_look=lambda running: bar.update(
                bar.done, text="; ".join(f"{one.step.key}: {one.last_line()}" for one in running)
            ),
        )
    summary: dict[str, Any] = {
        "done": sum(one.exit_code in (0, None) and one.state == "done" for one in outcomes),
        "ran": sum(one.ran for one in outcomes),
        "failed": [one.step.key for one in outcomes if one.state == FAILED],
        "held_back": [one.step.key for one in outcomes if one.state == HELD_BACK],
    }
    if as_json:
        steps = [
            {
                "step": one.step.key,
                "state": one.state,
                "ran": one.ran,
                "exit_code": one.exit_code,
                "seconds": round(one.seconds, 1),
                "log": str(one.log) if one.log else None,
            }
            for one in outcomes
        ]
        print_json({"recipe": str(file), "work": str(work), **summary, "steps": steps})
    else:
        print(
            f"{summary['done']} of {len(outcomes)} steps done, {summary['ran']} run now, "
            f"{len(summary['failed'])} failed, {len(summary['held_back'])} held back."
        )
    failed = [one for one in outcomes if one.state == FAILED]
    if failed:
        raise typer.Exit(failed[0].exit_code or 1)


def _last_line(outcome: Any) -> str:
    lines = outcome.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "")


SUB_VERBS = {"plan": plan_command, "run": run_command, "show": show_command}
