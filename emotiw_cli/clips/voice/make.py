"""From labelled speech to a voice module on disk: an artefact with its net and its figures."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emotiw_cli.artefact import (
    MANIFEST,
    Artefact,
    exclusive,
    folder_of,
    landing,
    landing_file,
    open_artefact,
    write_manifest,
)
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.clips.digest import digest_of
from emotiw_cli.clips.made_clip import as_stored
from emotiw_cli.clips.voice.elsewhere import copies_elsewhere
from emotiw_cli.clips.voice.features import COUNT, features
from emotiw_cli.clips.voice.heard import heard, windows_heard
from emotiw_cli.clips.voice.linear import LinearVoice, fit_linear
from emotiw_cli.clips.voice.mixed_nets import MixedNets
from emotiw_cli.clips.voice.run import ARRAYS, LEAST_WINDOWS, NET, read_voice
from emotiw_cli.clips.voice.speech import Utterance, find_speech, read_utterances
from emotiw_cli.data.index import leak_key
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.evaluation.intervals import Tally, group_numbers, interval, resampled_sums
from emotiw_cli.evaluation.metrics import CLASSES

if TYPE_CHECKING:
    from emotiw_cli.clips.voice.train import Voice

Variant = Literal["linear", "dbn", "dbn-functionals"]

KIND = "voices"
TOLERANCE = 1e-4


def make_voice(
    work: Path,
    source: Path,
    name: str,
    *,
    variant: Variant = "linear",
    elsewhere: int = 0,
    epochs: int = 100,
    seed: int = 0,
    held_out: Sequence[str] = (),
    licence: str = "",
    overwrite: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Artefact:
    """Train a voice module and write it as ``WORK/voices/NAME``.

    A run that was killed leaves nothing and begins again; one whose work is done finds that out.

    Parameters
    ----------
    source : see :func:`emotiw_cli.clips.voice.speech.find_speech`.
    variant : ``linear``; ``dbn``, the net of EmoNets; or ``dbn-functionals``, such nets on the
        functionals of clips and nets on their pieces. The latter two need torch.
    epochs : of ``dbn``.
    elsewhere : of the others, see :func:`emotiw_cli.clips.voice.heard.heard`.
    held_out : subjects the module is measured on and not trained on; at least one.
    licence : what the speech allows, for the manifest.

    Raises
    ------
    InputError
        If the source is not usable, or a subject to hold out is not in it.
    ArtefactError
        If `name` is another module already.
    """
    folder = folder_of(work, KIND, name)
    utterances, left_out = find_speech(source)
    subjects = {utterance.subject for utterance in utterances}
    unknown = sorted(set(held_out) - subjects)
    if unknown or not held_out or set(held_out) >= subjects:
        told = ", ".join(sorted(subjects)[:30]) or "none"
        raise InputError(
            f"{source}: hold out some of its subjects, not all and none else (there are: {told})."
        )
    parameters: dict[str, Any] = {"variant": variant, "held_out": sorted(held_out), "seed": seed}
    if variant == "dbn":
        parameters["epochs"] = epochs
    elif elsewhere:
        parameters["elsewhere"] = elsewhere
    listing = _listing(source, utterances)
    with exclusive(folder):
        if (folder / MANIFEST).is_file() and not overwrite:
            made = open_artefact(work, KIND, name)
            same = made.manifest["parameters"] == parameters
            if same and made.manifest["inputs"] == [listing]:
                return made
            raise ArtefactError(
                f"{folder} was made with other parameters or from other speech; choose another "
                "--name, or start again with --overwrite."
            )
        (folder / MANIFEST).unlink(missing_ok=True)
        sounds = list(read_utterances(utterances))
        clips = [features(sound) for sound in sounds]
        for utterance, clip in zip(utterances, clips, strict=True):
            if len(clip) < LEAST_WINDOWS:
                raise InputError(f"{utterance.file} is silent or too short: leave it out.")
        labels = np.array([utterance.label for utterance in utterances])
        who = np.array([utterance.subject for utterance in utterances])
        test = np.isin(who, list(held_out))
        train = np.flatnonzero(~test)
        if variant == "dbn":
            from emotiw_cli.clips.voice.train import train_dbn

            file = NET
            own = [clips[row] for row in train]
            export(train_dbn(own, labels[train], epochs=epochs, seed=seed, say=say), folder / file)
        else:
            file = ARRAYS
            spoken = [sounds[row] for row in train]
            copies = heard(spoken, elsewhere=elsewhere, seed=seed, say=say)
            fitted: LinearVoice | MixedNets
            if variant == "linear":
                whose = who[train].tolist()
                standard = len(copies) if elsewhere else 1
                fitted = fit_linear(
                    copies, labels[train], whose, standard=standard, seed=seed, say=say
                )
            else:
                from emotiw_cli.clips.voice.train_context import train_context_nets
                from emotiw_cli.clips.voice.train_functionals import train_functional_nets

                own = [clips[row] for row in train]
                windows = windows_heard(own, spoken, elsewhere=elsewhere, seed=seed)
                fitted = MixedNets(
                    train_functional_nets(copies, labels[train], seed=seed, say=say),
                    train_context_nets(windows, labels[train], seed=seed, say=say),
                )
            with landing_file(folder / file) as target:
                np.savez(target, allow_pickle=False, **fitted.arrays())
        _seen(source, [utterances[row] for row in train], [sounds[row] for row in train]).write(
            folder / SEEN
        )
        # What is measured is what will be used.
        model = read_voice(folder / file)
        posteriors = np.stack([model.of_windows(clips[row]) for row in np.flatnonzero(test)])
        metrics = measured(posteriors, labels[test], who[test])
        # The copy of a number that training has not: other speakers, and other rooms.
        own = [sounds[row] for row in np.flatnonzero(test)]
        copies = [features(copy) for copy in copies_elsewhere(own, elsewhere, seed)]
        posteriors = np.stack([model.of_windows(copy) for copy in copies])
        metrics["elsewhere"] = measured(posteriors, labels[test], who[test])
        return write_manifest(
            folder,
            KIND,
            parameters=parameters,
            inputs=[listing],
            outputs=[file, SEEN],
            counts={
                "training": int((~test).sum()),
                "validation": int(test.sum()),
                "left_out": dict(left_out),
            },
            metrics=metrics,
            seed=seed,
            licences=[licence] if licence else [],
        )


def _seen(source: Path, utterances: Sequence[Utterance], sounds: Sequence[np.ndarray]) -> Seen:
    """What is trained on, as clips are known: by their sound as tubes hold it, and by subject."""
    found = digest_numbers(digest_of(as_stored(sound)) for sound in sounds)
    keys = {leak_key(Path(source.name).stem, one.subject) for one in utterances if one.subject}
    return Seen(np.unique(found[found > 0]), frozenset(keys), np.zeros(0, np.uint64))


def measured(posteriors: np.ndarray, labels: np.ndarray, subjects: np.ndarray) -> dict[str, Any]:
    """Accuracy and unweighted average recall with 95 % bootstrap intervals over subjects."""
    sums = Tally(posteriors, labels).parts
    groups = group_numbers(subjects)
    draws = resampled_sums(sums, groups)

    def accuracy(values: np.ndarray) -> np.ndarray:
        confusion = Tally.confusion(values)[..., :CLASSES]
        return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))

    def recall(values: np.ndarray) -> np.ndarray:
        confusion = Tally.confusion(values)[..., :CLASSES]
        counts = confusion.sum(axis=-1)
        right = np.diagonal(confusion, axis1=-2, axis2=-1)
        shares = np.divide(right, counts, out=np.full(right.shape, np.nan), where=counts > 0)
        return np.nanmean(shares, axis=-1)

    whole = sums.sum(axis=0)
    confusion = Tally.confusion(whole)[:, :CLASSES]
    counts = confusion.sum(axis=1)
    return {
        "accuracy": interval(float(accuracy(whole)), accuracy(draws)).to_json(),
        "mean_recall": interval(float(recall(whole)), recall(draws)).to_json(),
        "recalls": {
            emotion: round(float(confusion[place, place] / counts[place]), 4)
            for place, emotion in enumerate(EMOTIONS)
            if counts[place]
        },
    }


def export(voice: Voice, path: Path) -> float:
    """Write a module as ONNX: ``input`` (1, T, 141) float32 → ``logits`` (1, 7).

    Returns
    -------
    Largest difference of a posterior between torch and ONNX Runtime on random input.
    """
    import onnxruntime
    import torch

    voice = voice.cpu().eval()
    example = torch.randn((1, 60, COUNT), generator=torch.Generator().manual_seed(0)) * 3
    with landing(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                voice,
                (example,),
                str(temporary),
                input_names=["input"],
                output_names=["logits"],
                dynamic_axes={"input": {1: "t"}},
                opset_version=17,
                dynamo=False,
            )
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        worst = 0.0
        for length in (16, 60, 203):
            windows = torch.randn((1, length, COUNT)) * 3
            (logits,) = session.run(["logits"], {"input": windows.numpy()})
            with torch.no_grad():
                expected = voice(windows).softmax(1)
            got = torch.from_numpy(logits).softmax(1)
            worst = max(worst, float((got - expected).abs().max()))
        if worst > TOLERANCE:
            raise AssertionError(f"ONNX differs from torch by {worst:.2e}")
    return worst


def _listing(source: Path, utterances: Sequence[Utterance]) -> dict[str, str]:
    digest = hashlib.sha256()
    base = source if source.is_dir() else source.parent
    for utterance in utterances:
        name = utterance.file.relative_to(base).as_posix()
        try:
            size = utterance.file.stat().st_size
        except OSError as error:
            raise InputError(
                f"{utterance.file} is listed but cannot be read ({error.strerror}); mend the csv "
                "or copy the file."
            ) from error
        digest.update(f"{name}\t{size}\t{utterance.label}\t{utterance.subject}\n".encode())
    return {"kind": "speech", "name": source.name, "digest": digest.hexdigest()}
