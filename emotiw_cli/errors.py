"""The errors a user can meet. Each is one sentence that names the file and the remedy.

They are raised where the trouble is found and caught once, in :mod:`emotiw_cli.app`, which prints
the sentence and leaves with the class's exit code. Anything else that escapes is a bug.
"""

from __future__ import annotations


class EmotiwError(Exception):
    """Base of every error meant for a user's eyes."""

    exit_code = 1


class InputError(EmotiwError):
    """What was given is missing, unreadable, or not laid out as any known set."""

    exit_code = 3


class ArtefactError(EmotiwError):
    """An artefact of an earlier stage is missing, stale, half-written or of the wrong kind."""

    exit_code = 4


class LeakError(EmotiwError):
    """Faces or identities seen in training would be used to measure."""

    exit_code = 5


class OutputError(EmotiwError):
    """The output cannot be written: read-only folder, full disk, name too long."""

    exit_code = 6


class BusyError(EmotiwError):
    """Another run holds the artefact."""

    exit_code = 7


class TamperedError(EmotiwError):
    """A file is not the one its recorded SHA-256 names."""

    exit_code = 8


class MissingDependencyError(EmotiwError):
    """A verb needs an extra that is not installed."""

    exit_code = 9


INTERRUPTED = 130
EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "a fault in emotiw itself",
    2: "wrong usage: unknown option, missing argument",
    3: "input missing or unreadable (`predict`: not one input could be read)",
    4: "an artefact of an earlier stage is missing, stale, half-written or of another kind",
    5: "refused: faces or identities seen in training would be used to measure",
    6: "output cannot be written",
    7: "another run is writing the same artefact",
    8: "a file is not the one its SHA-256 names",
    9: "an extra such as emotiw[train] is not installed",
    130: "interrupted; running the same command again goes on from there",
}
