"""Read other tubes with a module that was trained on some."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, open_artefact
from emotiw_cli.clips.known import trained_on
from emotiw_cli.clips.load_module import find_origin, load_module
from emotiw_cli.clips.make_module import Advance, check_fit
from emotiw_cli.clips.module_maker import make_module
from emotiw_cli.clips.modules import KIND, Outputs
from emotiw_cli.clips.system import read_clip
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.errors import InputError


def apply_module(
    work: Path,
    module: str,
    tubes: str,
    name: str,
    *,
    overwrite: bool = False,
    advance: Advance = lambda done, total: None,
) -> Artefact:
    """Read the clips of tubes with a module made of others; ``WORK/modules/NAME`` gets what it says
    of them. A fused module reads them with each module it fuses.

    Parameters
    ----------
    module : of the workspace.
    advance : is told clips done and all clips.

    Raises
    ------
    ArtefactError
        If module, what it is made of, or tubes are missing, or `name` is another module already.
    InputError
        If the module was made of these very tubes.
    """
    store = TubeStore.open(work, tubes)
    origin = find_origin(work, module)
    made_from = open_artefact(work, KIND, module)
    if any(
        entry["digest"] == store.artefact.digest
        for one in (made_from, origin.artefact)
        for entry in one.manifest["inputs"]
    ):
        raise InputError(
            f"{made_from.folder} was made of {store.artefact.folder} and holds what it says of "
            "its clips; apply it to other tubes."
        )
    read = load_module(origin, work)
    check_fit(store, read)

    def make(folder: Path) -> tuple[Outputs, list[str]]:
        spoken = []
        for done, row in enumerate(store.rows):
            spoken.append(read_clip(read, store.clip(row)).posterior)
            advance(done + 1, len(store.rows))
        return Outputs.of(store.rows, np.stack(spoken)), []

    parameters = {"module": origin.part.kind, "applied": module}
    sources = [store.artefact, made_from]
    return make_module(
        *(work, name, parameters, sources, make, 0, overwrite), seen=lambda: trained_on(store)
    )
