"""What a verb takes, read from its own command: no second vocabulary."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from emotiw_cli.app import VERBS, load_verb
from emotiw_cli.errors import InputError

NOT_STEPS = ("recipe", "bundles", "status", "doctor")
"""Verbs that make nothing."""
_NOT_OPTIONS = ("help", "work")


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown name: the nearest one, or all."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}."


@dataclass(frozen=True)
class Verb:
    """A verb, or a verb with its sub-verb: its `words` and its command."""

    words: tuple[str, ...]
    command: Any

    def __str__(self) -> str:
        return " ".join(self.words)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Every name `--help` shows for an option or argument, without dashes → parameter."""
        found: dict[str, Any] = {}
        for parameter in self.command.params:
            names = [*parameter.opts, *parameter.secondary_opts]
            if parameter.param_type_name == "argument":
                names = [parameter.name.replace("_", "-")]
            found |= {name.lstrip("-"): parameter for name in names}
        return {name: one for name, one in found.items() if one.name not in _NOT_OPTIONS}

    def turned(self, key: str) -> bool:
        """Whether `key` is the name that turns a flag off (``no-detect``)."""
        return f"--{key}" in self.parameters[key].secondary_opts

    def many(self, key: str) -> bool:
        """Whether the parameter takes several values."""
        one = self.parameters[key]
        return bool(getattr(one, "multiple", False) or one.nargs == -1)

    def arguments(self, values: Mapping[str, Any]) -> list[str]:
        """The words of the command line for values by the parameter's own name."""
        places: list[str] = []
        options: list[str] = []
        for parameter in self.command.params:
            if parameter.name not in values:
                continue
            value = values[parameter.name]
            listed = value if isinstance(value, list) else [value]
            if parameter.param_type_name == "argument":
                places += map(str, listed)
            elif getattr(parameter, "is_flag", False):
                options += [parameter.opts[0]] if value else parameter.secondary_opts[:1]
            else:
                for one in listed:
                    options += [parameter.opts[0], str(one)]
        return [*places, *options]

    def parse(self, words: Iterable[str]) -> dict[str, Any]:
        """The parameters that a command line stands for, as the verb reads it.

        Raises
        ------
        InputError
            If the verb refuses it; its `parameter` attribute names the one at fault, if known.
        """
        try:
            return dict(self.command.make_context(self.words[-1], list(words)).params)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            parameter = getattr(error, "param", None)
            message = error.format_message().rstrip(".") + "."
            refused = InputError(message)
            refused.parameter = parameter.name if parameter else ""  # type: ignore[attr-defined]
            raise refused from error


def find_verb(name: str) -> Any:
    """The verb called `name`, or a dictionary of its sub-verbs by name."""
    known = [verb for verb in VERBS if verb not in NOT_STEPS]
    if name not in known:
        raise InputError(f"{name!r} is not a verb; {nearest(name, known)}")
    command = load_verb(name)
    subs = getattr(command, "commands", None)
    if subs is None:
        return Verb((name,), command)
    return {sub: Verb((name, sub), one) for sub, one in subs.items()}
