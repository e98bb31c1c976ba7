"""Which pictures of a set say little, because a bundle's members know them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.data.index import FaceRow, leak_key

_NAMED = 5


@dataclass(frozen=True)
class Exposure:
    """How far a bundle knows the rows it is measured on.

    Attributes
    ----------
    trained : places of the rows whose picture, or whose subject, members were trained on.
    chosen : places of those whose picture the members were stopped on and weighed by.
    """

    trained: list[int]
    chosen: list[int]


def find_exposure(rows: Sequence[FaceRow], seen: Seen, set_name: str = "") -> Exposure:
    """Which of `rows`, of the set `set_name`, show pictures or subjects that `seen` names.

    Bundles made before leak keys named their set name subjects alone, of whatever set.
    """
    digests = digest_numbers(row.pixels for row in rows)
    known = np.array([bool(row.pixels) for row in rows], dtype=bool)
    trained = known & np.isin(digests, seen.pixels)
    trained |= np.array(
        [not seen.groups.isdisjoint({leak_key(set_name, row.group), row.group}) for row in rows],
        dtype=bool,
    )
    chosen = known & np.isin(digests, seen.chosen)
    return Exposure(np.flatnonzero(trained).tolist(), np.flatnonzero(chosen).tolist())


def refusal(
    who: str, things: str, data: str, rows: Sequence[FaceRow], exposure: Exposure, splits: Set[str]
) -> str:
    """The sentence that refuses to measure on what was trained on.

    Parameters
    ----------
    who : knows `things`, pictures or clips, of `data`.
    splits : that could be chosen instead; those with something known are not advised.
    """
    known = [rows[place] for place in exposure.trained]
    others = sorted(splits - {"", "train"} - {row.split for row in known})
    choice = f"choose --split {others[-1]}, or " if others else ""
    named = ", ".join(row.path for row in known[:_NAMED]) + (", …" if len(known) > _NAMED else "")
    return (
        f"{who} trained on {len(known)} of these {len(rows)} {things} of {data} or on their "
        f"subjects ({named}), so figures would be too good; {choice}add --allow-seen to measure "
        "all the same."
    )
