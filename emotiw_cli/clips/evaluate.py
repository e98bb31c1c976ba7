"""Measure what reads clips on tubes: what `evaluate` does with a module or with a clip bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import Artefact, bundle_reference, check_fresh, open_artefact, reference
from emotiw_cli.bundle.fusion import fill_missing
from emotiw_cli.bundle.load import DEFAULT
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips.bundle import (
    find_clip_bundle,
    is_clip_bundle,
    load_clip_bundle,
    verify_clip_bundle,
)
from emotiw_cli.clips.index import ClipRow
from emotiw_cli.clips.known import digests
from emotiw_cli.clips.load_module import find_origin, load_module, seen_by
from emotiw_cli.clips.make_module import check_fit
from emotiw_cli.clips.make_tubes import KIND as TUBES
from emotiw_cli.clips.modules import KIND as MODULES
from emotiw_cli.clips.schema import SPEC
from emotiw_cli.clips.system import Answer, FusedModule, Module, read_clip
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.data.index import FaceRow
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError, LeakError
from emotiw_cli.evaluation.evaluate import Evaluation, nothing_labelled
from emotiw_cli.evaluation.exposure import Exposure, find_exposure, refusal
from emotiw_cli.evaluation.figures import all_figures, label_number
from emotiw_cli.evaluation.report import render_clip_report
from emotiw_cli.evaluation.write import COLUMNS, land_evaluation, prediction_rows

VOICE_ONLY = "voice_only"
MISSING = "no_answer"


@dataclass(frozen=True)
class ClipSystem:
    """What is measured.

    Attributes
    ----------
    name, version, licence : what it is called, and what it allows; a module's version is the
        beginning of its digest.
    module : reads clips.
    seen : what it was trained on, as far as that is recorded.
    recorded : how a manifest refers to it.
    """

    name: str
    version: str
    licence: str
    module: Module
    seen: Seen
    recorded: Mapping[str, str]

    @property
    def kind(self) -> str:
        """``module`` or ``bundle``."""
        return "module" if self.recorded["kind"] == MODULES else "bundle"

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the modules it fuses, or its own."""
        return self.module.names if isinstance(self.module, FusedModule) else (self.name,)


def reads_clips(name: str, data: str, work: Path) -> bool:
    """Whether `evaluate` is asked to measure on clips: `name` is a clip bundle or a module; or a
    bundle that reads both, and `data` are tubes and not faces.
    """
    are_tubes = _is_there(work, TUBES, data) and not _is_there(work, "faces", data)
    if name == DEFAULT:
        return are_tubes
    try:
        folder = find_clip_bundle(name, work)
    except ArtefactError:
        return _is_there(work, MODULES, name)
    return is_clip_bundle(folder) or (are_tubes and (folder / STILL_SPEC).is_file())


def _is_there(work: Path, kind: str, name: str) -> bool:
    return name == Path(name).name and (work / kind / name).is_dir()


def find_system(name: str, work: Path) -> ClipSystem:
    """The clip bundle, the bundle for photos or, if there is none, the module called `name`.

    Raises
    ------
    ArtefactError, TamperedError
        If it cannot be used.
    """
    try:
        folder = find_clip_bundle(name, work)
    except ArtefactError:
        origin = find_origin(work, name)
        module = open_artefact(work, MODULES, name)
        licence = "; ".join(dict.fromkeys(module.manifest["licences"]))
        recorded, seen = reference(module), seen_by(origin, work)
        version = module.digest[:8]
        return ClipSystem(name, version, licence, load_module(origin, work), seen, recorded)
    bundle = load_clip_bundle(folder, work=work)
    spec = verify_clip_bundle(folder) if is_clip_bundle(folder) else bundle.faces.spec
    # A system's bundle has all it has seen; another one that of its voice, where the voice says so.
    places = [folder] if SEEN in spec.files else []
    places += [bundle.faces.folder] if bundle.system is None else []
    seen = Seen.union([Seen.read(place / SEEN) for place in places])
    recorded = bundle_reference(folder / (SPEC if is_clip_bundle(folder) else STILL_SPEC))
    return ClipSystem(spec.name, spec.version, spec.licence, bundle.module, seen, recorded)


