"""What README.md says is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from emotiw_cli.app import VERBS, load_verb
from emotiw_cli.bundle.result import COLUMNS
from emotiw_cli.data.sources import LAYOUTS
from emotiw_cli.errors import EXIT_CODES
from emotiw_cli.recipe.experiment import read_recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> list[tuple[str, str]]:
    """The two columns of the first table below a heading."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.+?) \| (.+) \|$", section, flags=re.MULTILINE)
    return lines[1 + (set(lines[1][0]) == {"-"}) :]


def plain(rows: list[tuple[str, str]]) -> dict[str, str]:
    return {name.strip("`"): text for name, text in rows}


def commands(text: str) -> list[list[str]]:
    """The emotiw commands of indented blocks or of a script, as words."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.split("#")[0].replace("$small", "")) if "emotiw " in line else []
        words = words[words.index("emotiw") :] if "emotiw" in words else []
        if "|" in words:
            words = words[: words.index("|")]
        if len(words) > 1 and re.match(r"(    |step |find )", line):
            found.append(words)
    return found


def test_the_verbs_are_those_of_the_program() -> None:
    assert plain(table("The pipeline")) == VERBS


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert plain(table("Exit codes")) == {str(code): text for code, text in EXIT_CODES.items()}


def test_the_layouts_are_those_of_align() -> None:
    assert plain(table("Sets that `align` understands")) == LAYOUTS


def test_the_columns_are_those_of_predict() -> None:
    names = [name for names, _ in table("Predict") for name in re.findall(r"`(\w+)`", names)]
    assert tuple(names) == COLUMNS


def test_commands_are_found() -> None:
    assert {words[1] for words in commands(README)} >= set(VERBS) - {"doctor"}


@pytest.mark.parametrize("words", commands(README), ids=" ".join)
def test_every_command_has_a_verb_and_options_that_exist(words: list[str]) -> None:
    verb = words[1]
    assert verb in VERBS
    command = load_verb(verb)
    if hasattr(command, "commands"):
        assert words[2] in command.commands
        command = command.commands[words[2]]
    known = {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words if word.startswith("--")} <= known


def test_the_worked_example_is_the_recipe() -> None:
    section = README.split("## A worked example")[1].split("\n## ")[0]
    small = " ".join(re.findall(r'^    small="(?:\$small )?(.*)"$', section, flags=re.MULTILINE))
    shown = commands(section.replace("$small", small))
    steps = read_recipe(ROOT / "recipes" / "tiny.toml").steps
    assert [words[1] for words in shown] == ["recipe", *(step.words[0] for step in steps)]
    for words, step in zip(shown[1:], steps, strict=True):
        told, meant = step.verb.parse(words[2:]), dict(step.options)
        for options in (told, meant):
            if "members" in options:
                options["members"] = ",".join(options["members"]).split(",")
        assert told == meant


def test_the_tree_names_what_there_is() -> None:
    block = README.split("```\nemotiw_cli/\n")[1].split("```")[0]
    inside = set(re.findall(r"^  (\S+)", block, flags=re.MULTILINE))
    ignored = {"__init__.py", "__main__.py", "__pycache__/", "py.typed"}
    there = {path.name + ("/" if path.is_dir() else "") for path in (ROOT / "emotiw_cli").iterdir()}
    assert inside == there - ignored
    for folder in re.findall(r"^(\S+)/", block, flags=re.MULTILINE):
        assert (ROOT / folder).is_dir()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_make_targets_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"(?:`|^    )make ([a-z]+)", README, flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
