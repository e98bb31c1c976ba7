"""Counts over rows."""

from __future__ import annotations

from emotiw_cli.data.index import FaceRow
from emotiw_cli.data.tally import Tally


def test_faces_are_counted_by_split_and_label_the_rest_by_status() -> None:
    tally = Tally()
    tally.add(
        [
            FaceRow(0, "a", split="train", label="happy", group="S1"),
            FaceRow(1, "b", split="train", label="", group="S1"),
            FaceRow(2, "c", split="", label="sad", group="S2"),
        ]
    )
    tally.add([FaceRow(3, "d", status="no_face", split="train", label="sad", group="S3")])
    assert tally.counts() == {
        "inputs": 4,
        "faces": 3,
        "status": {"no_face": 1, "ok": 3},
        "split": {"none": 1, "train": 2},
        "label": {"unlabelled": 1, "happy": 1, "sad": 1},
        "groups": 2,
    }


def test_identities_are_counted_not_listed() -> None:
    tally = Tally()
    tally.add([FaceRow(n, f"{n}", label=f"p{n % 3}", group=f"p{n % 3}") for n in range(9)])
    assert tally.counts() == {
        "inputs": 9,
        "faces": 9,
        "status": {"ok": 9},
        "identities": 3,
    }


def test_no_rows_no_counts() -> None:
    assert Tally().counts() == {"inputs": 0, "faces": 0, "status": {}}
