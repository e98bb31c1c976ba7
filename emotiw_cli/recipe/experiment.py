"""A recipe: one TOML file that is a whole experiment, read into steps.

``[verb.name]`` is a step, its keys the verb's own options; ``[verb]`` holds what all steps of the
verb share. ``[inputs]`` names what lies outside, ``[for]`` lists of values: ``{word}`` stands for
either. A word of ``[for]`` in a step's name makes one step for each value; one in a list only, an
entry for each.
"""

from __future__ import annotations

import itertools
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emotiw_cli.errors import EmotiwError, InputError
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.recipe.artefacts import reads_and_makes
from emotiw_cli.recipe.verb import Verb, find_verb, nearest

_WORD = re.compile(r"\{([\w.-]+)\}")


@dataclass(frozen=True)
class Step:
    """One call of a verb.

    Attributes
    ----------
    name : of what it makes, or just its own. words : its command line after ``emotiw``.
    options : as the verb reads them. inputs : names of the recipe's inputs it uses.
    makes : keys of artefacts. after : keys of the steps it waits for.
    """

    verb: Verb
    name: str
    words: tuple[str, ...]
    options: Mapping[str, Any]
    inputs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.verb} {self.name}"


@dataclass(frozen=True)
class Input:
    """Something from outside: where it is looked for, and what it is."""

    path: Path
    what: str


@dataclass(frozen=True)
class Experiment:
    """A recipe as resolved: its steps, each after those it waits for."""

    path: Path
    inputs: Mapping[str, Input] = field(default_factory=dict)
    steps: Sequence[Step] = ()

    def lacking(self, steps: Iterable[Step]) -> list[str]:
        """What of the inputs `steps` use is not there: a phrase each."""
        used = dict.fromkeys(name for step in steps for name in step.inputs)
        return [
            f"{name} ({self.inputs[name].what}) is not at {self.inputs[name].path}"
            for name in used
            if not self.inputs[name].path.exists()
        ]


@dataclass(frozen=True)
class _Value:
    value: Any
    where: str


@dataclass
class _Draft:
    verb: Verb
    name: str
    bound: dict[str, Any]
    where: str
    layers: list[dict[str, _Value]]


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read the recipe `path`, with values set on the command line (``finetune.epochs=2``).

    Raises
    ------
    InputError
        If it cannot be read, or anything in it is unknown or refused by the verb; the sentence
        names the line and offers the nearest name.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise InputError(f"{path} is not TOML: {error}.") from error
    return _Reading(path, text, content, overrides).experiment()


