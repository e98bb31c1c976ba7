"""Counts over index rows, for summaries and manifests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from emotiw_cli.data.index import OK, FaceRow
from emotiw_cli.emotions import EMOTIONS

UNLABELLED = "unlabelled"


class Tally:
    """Counts rows by status, and those with a face by split and label."""

    def __init__(self) -> None:
        self._status: Counter[str] = Counter()
        self._splits: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._groups: set[str] = set()

    def add(self, rows: Iterable[FaceRow]) -> None:
        """Count `rows`."""
        for row in rows:
            self._status[row.status] += 1
            if row.status == OK:
                self._splits[row.split] += 1
                self._labels[row.label] += 1
                if row.group:
                    self._groups.add(row.group)

    def counts(self) -> dict[str, Any]:
        """``inputs``, ``faces``, ``status`` and, where there are any, ``split``, ``label`` or
        ``identities``, ``groups``.
        """
        counts: dict[str, Any] = {
            "inputs": self._status.total(),
            "faces": self._status[OK],
            "status": dict(sorted(self._status.items())),
        }
        if set(self._splits) - {""}:
            counts["split"] = _named(self._splits, "none")
        labels = set(self._labels) - {""}
        if labels and labels <= set(EMOTIONS):
            counts["label"] = _named(self._labels, UNLABELLED)
        elif labels:
            counts["identities"] = len(labels)
        if self._groups and "identities" not in counts:
            counts["groups"] = len(self._groups)
        return counts


def _named(counter: Counter[str], blank: str) -> dict[str, int]:
    return {name or blank: count for name, count in sorted(counter.items())}