def evaluate_clips(
    system: ClipSystem,
    store: TubeStore,
    work: Path,
    *,
    split: str | None = None,
    allow_seen: bool = False,
    seed: int = 0,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Measure on the clips of tubes.

    A labelled clip of which nothing is said counts as wrong in the figures of ``all`` and not in
    those of ``found``. A module that says nothing of one that others answer counts with even odds
    in its own figures.

    Parameters
    ----------
    split : measure on this split alone.
    allow_seen : measure even on clips or subjects that modules were trained on.
    seed : of the bootstrap.
    advance : is told clips done and all clips.

    Raises
    ------
    InputError
        If no clip of the split has a label.
    LeakError
        If modules were trained on these clips or subjects.
    ArtefactError
        If the tubes are stale, or hold faces of another size, or of other frames, than those read.
    """
    check_fresh(store.artefact, work)
    check_fit(store, system.module)
    clips = [row for row in store.rows if split is None or row.split == split]
    if not any(row.label for row in clips):
        raise InputError(nothing_labelled(store.artefact, store.rows, split))
    rows, exposure = _exposed(system, store, clips)
    labels = np.array([label_number(row) for row in rows], dtype=np.int64)
    if exposure.trained and not allow_seen:
        splits = {row.split for row in store.rows} if split is None else set()
        raise LeakError(
            refusal(f"{system.name} was", "clips", store.artefact.name, rows, exposure, splits)
        )
    posteriors = np.full((len(rows), len(EMOTIONS)), np.nan)
    parts = np.full((len(system.parts), *posteriors.shape), np.nan)
    for place, clip in enumerate(clips):
        answer = read_clip(system.module, store.clip(clip))
        if answer.said:
            posteriors[place], parts[:, place] = answer.posterior, fill_missing(answer.parts)
        rows[place] = _with_status(rows[place], clip, answer)
        advance(place + 1, len(clips))
    figures = {
        system.kind: {"name": system.name, "version": system.version},
        "data": {"name": store.artefact.name, "split": split, "digest": store.artefact.digest},
        **all_figures(
            *(system.parts, rows, labels, parts, posteriors, exposure, seed), missing=MISSING
        ),
    }
    return Evaluation(rows, labels, parts, posteriors, exposure, figures)


def write_clip_evaluation(
    folder: Path,
    evaluation: Evaluation,
    system: ClipSystem,
    store: TubeStore,
    parameters: Mapping[str, Any],
) -> Artefact:
    """Write ``metrics.json``, ``predictions.csv``, a row per clip, and ``report.html``.

    `parameters` are the options it was made with; see :func:`land_evaluation`, which also names
    what is raised.
    """
    return land_evaluation(
        folder,
        evaluation.figures,
        (COLUMNS, *prediction_rows(evaluation)),
        system=system.recorded,
        data=store.artefact,
        metrics=evaluation.figures["found"],
        parameters=parameters,
        report=render_clip_report(
            evaluation, system.name, system.version, system.licence, system.parts
        ),
    )


def _exposed(
    system: ClipSystem, store: TubeStore, clips: list[ClipRow]
) -> tuple[list[FaceRow], Exposure]:
    """The clips as rows that are measured on, and which of them the system knows."""
    known = [digests(store, clip) for clip in clips]
    rows, by_face = [], []
    for clip, (sound, face) in zip(clips, known, strict=True):
        named = (clip.row, clip.path, clip.status, clip.split, clip.label)
        rows.append(FaceRow(*named, group=clip.group, pixels=sound or face))
        by_face.append(FaceRow(*named, pixels=face))
    trained = {
        place
        for some in (rows, by_face)
        for place in find_exposure(some, system.seen, store.set_name).trained
    }
    return rows, Exposure(sorted(trained), [])


def _with_status(row: FaceRow, clip: ClipRow, answer: Answer) -> FaceRow:
    alone = answer.heard and not clip.crops
    return replace(row, status=VOICE_ONLY) if alone else row