class _Reading:
    def __init__(
        self, path: Path, text: str, content: dict[str, Any], overrides: Sequence[str]
    ) -> None:
        self.path, self.text = path, text
        self.content = content
        self.overrides = [_split_override(one) for one in overrides]
        self.inputs = self._inputs(content.pop("inputs", {}))
        self.written = self._values(content.pop("for", {}))
        self.values = self._overridden(self.written)
        self.left_out: set[str] = set()
        for name in set(self.inputs) & set(self.values):
            raise self._refusal(("for", name), f"{name!r} is an input too; rename one.")

    def experiment(self) -> Experiment:
        drafts: dict[str, _Draft] = {}
        for draft in self._drafts():
            key = f"{draft.verb} {draft.name}"
            if key not in drafts:
                drafts[key] = draft
            elif draft.bound and drafts[key].bound:
                raise InputError(f"{draft.where}: {key!r} is made twice; change a name.")
            else:  # a step named outright refines the one that a pattern makes
                first, second = sorted((drafts[key], draft), key=lambda one: not one.bound)
                drafts[key] = first
                first.layers += second.layers[1:]
        # What refines a step of a value that --set for.… leaves out is left out with it.
        drafts = {
            key: draft for key, draft in drafts.items() if draft.bound or key not in self.left_out
        }
        for target, text in self.overrides:
            self._override(drafts, target, text)
        return Experiment(
            self.path, self.inputs, _ordered([self._step(one) for one in drafts.values()])
        )

    def _refusal(self, keys: Sequence[str], message: str) -> InputError:
        return InputError(f"{self._where(keys)}: {message}")

    def _where(self, keys: Sequence[str]) -> str:
        line = line_of(self.text, keys)
        return f"{self.path}, {f'line {line}, ' if line else ''}{'.'.join(keys)}"

    def _inputs(self, table: Any) -> dict[str, Input]:
        found = {}
        for name, entry in table.items():
            if not isinstance(entry, dict) or set(entry) != {"path", "what"}:
                raise self._refusal(
                    ("inputs", name), 'write it as { path = "…", what = "what it is" }.'
                )
            variable = f"EMOTIW_{name.upper().replace('-', '_')}"
            path = os.environ.get(variable) or str(entry["path"])
            found[name] = Input(Path(path), str(entry["what"]))
        for target, text in self.overrides:
            if target.startswith("inputs."):
                name = target.removeprefix("inputs.")
                if name not in found:
                    raise InputError(f"--set {target}: no such input; {nearest(name, found)}")
                found[name] = Input(Path(text), found[name].what)
        return found

    def _values(self, table: Any) -> dict[str, list[Any]]:
        found = {}
        for name, listed in table.items():
            if not isinstance(listed, list) or not listed:
                raise self._refusal(("for", name), "write a list of values.")
            found[name] = listed
        return found

    def _overridden(self, written: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        found = dict(written)
        for target, text in self.overrides:
            if target.startswith("for."):
                name = target.removeprefix("for.")
                if name not in found:
                    raise InputError(f"--set {target}: no such list; {nearest(name, found)}")
                found[name] = _listed(_value_of(text))
        return found

    def _drafts(self) -> Iterator[_Draft]:
        for name, table in self.content.items():
            try:
                verb = find_verb(name)
            except InputError as error:
                raise self._refusal((name,), str(error)) from error
            if not isinstance(table, dict):
                raise self._refusal((name,), f"write a table: [{name}] or [{name}.NAME].")
            if isinstance(verb, Verb):
                yield from self._of_verb(verb, table)
                continue
            for sub, inner in table.items():
                if sub not in verb:
                    raise self._refusal((name, sub), f"no such sub-verb; {nearest(sub, verb)}")
                yield from self._of_verb(verb[sub], inner)

    def _of_verb(self, verb: Verb, table: dict[str, Any]) -> Iterator[_Draft]:
        shared = {key: value for key, value in table.items() if not isinstance(value, dict)}
        common = self._layer(verb, shared, verb.words)
        for pattern, options in table.items():
            if not isinstance(options, dict):
                continue
            keys = (*verb.words, pattern)
            layer = self._layer(verb, options, keys)
            words = [word for word in dict.fromkeys(_WORD.findall(pattern)) if self._is(word, keys)]
            bindings = self._bindings(words, self.values)
            named = {_named(pattern, bound) for bound in self._bindings(words, self.written)}
            named -= {_named(pattern, bound) for bound in bindings}
            self.left_out |= {f"{verb} {name}" for name in named}
            for bound in bindings:
                name = _named(pattern, bound)
                if name != Path(name).name or name.startswith("."):
                    raise self._refusal(keys, f"{name!r} is not a usable name.")
                yield _Draft(verb, name, bound, self._where(keys), [common, layer])

    def _is(self, word: str, keys: Sequence[str]) -> bool:
        if word not in self.values:
            raise self._refusal(keys, f"{{{word}}} is not in [for]; {nearest(word, self.values)}")
        return True

    @staticmethod
    def _bindings(words: Sequence[str], values: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
        lists = [values[word] for word in words]
        return [dict(zip(words, one, strict=True)) for one in itertools.product(*lists)]

    def _layer(
        self, verb: Verb, options: Mapping[str, Any], keys: Sequence[str]
    ) -> dict[str, _Value]:
        layer: dict[str, _Value] = {}
        for key, value in options.items():
            layer |= _option(verb, key, value, self._where((*keys, key)))
        return layer

    def _override(self, drafts: Mapping[str, _Draft], target: str, text: str) -> None:
        first, _, rest = target.partition(".")
        if first in ("inputs", "for"):
            return
        step, _, option = rest.rpartition(".")
        where = f"--set {target}={text}"
        verbs = dict.fromkeys(draft.verb.words[0] for draft in drafts.values())
        if first not in verbs:
            raise InputError(f"{where}: {nearest(first, [*verbs, 'inputs', 'for'])}")
        of_verb = {
            " ".join((*draft.verb.words[1:], draft.name)).replace(" ", "."): draft
            for draft in drafts.values()
            if draft.verb.words[0] == first
        }
        if step and step not in of_verb:
            raise InputError(f"{where}: no step is called {step!r}; {nearest(step, of_verb)}")
        for name, draft in of_verb.items():
            if step in ("", name):
                draft.layers.append(_option(draft.verb, option, _value_of(text), where))

    def _step(self, draft: _Draft) -> Step:
        values: dict[str, _Value] = {}
        for layer in draft.layers:
            values |= layer
        used: list[str] = []
        final = {name: self._filled(draft, name, one, used) for name, one in values.items()}
        if any(parameter.name == "name" for parameter in draft.verb.command.params):
            final["name"] = draft.name
        words = draft.verb.arguments(final)
        try:
            options = draft.verb.parse(words)
            self._check(options, values)
            linked = reads_and_makes(draft.verb.words, options)
        except InputError as error:
            parameter = getattr(error, "parameter", "")
            where = values[parameter].where if parameter in values else draft.where
            hint = ""
            for one in draft.verb.command.params:
                choices = getattr(one.type, "choices", None)
                if one.name == parameter and choices and parameter in final:
                    hint = f" {nearest(str(final[parameter]), choices).capitalize()}"
            raise InputError(f"{where}: {error}{hint}") from error
        reads, makes = linked or (["*"], ["*"])
        return Step(
            draft.verb,
            draft.name,
            (*draft.verb.words, *words),
            options,
            tuple(dict.fromkeys(used)),
            tuple(makes),
            tuple(reads),
        )

    def _check(self, options: Mapping[str, Any], values: Mapping[str, _Value]) -> None:
        """Names that are the verb's to judge, judged before anything runs."""
        for name, judge in (("rep", Representation.parse), ("net", _find_net)):
            if isinstance(options.get(name), str):
                try:
                    judge(options[name])
                except EmotiwError as error:
                    error.parameter = name  # type: ignore[attr-defined]
                    raise

    def _filled(self, draft: _Draft, name: str, one: _Value, used: list[str]) -> Any:
        many = next(
            draft.verb.many(key)
            for key, parameter in draft.verb.parameters.items()
            if parameter.name == name
        )

        def fill(value: Any, bound: Mapping[str, Any]) -> Any:
            if not isinstance(value, str):
                return value

            def known(match: re.Match[str]) -> str:
                word = match[1]
                if word in self.inputs:
                    used.append(word)
                    return str(self.inputs[word].path)
                if word in bound:
                    return str(bound[word])
                if word in self.values:
                    raise InputError(
                        f"{one.where}: {{{word}}} is not in the step's name, so it has no value."
                    )
                names = [*self.inputs, *self.values]
                raise InputError(
                    f"{one.where}: {{{word}}} is neither an input nor in [for]; "
                    f"{nearest(word, names)}"
                )

            return _WORD.sub(known, value)

        if not many:
            return fill(one.value, draft.bound)
        filled: list[Any] = []
        for value in one.value:
            free = [
                word
                for word in dict.fromkeys(_WORD.findall(str(value)))
                if word in self.values and word not in draft.bound
            ]
            filled += [
                fill(value, {**draft.bound, **more}) for more in self._bindings(free, self.values)
            ]
        return filled


def _named(pattern: str, bound: Mapping[str, Any]) -> str:
    """The name of a step for the values that stand for the words in it."""
    return _WORD.sub(lambda match: str(bound[match[1]]), pattern)


def _find_net(name: str) -> None:
    if find_spec("torch") is not None:  # where it is not, nothing can be trained either
        from emotiw_cli.nets.registry import find_net

        find_net(name)


def _option(verb: Verb, key: str, value: Any, where: str) -> dict[str, _Value]:
    if key == "work":
        raise InputError(f"{where}: the workspace is the recipe's own; give it with --work.")
    if key not in verb.parameters:
        raise InputError(
            f"{where}: emotiw {verb} has no option {key!r}; {nearest(key, verb.parameters)}"
        )
    parameter = verb.parameters[key]
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise InputError(f"{where}: write true or false, not {value!r}.")
        value = value != verb.turned(key)
    elif verb.many(key):
        value = _listed(value)
    elif isinstance(value, bool | list | dict):
        raise InputError(f"{where}: takes one value, not {value!r}.")
    return {parameter.name: _Value(value, where)}


def _split_override(text: str) -> tuple[str, str]:
    target, equals, value = text.partition("=")
    if not equals or "." not in target:
        raise InputError(
            f"--set {text}: write it as VERB.OPTION=VALUE, VERB.STEP.OPTION=VALUE, "
            "inputs.NAME=PATH or for.WORD=VALUES."
        )
    return target.strip(), value.strip()


def _value_of(text: str) -> Any:
    """A value as TOML reads it; what is not TOML is text, with commas a list if one is wanted."""
    for attempt in (text, f"[{text}]" if "," in text else text):
        try:
            return tomllib.loads(f"value = {attempt}")["value"]
        except ValueError:
            continue
    return text


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and "," in value and ", " not in value:
        return value.split(",")
    return value if isinstance(value, list) else [value]


def _ordered(steps: list[Step]) -> list[Step]:
    """Each step after those that make what it reads; else in the order of the file."""
    made_by: dict[str, str] = {}
    for step in steps:
        for made in step.makes:
            if made != "*" and made in made_by:
                raise InputError(f"{made} is made by {made_by[made]!r} and by {step.key!r}.")
            made_by[made] = step.key
    linked = []
    for place, step in enumerate(steps):
        after = [made_by[key] for key in step.after if key in made_by and key != "*"]
        if "*" in step.after:
            after = [one.key for one in steps[:place]]
        after += [one.key for one in steps[:place] if "*" in one.makes]
        linked.append(
            Step(
                step.verb,
                step.name,
                step.words,
                step.options,
                step.inputs,
                tuple(made for made in step.makes if made != "*"),
                tuple(dict.fromkeys(after)),
            )
        )
    ordered: list[Step] = []
    while linked:
        done = {step.key for step in ordered}
        ready = next((step for step in linked if set(step.after) <= done), None)
        if ready is None:
            raise InputError(f"{', '.join(one.key for one in linked)} wait for each other.")
        ordered.append(ready)
        linked.remove(ready)
    return ordered


def line_of(text: str, keys: Sequence[str]) -> int:
    """The line, from 1, on which the table or value at `keys` begins; 0 if none is found."""
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*(\[.*\])\s*(#.*)?$", line)
        if head:
            table = _path(head[1])
            if table[: len(keys)] == list(keys):
                return number
        elif "=" in line and [*table, *_path(line.split("=")[0] + "= 0")] == list(keys):
            return number
    return 0


def _path(line: str) -> list[str]:
    try:
        found, path = tomllib.loads(line), []
    except ValueError:
        return []
    while isinstance(found, dict) and found:
        key = next(iter(found))
        path.append(key)
        found = found[key]
    return path
