"""Read other tubes with a module that was trained on some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from emotiw_cli.artefact import Artefact, check_fresh, open_artefact
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.clips.activity import Activity
from emotiw_cli.clips.aggregate import segment_means
from emotiw_cli.clips.make_module import Advance, reader_of
from emotiw_cli.clips.module_maker import MODEL, make_module
from emotiw_cli.clips.modules import KIND, Outputs
from emotiw_cli.clips.mouths import Mouths
from emotiw_cli.clips.svm import Svm
from emotiw_cli.clips.tube_maker import MadeClip
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError

Read = Callable[[MadeClip], np.ndarray]
"""A clip with faces → its posterior (7,) float64."""


def apply_module(
    work: Path,
    module: str,
    tubes: str,
    name: str,
    *,
    overwrite: bool = False,
    advance: Advance = lambda done, total: None,
) -> Artefact:
    """Read the clips of tubes with a module trained on others; ``WORK/modules/NAME`` gets what it
    says of them.

    Parameters
    ----------
    module : of the workspace, of faces with a machine, of mouths or of activity.
    advance : is told clips done and all clips.

    Raises
    ------
    ArtefactError
        If module or tubes are missing, or `name` is another module already.
    InputError
        If the module has nothing that was trained, or was trained on these very tubes.
    """
    store = TubeStore.open(work, tubes)
    trained = open_artefact(work, KIND, module)
    check_fresh(trained, work)
    if any(one["digest"] == store.artefact.digest for one in trained.manifest["inputs"]):
        raise InputError(
            f"{trained.folder} was trained on {store.artefact.folder} and holds what it says of "
            "its clips; apply it to other tubes."
        )
    read = _reader(trained, store, work)

    def make(folder: Path) -> tuple[Outputs, list[str]]:
        spoken = np.full((len(store.rows), len(EMOTIONS)), np.nan)
        for place, row in enumerate(store.rows):
            if row.crops:
                spoken[place] = read(store.clip(row))
            advance(place + 1, len(store.rows))
        return Outputs.of(store.rows, spoken), []

    parameters = {"module": trained.manifest["parameters"]["module"], "applied": module}
    sources = [store.artefact, trained]
    return make_module(work, name, parameters, sources, make, 0, overwrite)


def _reader(trained: Artefact, store: TubeStore, work: Path) -> Read:
    parameters, path = trained.manifest["parameters"], trained.folder / MODEL
    kind = parameters.get("module")
    if MODEL not in trained.manifest["outputs"]:
        raise InputError(
            f"{trained.folder} has nothing that was trained on tubes; give a module of mouths, of "
            "activity, or of faces with --aggregate segments."
        )
    arrays = read_arrays(path)
    if kind == "mouths":
        mouths = Mouths.from_arrays(arrays, str(path))
        return lambda clip: mouths.posterior(clip.crops)
    if kind == "activity":
        activity = Activity.from_arrays(arrays, str(path))
        return lambda clip: activity.posterior(clip.crops, clip.tube)
    if kind != "faces":
        raise ArtefactError(f"{trained.folder} is a module of an unknown kind, {kind}.")
    bundle, machine = (
        reader_of(store, parameters["bundle"], work),
        Svm.from_arrays(arrays, str(path)),
    )

    def of_faces(clip: MadeClip) -> np.ndarray:
        segments = segment_means(bundle.posteriors(list(clip.faces)))
        return np.asarray(machine.posteriors(segments[None], len(EMOTIONS))[0])

    return of_faces
