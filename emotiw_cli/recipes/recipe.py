"""A recipe: one TOML file that is a whole experiment.

::

    about = "What it is, for people."

    [inputs]                          # paths it is given, each with a sentence on what it is
    ferplus = "ferplus.zip: faces and the votes of FER+"

    [lists]                           # what steps are repeated over
    rep = ["grey", "cyclic-5"]

    [defaults.finetune]               # options of every step of a verb
    epochs = 10

    [[steps]]
    verb = "align"
    source = "{ferplus}"
    name = "ferplus"

    [[steps]]
    verb = "finetune"
    for = ["rep"]                     # one step for each value; of several lists, for each pair
    sets = ["ferplus"]
    name = "{rep}"
    rep = "{rep}"

    [[steps]]
    verb = "ensemble"
    members = "{rep}"                 # not under `for`: all values, joined by commas
    name = "both"
"""

from __future__ import annotations

import itertools
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw_cli.errors import InputError
from emotiw_cli.recipes.step import VERBS, Step, Value, make_step, unknown, words_of

_KEYS = ("about", "inputs", "lists", "defaults", "steps")
_PLACEHOLDER = re.compile(r"\{([\w-]+)\}")


@dataclass(frozen=True)
class Recipe:
    """A recipe with every value settled.

    Attributes
    ----------
    name : of the file, without its ending. about : what it is, for people.
    inputs : its paths by name; None where one is not given.
    steps : in the order of the file; each reads what earlier ones made.
    """

    name: str
    about: str
    inputs: Mapping[str, str | None]
    steps: tuple[Step, ...]

    def require_inputs(self) -> None:
        """Raise :class:`InputError` if an input is not given."""
        missing = [name for name, path in self.inputs.items() if path is None]
        if missing:
            raise InputError(
                f"recipe {self.name} is not told where its inputs are: {', '.join(missing)}; add "
                + " ".join(f"--set {name}=PATH" for name in missing)
                + f", or set the environment's {missing[0].upper().replace('-', '_')}."
            )


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and settle its values.

    Parameters
    ----------
    overrides : ``KEY=VALUE``, where KEY is an input or a list, ``VERB.OPTION`` for every step of a
        verb, or ``NAME.OPTION`` for the steps that make or are called NAME. VALUE is read as TOML
        where it can be, else as text. Inputs that are not overridden are looked for in the
        environment, in capitals.

    Raises
    ------
    InputError
        If the file cannot be read, or a key, verb, option or value in it is none; the sentence
        names the place and the nearest valid name.
    """
    content = _load(path)
    _check_keys(content, path)
    inputs: dict[str, str | None] = {
        name: os.environ.get(name.upper().replace("-", "_")) for name in content.get("inputs", {})
    }
    lists = {
        name: [str(value) for value in values] for name, values in content.get("lists", {}).items()
    }
    defaults = {verb: dict(values) for verb, values in content.get("defaults", {}).items()}
    by_name: dict[str, dict[str, Value]] = {}
    for text in overrides:
        _override(text, inputs, lists, defaults, by_name)
    for verb, values in defaults.items():
        words_of(verb, values, f"{path}: [defaults.{verb}]")  # of no step, or not: never silent
    steps = [
        step
        for number, table in enumerate(content["steps"], start=1)
        for step in _expanded(table, defaults, by_name, inputs, lists, f"{path}: step {number}")
    ]
    names = [step.name.partition(" ")[2] for step in steps]
    for owner in by_name:
        if owner not in VERBS and owner not in names:
            raise InputError(f"--set {owner}.…: {unknown('verb or step', owner, [*VERBS, *names])}")
    _refuse_twice(steps, path)
    return Recipe(path.stem, str(content.get("about", "")), inputs, tuple(steps))


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; give a recipe's TOML file.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as TOML ({error}).") from error


def _check_keys(content: Mapping[str, Any], path: Path) -> None:
    for key in content:
        if key not in _KEYS:
            raise InputError(f"{path}: {unknown('part of a recipe', key, _KEYS)}")
    tables = [content.get(key, {}) for key in ("inputs", "lists", "defaults")]
    if not all(isinstance(table, dict) for table in tables) or not all(
        isinstance(values, list) and values for values in content.get("lists", {}).values()
    ):
        raise InputError(f"{path}: [inputs], [lists] (of lists) and [defaults.VERB] are tables.")
    both = set(content.get("inputs", {})) & set(content.get("lists", {}))
    if both:
        raise InputError(f"{path}: {sorted(both)[0]!r} is an input and a list; rename one.")
    steps = content.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise InputError(f"{path}: a recipe has [[steps]], each with a verb.")


def _override(
    text: str,
    inputs: dict[str, str | None],
    lists: dict[str, list[str]],
    defaults: dict[str, dict[str, Value]],
    by_name: dict[str, dict[str, Value]],
) -> None:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise InputError(f"--set {text}: write it as KEY=VALUE, such as finetune.epochs=2.")
    owner, dot, option = key.rpartition(".")
    if not dot:
        if key in inputs:
            inputs[key] = value
        elif key in lists:
            listed = _value(value)
            lists[key] = [
                str(one) for one in (listed if isinstance(listed, list) else value.split(","))
            ]
        else:
            known = [*inputs, *lists]
            raise InputError(f"--set {text}: {unknown('input or list', key, known)}")
    elif owner in VERBS:
        words_of(owner, {option: _value(value)}, f"--set {text}")
        by_name.setdefault(owner, {})[option] = _value(value)
    else:
        by_name.setdefault(owner, {})[option] = _value(value)


def _value(text: str) -> Value:
    try:
        value: Value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value


def _expanded(
    table: Mapping[str, Any],
    defaults: Mapping[str, Mapping[str, Value]],
    by_name: Mapping[str, Mapping[str, Value]],
    inputs: Mapping[str, str | None],
    lists: Mapping[str, Sequence[str]],
    where: str,
) -> Iterator[Step]:
    values = dict(table)
    verb = str(values.pop("verb", ""))
    if verb not in VERBS:
        raise InputError(f"{where}: {unknown('verb', verb, VERBS)}")
    over = values.pop("for", [])
    over = [over] if isinstance(over, str) else over
    for name in over:
        if name not in lists:
            raise InputError(f"{where}: for: {unknown('list', name, lists)}")
    values = {**defaults.get(verb, {}), **values}
    for combination in itertools.product(*(lists[name] for name in over)):
        chosen = dict(zip(over, combination, strict=True))
        settled = {
            key: _filled(value, chosen, inputs, lists, f"{where}: {key}")
            for key, value in values.items()
        }
        yield _overridden(make_step(verb, settled, where), settled, by_name, where)


def _overridden(
    step: Step,
    values: Mapping[str, Value],
    by_name: Mapping[str, Mapping[str, Value]],
    where: str,
) -> Step:
    """The step with what ``--set VERB.OPTION`` and ``--set NAME.OPTION`` say, the latter last."""
    changed = dict(values)
    for owner in (step.verb, step.name.partition(" ")[2]):
        changed.update(by_name.get(owner, {}))
    return make_step(step.verb, changed, where) if changed != values else step


def _filled(
    value: Any,
    chosen: Mapping[str, str],
    inputs: Mapping[str, str | None],
    lists: Mapping[str, Sequence[str]],
    where: str,
) -> Value:
    """`value` with its placeholders filled in."""
    if isinstance(value, list):
        return [_filled(one, chosen, inputs, lists, where) for one in value]
    if not isinstance(value, str):
        if isinstance(value, bool | int | float):
            return value
        raise InputError(f"{where} is a table or date; an option takes text, numbers or lists.")
    names = list(dict.fromkeys(_PLACEHOLDER.findall(value)))
    for name in names:
        if name not in chosen and name not in inputs and name not in lists:
            known = dict.fromkeys([*inputs, *lists])
            raise InputError(f"{where}: {unknown('input or list', name, known)}")
    joined = [name for name in names if name not in chosen and name in lists]
    texts = []
    for combination in itertools.product(*(lists[name] for name in joined)):
        here = {**chosen, **dict(zip(joined, combination, strict=True))}
        text = value
        for name in names:
            # An input that is not given yet stands between angle brackets.
            text = text.replace(f"{{{name}}}", here.get(name) or inputs.get(name) or f"<{name}>")
        texts.append(text)
    return ",".join(texts)


def _refuse_twice(steps: Sequence[Step], path: Path) -> None:
    made: dict[str, Step] = {}
    for step in steps:
        for key in step.makes:
            if key in made:
                raise InputError(f"{path}: {step.name} and {made[key].name} both make {key}.")
            made[key] = step
