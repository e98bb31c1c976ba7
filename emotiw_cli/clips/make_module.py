"""Modules made of tubes: faces over time, the voice, and what fuses them.

After Kahou et al. 2016 (EmoNets, doi:10.1007/s12193-015-0195-2): the posteriors of a clip's faces
become one row, of ten segments, which a support vector machine reads. What a module says of the
clips it was trained on is said by fits without them: what is fused must not be too good to be true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emotiw_cli.artefact import Artefact, bundle_reference, open_artefact
from emotiw_cli.bundle.load import DEFAULT, load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.schema import SPEC as STILL_SPEC
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.clips.aggregate import frame_mean, segment_means
from emotiw_cli.clips.bundle import SPEC as CLIP_SPEC
from emotiw_cli.clips.bundle import find_clip_bundle, load_clip_bundle
from emotiw_cli.clips.fuse import fit_fusion
from emotiw_cli.clips.fusion import Method
from emotiw_cli.clips.known import trained_on
from emotiw_cli.clips.module_maker import crossed, machine, make_module, write_model
from emotiw_cli.clips.modules import Outputs, open_module
from emotiw_cli.clips.system import VoiceModule, read_clip
from emotiw_cli.clips.tube_store import TubeStore
from emotiw_cli.clips.voice.run import read_voice, voice_file
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.ensemble.search import DRAWS
from emotiw_cli.errors import ArtefactError, InputError

Aggregate = Literal["segments", "mean"]
Advance = Callable[[int, int], None]

C, GAMMA = 18.1, 1 / 70
"""Of the machine on ten segments, as published."""


def make_faces_module(
    work: Path,
    tubes: str,
    name: str,
    *,
    bundle: str = DEFAULT,
    aggregate: Aggregate = "segments",
    c: float = C,
    gamma: float = GAMMA,
    seed: int = 0,
    overwrite: bool = False,
    advance: Advance = lambda done, total: None,
) -> Artefact:
    """Read the faces of tubes with a still bundle, and train a machine on their segments.

    Parameters
    ----------
    tubes : of the workspace.
    bundle : reads the faces; they must be of the size it wants.
    aggregate : ``segments``: ten of them, and a machine trained on the split ``train``; ``mean``:
        the mean over all faces, and nothing is trained.
    c, gamma : of the machine.
    advance : is told clips done and all clips.

    Raises
    ------
    ArtefactError
        If the tubes are missing or made for other bundles, or `name` is another module already.
    InputError
        If there is nothing to train on.
    """
    store = TubeStore.open(work, tubes)
    reader = load_bundle(bundle, work=work)
    check_size(store, reader)
    parameters: dict[str, Any] = {
        "module": "faces",
        "bundle": reader.spec.name,
        "aggregate": aggregate,
    }
    if aggregate == "segments":
        parameters |= {"c": c, "gamma": gamma}

    def make(folder: Path) -> tuple[Outputs, list[str]]:
        nothing = np.full(len(EMOTIONS), np.nan)
        means, segments = [], []
        for done, row in enumerate(store.rows):
            posteriors = (
                reader.posteriors(list(store.clip(row).faces)) if row.crops else nothing[None]
            )
            means.append(frame_mean(posteriors))
            segments.append(segment_means(posteriors))
            advance(done + 1, len(store.rows))
        outputs = Outputs.of(store.rows, np.stack(means))
        if aggregate == "mean":
            return outputs, []
        features = np.stack(segments)
        there = np.isfinite(features).all(axis=1)
        fit = machine(c, gamma, seed)
        fitted, spoken = crossed(features, outputs, there, fit, seed)
        return Outputs.of(store.rows, spoken), [write_model(folder, fitted)]

    read_with = bundle_reference(reader.folder / STILL_SPEC)
    return make_module(
        *(work, name, parameters, [store.artefact], make, seed, overwrite),
        seen=lambda: trained_on(store),
        beside=[read_with],
    )


def check_size(store: TubeStore, bundle: Bundle) -> None:
    """:class:`ArtefactError` if the faces of tubes are not what a still bundle reads."""
    if (store.size, store.detail) != (bundle.spec.face_size, bundle.spec.detail):
        width, height = bundle.spec.face_size
        raise ArtefactError(
            f"{store.artefact.folder} holds faces of another size than the bundle "
            f"{bundle.spec.name} reads; make tubes with --size {width}x{height}"
            + (f" --detail {bundle.spec.detail}." if bundle.spec.detail else ".")
        )


def make_voice_module(
    work: Path,
    tubes: str,
    name: str,
    *,
    voice: str = DEFAULT,
    overwrite: bool = False,
    advance: Advance = lambda done, total: None,
) -> Artefact:
    """Read the sound of tubes with a voice module of the workspace, or the default bundle's.

    Raises
    ------
    ArtefactError
        If tubes or module are missing, or `name` is another module already.
    """
    store = TubeStore.open(work, tubes)
    sources, read_with = [store.artefact], []
    if voice == DEFAULT:
        model = load_clip_bundle().voice
        assert model is not None
        read_with = [bundle_reference(find_clip_bundle(DEFAULT) / CLIP_SPEC)]
    else:
        module = open_artefact(work, "voices", voice)
        sources.append(module)
        model = read_voice(voice_file(module))

    def make(folder: Path) -> tuple[Outputs, list[str]]:
        rows = []
        for done, row in enumerate(store.rows):
            rows.append(read_clip(VoiceModule(model), store.clip(row)).posterior)
            advance(done + 1, len(store.rows))
        return Outputs.of(store.rows, np.stack(rows)), []

    parameters = {"module": "voice", "voice": voice}
    return make_module(
        *(work, name, parameters, sources, make, 0, overwrite),
        seen=lambda: trained_on(store),
        beside=read_with,
    )


def make_fusion(
    work: Path,
    modules: Sequence[str],
    name: str,
    method: Method,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    c: float | None = None,
    gamma: float | None = None,
    overwrite: bool = False,
) -> Artefact:
    """Fuse the posteriors of modules; what is fitted is fitted to those of the training split, and
    kept as arrays. The manifest names the modules with their digests, in their order.

    Parameters
    ----------
    modules : of the workspace, made from the same tubes.
    method, draws, c, gamma : see :func:`emotiw_cli.clips.fuse.fit_fusion`.

    Raises
    ------
    ArtefactError
        If a module is missing, or `name` is another one already.
    InputError
        If the modules read different clips, or there is nothing to fit to.
    """
    opened = [open_module(work, module) for module in modules]
    tubes = {
        source["digest"]: source
        for artefact, _ in opened
        for source in artefact.manifest["inputs"]
        if source["kind"] == "tubes"
    }
    if len(opened) < 2 or len(tubes) != 1:
        raise InputError(
            f"{', '.join(modules)} cannot be fused: name two modules or more, made from the same "
            "tubes."
        )
    posteriors = np.stack([outputs.posteriors for _, outputs in opened])
    first = opened[0][1]

    def make(folder: Path) -> tuple[Outputs, list[str]]:
        # Clips as rows, modules' posteriors in them, so that one way of crossing serves all.
        features = posteriors.transpose(1, 0, 2)
        everything = np.ones(len(first.labels), dtype=bool)

        def fit(
            rows: np.ndarray, labels: np.ndarray
        ) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, np.ndarray]]:
            given = rows.transpose(1, 0, 2)
            fusion = fit_fusion(method, given, labels, seed=seed, draws=draws, c=c, gamma=gamma)
            return lambda other: fusion.posteriors(other.transpose(1, 0, 2)), fusion.arrays()

        arrays, fused = crossed(features, first, everything, fit, seed)
        made = Outputs(fused, first.labels, first.splits, first.groups)
        return made, [write_model(folder, arrays)]

    parameters: dict[str, Any] = {"module": "fused", "method": method, "modules": list(modules)}
    if method == "random-search":
        parameters["draws"] = draws
    if method == "svm":
        parameters |= {"c": c, "gamma": gamma}
    sources = [artefact for artefact, _ in opened]
    (behind,) = tubes.values()
    return make_module(
        *(work, name, parameters, sources, make, seed, overwrite),
        # Their training split is one: they are of the same tubes.
        seen=lambda: Seen.read(sources[0].folder / SEEN),
        beside=[behind],
    )
