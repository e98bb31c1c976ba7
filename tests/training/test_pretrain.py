"""Identities as classes: which faces are held out, and how much memory many of them take."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from emotiw_cli.data.index import FaceRow
from emotiw_cli.evaluation.metrics import log_loss
from emotiw_cli.training import pretrain
from emotiw_cli.training.pretrain import identity_task


class People:
    """What `identity_task` asks of a set of faces: `each` faces of each of `people`."""

    def __init__(self, people: int, each: int, splits: str = "") -> None:
        self._each = each
        self._count = people * each
        self._split = splits

    def __len__(self) -> int:
        return self._count

    def row(self, place: int) -> FaceRow:
        held = bool(self._split) and place % self._each == 0
        label = f"{place // self._each:05d}"
        return FaceRow(place, f"{place}.png", label=label, split=self._split if held else "")

    def identity(self, place: int) -> str:
        return self.row(place).label


def test_a_tenth_of_each_identity_is_held_out() -> None:
    task = identity_task(People(5, 20), 0)  # type: ignore[arg-type]
    assert [sum(place // 20 == who for place in task.validation) for who in range(5)] == [2] * 5
    assert sorted([*task.training, *task.validation]) == list(range(100))
    assert task.targets.tolist() == [place // 20 for place in task.training]


def test_of_many_identities_a_tenth_of_some_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain, "HELD_OUT_MOST", 7)
    task = identity_task(People(10, 20), 0)  # type: ignore[arg-type]
    by_person = [sum(place // 20 == who for place in task.validation) for who in range(10)]
    assert sorted(by_person) == [0] * 7 + [2] * 3
    assert len(task.classes) == 10
    again = identity_task(People(10, 20), 1)  # type: ignore[arg-type]
    assert again.validation != task.validation


def test_figures_are_of_each_faces_own_identity() -> None:
    task = identity_task(People(2, 3, "validation"), 0)  # type: ignore[arg-type]
    posterior = np.array([[0.8, 0.2], [0.6, 0.4]])
    figures = task.figures(np.hstack([posterior, np.eye(2)]))
    assert figures["accuracy"] == 0.5
    assert figures["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert figures["log_loss"] == pytest.approx(log_loss(posterior, np.eye(2)))


def test_many_people_fit_in_memory() -> None:
    tracemalloc.start()
    task = identity_task(People(800, 2), 0)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(task.classes) == 800
    assert peak < 3e6  # as distributions the targets alone would fill 5 MB
