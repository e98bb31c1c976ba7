from __future__ import annotations

import numpy as np
import pytest

from emotiw_cli.data.index import FaceRow
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.training.finetune import emotion_task


class Rows:
    """What `emotion_task` asks of a set of faces."""

    def __init__(self, *rows: FaceRow) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, place: int) -> FaceRow:
        return self.rows[place]

    def leak_key(self, place: int) -> str:
        return self.rows[place].group


VOTED = FaceRow(
    0,
    "a.png",
    split="train",
    label="neutral",
    source_label="sad",
    votes=(0, 0, 0, 0, 6, 4, 0),
    pixels="a",
)
LABELLED = FaceRow(1, "b.png", split="train", label="happy", pixels="b")
HELD = FaceRow(2, "c.png", split="validation", label="fear", source_label="sad", pixels="c")


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, [0, 0, 0, 0, 0.6, 0.4, 0]),
        (0.5, [0, 0, 0, 0, 0.3, 0.7, 0]),
        (1.0, [0, 0, 0, 0, 0.0, 1.0, 0]),
    ],
)
def test_the_earlier_label_counts_for_its_share(share: float, expected: list[float]) -> None:
    task = emotion_task(Rows(VOTED, LABELLED, HELD), hard=False, source_share=share)  # type: ignore[arg-type]
    np.testing.assert_allclose(task.targets, [expected, np.eye(7)[3]])
    assert task.validation == [2]


def test_an_earlier_label_that_is_no_emotion_counts_for_nothing() -> None:
    known = emotion_task(
        Rows(FaceRow(0, "a.png", split="train", label="sad", source_label="bored", pixels="a")),  # type: ignore[arg-type]
        hard=False,
        source_share=0.5,
    )
    np.testing.assert_allclose(known.targets, [np.eye(7)[EMOTIONS.index("sad")]])


def test_source_share_is_part_of_the_plan() -> None:
    rows = Rows(VOTED, LABELLED, HELD)
    assert emotion_task(rows, hard=False).options == {}  # type: ignore[arg-type]
    assert emotion_task(rows, hard=False, source_share=0.3).options == {"source_share": 0.3}  # type: ignore[arg-type]
