"""A step of a recipe: one verb with its options, what it needs and what it makes.

There is no second vocabulary. What a verb takes is read from the verb itself, so a step's keys are
the arguments and options that its ``--help`` shows, and a new option is one of recipes at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw_cli.app import load_verb
from emotiw_cli.errors import InputError
from emotiw_cli.inputs.representation import Representation

VERBS = ("align", "map", "pretrain", "finetune", "ensemble", "evaluate")
"""The verbs a recipe is made of: those that leave an artefact."""

_OF_THE_RUN = {"work", "overwrite", "json", "help", "workers", "threads", "device", "shard"}
"""Options that do not decide what a step makes."""

_FILES = (".safetensors", ".json", ".pt", ".pth")
"""Endings by which ``--init`` takes a file for what is otherwise a model's name."""

Value = str | int | float | bool | list[Any]


@dataclass(frozen=True)
class Step:
    """One verb with its options.

    Attributes
    ----------
    verb : one of :data:`VERBS`.
    words : what follows the verb on the command line, without ``--work``.
    makes : keys (``kind/name``) of the artefacts it leaves.
    needs : keys of the artefacts it reads. Those no step makes must be in the workspace already.
    choices : every option that decides what is made, defaults included.
    """

    verb: str
    words: tuple[str, ...]
    makes: tuple[str, ...]
    needs: tuple[str, ...]
    choices: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For people and log files: the verb and the first thing it makes."""
        return f"{self.verb} {self.makes[0].partition('/')[2]}"


def make_step(verb: str, values: Mapping[str, Value], where: str) -> Step:
    """Check a step's values against its verb.

    Parameters
    ----------
    values : by the names of the verb's arguments and of its options without dashes.
    where : the place in the recipe, for messages.

    Raises
    ------
    InputError
        If the verb or a name is unknown (the sentence offers the nearest one), a value is of the
        wrong kind, or an argument is missing.
    """
    words = words_of(verb, values, where)
    params = _parsed(verb, words, where)
    makes, needs = _artefacts(verb, params)
    _check_names(params, where)
    return Step(verb, tuple(words), makes, needs, choices_of(verb, params))


def words_of(verb: str, values: Mapping[str, Value], where: str) -> list[str]:
    """The command line of `values`: options in their order, then arguments."""
    if verb not in VERBS:
        raise InputError(f"{where}: {unknown('verb', verb, VERBS)}")
    arguments, options = {}, {}
    for parameter in load_verb(verb).params:
        if parameter.param_type_name == "argument":
            arguments[str(parameter.name)] = parameter
            continue
        for text in (*parameter.opts, *parameter.secondary_opts):
            options[text.lstrip("-")] = (text, parameter)
    words, given = [], []
    for key, value in values.items():
        if key in arguments:
            given += _texts(value)
        elif key in options and key not in ("work", "help", "json"):
            text, parameter = options[key]
            words += _option(text, parameter, value, f"{where}: {key}")
        else:
            known = [*arguments, *options]
            raise InputError(f"{where}: {unknown(f'option of `{verb}`', key, known)}")
    return [*words, *given]


def _option(text: str, parameter: Any, value: Value, where: str) -> list[str]:
    if parameter.is_flag:
        if not isinstance(value, bool):
            raise InputError(f"{where} is a switch: it is true or false, not {value!r}.")
        opposites = parameter.secondary_opts if text in parameter.opts else parameter.opts
        return [text] if value else opposites[:1]
    if isinstance(value, bool):
        raise InputError(f"{where} takes a value, not {str(value).lower()}.")
    if parameter.multiple:
        return [word for one in _texts(value) for word in (text, one)]
    if isinstance(value, list):
        raise InputError(f"{where} takes one value, not {len(value)}.")
    return [text, str(value)]


def _texts(value: Value) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _parsed(verb: str, words: Sequence[str], where: str) -> dict[str, Any]:
    """The verb's parameters by name, as it would see them."""
    try:
        context = load_verb(verb).make_context(verb, list(words))
    except Exception as error:
        # Typer carries a copy of click of its own, whose errors are no relatives of click's.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        raise InputError(f"{where}: {message()}") from error
    return dict(context.params)


def choices_of(verb: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What of a verb's parameters decides the result, as JSON-like values by name."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in ((n, _plain(v)) for n, v in params.items())
        if name.removeprefix("as_") not in _OF_THE_RUN and name not in ("source", "share")
    }


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, Path) else value


def choices_of_command(words: Sequence[str]) -> dict[str, Any] | None:
    """Choices of a command an artefact's manifest records; None if it is no such command now."""
    if len(words) < 2 or words[1] not in VERBS:
        return None
    try:
        return choices_of(words[1], _parsed(words[1], words[2:], "manifest"))
    except InputError:
        return None


def _artefacts(verb: str, params: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a verb makes and needs."""
    name = params.get("name")
    if verb == "align":
        return (f"faces/{name}",), ()
    if verb == "map":
        return tuple(f"codes/{name}-r{radius}" for radius in params["radius"]), (f"faces/{name}",)
    if verb in ("pretrain", "finetune"):
        needs = [f"faces/{one}" for one in params["sets"]]
        representation = Representation.parse(params["rep"])
        if representation.mapped:
            needs += [f"codes/{one}-r{representation.radius}" for one in params["sets"]]
        # An input that is not given yet, a file, stands between angle brackets.
        if params["init"] and not params["init"].endswith((*_FILES, ">")):
            needs.append(f"models/{params['init']}")
        return (f"models/{name}",), tuple(needs)
    if verb == "ensemble":
        members = [part.strip() for text in params["members"] for part in text.split(",")]
        return (f"bundles/{name}",), tuple(f"models/{member}" for member in members if member)
    parts = [
        params["bundle"],
        "on",
        params["data"],
        *([params["split"]] if params["split"] else []),
    ]
    return (f"evaluations/{'-'.join(parts)}",), (
        f"bundles/{params['bundle']}",
        f"faces/{params['data']}",
    )


def _check_names(params: Mapping[str, Any], where: str) -> None:
    """Refuse nets that no registry knows before hours are spent on what comes before them."""
    import importlib.util

    if "net" in params and importlib.util.find_spec("torch"):
        from emotiw_cli.nets.registry import find_net

        try:
            find_net(params["net"])
        except InputError as error:
            raise InputError(f"{where}: {error}") from error


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest of the names there are."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}."
    return f"{name!r} is not the name of any {what}; {hint}"
