"""What verbs show: a progress bar and messages on stderr, a summary or JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

EVERY_SECONDS = 10.0
"""How often a line of progress is written where stderr is no terminal."""


class Progress:
    """How far a verb is; :meth:`update` sets it, calling it advances it."""

    def __init__(self, description: str, total: int | None) -> None:
        self.description = description
        self.total = total
        self.done = 0
        self.text = ""

    def update(self, done: int, total: int | None = None, text: str = "") -> None:
        """Set what is done, and if given what there is to do and a remark."""
        self.done = done
        self.total = total if total is not None else self.total
        self.text = text
        self.show()

    def __call__(self, steps: int = 1) -> None:
        self.update(self.done + steps, text=self.text)

    def show(self) -> None:
        """Show it; the base class is silent."""


class _Lines(Progress):
    def __init__(self, description: str, total: int | None) -> None:
        super().__init__(description, total)
        self._shown = time.monotonic()

    def show(self) -> None:
        now = time.monotonic()
        if now - self._shown >= EVERY_SECONDS:
            self._shown = now
            of = "" if self.total is None else f"/{self.total}"
            say(f"{self.description}: {self.done}{of} {self.text}".rstrip())


class _Bar(Progress):
    def __init__(self, description: str, total: int | None, bar: Any) -> None:
        super().__init__(description, total)
        self._bar = bar
        self._task = bar.add_task(description, total=total, text="")

    def show(self) -> None:
        self._bar.update(self._task, completed=self.done, total=self.total, text=self.text)


@contextlib.contextmanager
def progress(description: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Any]:
    """Show progress on stderr while the block runs: a bar on a terminal, else now and then a line.

    Parameters
    ----------
    total : what there is to do, if known.
    quiet : show nothing.
    """
    if quiet:
        yield Progress(description, total)
        return
    if not sys.stderr.isatty():
        yield _Lines(description, total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(description, total, bar)


def say(message: str) -> None:
    """Write a message for a reader to stderr, above the progress bar if one is shown."""
    print(message, file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """`text` with escapes for what a terminal or file cannot hold."""
    return text.encode(errors="backslashreplace").decode()


@contextlib.contextmanager
def opened(*files: tuple[Callable[[str], Any], str | None]) -> Iterator[list[Any]]:
    """Open each of `files`, an opener and its target, that has a target; yield what they give."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(opener(target)) for opener, target in files if target is not None
        ]


def print_json(content: Any) -> None:
    """Write `content` to stdout as JSON."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def table(title: str, rows: Mapping[str, Any]) -> None:
    """Write a summary of names and values to stdout; what is empty is left out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        text = _value(value)
        if text:
            grid.add_row(name.replace("_", " "), Text(text))
    Console().print(grid)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(part) or '–'}" for name, part in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
