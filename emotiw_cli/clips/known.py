"""What clips are known by, whatever their files are called, and which ones tubes train on."""

from __future__ import annotations

import numpy as np

from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.clips.digest import digest_of
from emotiw_cli.clips.index import ClipRow
from emotiw_cli.clips.modules import TRAIN
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.data.index import leak_key


def digests(store: TubeStore, row: ClipRow) -> tuple[str, str]:
    """Digests of a clip's sound and of its first face; see :func:`digest_of` for empty ones.

    Tubes of one clip share the sound and, whether or not every frame was kept, the first face.
    """
    return digest_of(store.sound(row)), digest_of(store.first_crop(row))


def trained_on(store: TubeStore) -> Seen:
    """The clips of tubes that modules are trained on, and who is in them."""
    rows = [row for row in store.rows if row.split == TRAIN and row.label]
    found = digest_numbers(digest for row in rows for digest in digests(store, row))
    return Seen(
        np.unique(found[found > 0]),
        frozenset(leak_key(store.set_name, row.group) for row in rows if row.group),
        np.zeros(0, np.uint64),
    )
