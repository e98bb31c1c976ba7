"""Composites: labelled clips put together from a face and speech of one emotion, read and fused.

    python benchmarks/composites.py SPEECH FACES… [--per-emotion 32] [--work FOLDER] [--json]

SPEECH is what `emotiw clips train audio` takes, or a zip of it, of 20 subjects or more; FACES are
sets of face crops that `emotiw align` takes, FER+ or CK+ as a zip. Of the faces those are used that
the default bundle was not trained on: of a set with splits the validation faces, else the subjects
that the bundle has not seen. (The bundle's members were stopped on some of them.)

A composite fades, in the first half of its speech, from the average of neutral faces to one face,
which grows and drifts a little. The subjects of the speech are cut in three by their order: a voice
module is trained on the first, composites to train on have the second, those to measure on the
third. The people of the faces, or the pictures where nobody is named, are cut in two likewise. Then
the stages run as a user runs them: tubes, faces, mouths, activity, voice, and every way of fusing,
fitted to the training composites; each way also with the sound, or the faces, taken away at test.
With --work everything is kept in FOLDER, and a run that was killed goes on there.

It proves that the system works together, not how accurate it is in the wild: the faces are stills,
the speech is acted, and all that moves was made to move. Accuracy and mean recall in percent; 95 %
bootstrap intervals over clips, behind which are few speakers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from emotiw_cli.bundle.load import DEFAULT, find_bundle
from emotiw_cli.bundle.schema import SEEN
from emotiw_cli.bundle.seen import Seen, digest_numbers
from emotiw_cli.clips.fuse import fit_fusion
from emotiw_cli.clips.fusion import METHODS
from emotiw_cli.clips.make_activity import make_activity_module
from emotiw_cli.clips.make_module import make_faces_module, make_voice_module
from emotiw_cli.clips.make_mouths import make_mouths_module
from emotiw_cli.clips.make_tubes import make_tubes
from emotiw_cli.clips.modules import open_module
from emotiw_cli.clips.source import open_clips
from emotiw_cli.clips.voice.features import RATE
from emotiw_cli.clips.voice.make import make_voice, measured
from emotiw_cli.clips.voice.speech import Utterance, find_speech, read_utterances
from emotiw_cli.data import sources
from emotiw_cli.data.index import leak_key
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import EmotiwError, InputError
from emotiw_cli.evaluation.figures import label_number
from emotiw_cli.faces.align import fit_face
from emotiw_cli.faces.images import load_image, pixel_digest

MODULES = ("faces", "mouths", "activity", "voice")
SIZE, DETAIL = (144, 144), 48
PICTURES_A_SECOND = 10
C, GAMMA = 2**1.2, 2**0.8
"""Of the fusing machine, as published."""
LEAST_SUBJECTS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("faces", type=Path, nargs="+")
    parser.add_argument(
        "--per-emotion", type=int, default=32, help="composites of a split, at most"
    )
    parser.add_argument("--work", type=Path, help="folder to keep everything in")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    missing = [str(path) for path in (options.speech, *options.faces) if not path.exists()]
    if missing:
        print(f"skipped: {', '.join(missing)} is not here; the docstring says what is needed.")
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = run(options, options.work or Path(folder))
    except EmotiwError as error:
        raise SystemExit(str(error)) from error
    print(json.dumps(report) if options.json else page(report))


def run(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Compose, train and measure; what came of it."""
    speech = unpacked(options.speech, work)
    utterances, _ = find_speech(speech)
    subjects = sorted({one.subject for one in utterances}, key=lambda name: (len(name), name))
    if len(subjects) < LEAST_SUBJECTS:
        raise InputError(
            f"{options.speech} has speech of {len(subjects)} subjects; {LEAST_SUBJECTS} are needed."
        )
    first, second = len(subjects) * 3 // 5, len(subjects) * 4 // 5
    parts = {"Train": subjects[first:second], "Val": subjects[second:]}
    # The seconds a stage took, of a run that did not find it done.
    seconds: dict[str, float] = {}
    began = time.process_time()

    def done(stage: str) -> None:
        nonlocal began
        seconds[stage], began = time.process_time() - began, time.process_time()

    root = work / "composites"
    if not (work / "composed").is_file():
        shutil.rmtree(root, ignore_errors=True)
        compose(root, halves(options.faces), utterances, parts, options.per_emotion)
        (work / "composed").touch()
    done("composing")
    make_tubes(
        open_clips(root),
        work / "tubes/composites",
        size=SIZE,
        detail=DETAIL,
        every_frame=True,
        workers=1,
    )
    done("tubes")
    make_voice(work, speech, "voice", held_out=subjects[first:])
    make_voice_module(work, "composites", "voice", voice="voice")
    done("voice")
    for name, make in (
        ("faces", make_faces_module),
        ("mouths", make_mouths_module),
        ("activity", make_activity_module),
    ):
        make(work, "composites", name)
        done(name)
    figures, counts = measure(work)
    done("fusing")
    return {
        "subjects": {"voice": subjects[:first], **parts},
        **counts,
        "seconds": {stage: round(took) for stage, took in seconds.items()},
        "figures": figures,
    }


def unpacked(speech: Path, work: Path) -> Path:
    """The folder of the speech; a zip is unpacked into `work`."""
    if not zipfile.is_zipfile(speech):
        return speech
    folder = work / "speech"
    if not (work / "unpacked").is_file():
        with zipfile.ZipFile(speech) as archive:
            archive.extractall(folder)
        (work / "unpacked").touch()
    return folder


def halves(sets: Sequence[Path]) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """Faces the default bundle was not trained on, in two halves without a common person.

    Returns
    -------
    Of each half its faces (144, 144, 3) uint8, and their labels (n,) int.
    """
    seen = Seen.read(find_bundle(DEFAULT) / SEEN)
    trained = set(seen.pixels.tolist())
    faces: list[np.ndarray] = []
    labels: list[int] = []
    people: list[str] = []
    for path in sets:
        source = sources.open_source(path)
        for row in source.rows:
            key = leak_key(source.set_name, row.group)
            if row.split not in ("", "validation") or label_number(row) < 0:
                continue
            if {key, row.group} & seen.groups:
                continue
            content = source.read(row)
            image = content if isinstance(content, np.ndarray) else load_image(content)
            if int(digest_numbers([pixel_digest(image)])[0]) not in trained:
                faces.append(fit_face(image, SIZE, detail=DETAIL))
                labels.append(label_number(row))
                people.append(key or f"{path.name}/{row.path}")
    names = np.unique(people)
    half = dict(zip(names, np.random.default_rng(0).permutation(len(names)) % 2, strict=True))
    split = np.array([half[name] for name in people])
    return [
        (
            [face for face, own in zip(faces, split == part, strict=True) if own],
            np.array(labels)[split == part],
        )
        for part in (0, 1)
    ]


def compose(
    root: Path,
    faces: Sequence[tuple[list[np.ndarray], np.ndarray]],
    utterances: Sequence[Utterance],
    parts: dict[str, list[str]],
    per_emotion: int,
) -> None:
    """Write composites as AFEW's folders: a clip per utterance, and pictures of its face."""
    rng = np.random.default_rng(0)
    neutral = EMOTIONS.index("neutral")
    own, labels = faces[0]
    start = np.mean([own[place] for place in np.flatnonzero(labels == neutral)], axis=0)
    for (split, subjects), (own, labels) in zip(parts.items(), faces, strict=True):
        for label, emotion in enumerate(EMOTIONS):
            spoken = [one for one in utterances if one.label == label and one.subject in subjects]
            drawn = [spoken[place] for place in rng.permutation(len(spoken))[:per_emotion]]
            shown = rng.permutation(np.flatnonzero(labels == label))
            if not drawn or not len(shown):
                raise InputError(f"there is no face, or no speech, that is {emotion} for {split}.")
            (root / split / emotion).mkdir(parents=True, exist_ok=True)
            for clip, (utterance, sound) in enumerate(
                zip(drawn, read_utterances(drawn), strict=True)
            ):
                name = f"{emotion}-{clip:03d}-{utterance.subject}"
                face = own[shown[clip % len(shown)]]
                pictures = fade(start, face, len(sound) / RATE, rng)
                write(root / split / emotion / f"{name}.avi", pictures, sound)
                folder = root / f"{split}_Aligned_Faces" / name
                folder.mkdir(parents=True)
                for frame, picture in enumerate(pictures):
                    Image.fromarray(picture).save(folder / f"{frame:03d}.png")


def fade(
    start: np.ndarray, face: np.ndarray, seconds: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Pictures from one face to the other, growing by a tenth and drifting."""
    count = max(2, round(seconds * PICTURES_A_SECOND))
    drift = rng.uniform(-0.03, 0.03, 2)
    pictures = []
    for place in range(count):
        along = place / (count - 1)
        share = min(1.0, 0.2 + 1.6 * along)
        blend = Image.fromarray(np.rint((1 - share) * start + share * face).astype(np.uint8))
        inset = 0.05 * along * blend.width
        left, top = inset + along * drift * blend.width
        box = (left, top, left + blend.width - 2 * inset, top + blend.height - 2 * inset)
        size = blend.size
        pictures.append(np.asarray(blend.transform(size, Image.Transform.EXTENT, box, 2)))
    return pictures


def write(path: Path, pictures: list[np.ndarray], sound: np.ndarray) -> None:
    """Write a clip with its sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=PICTURES_A_SECOND)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        stream = container.add_stream("pcm_s16le", rate=RATE)
        stream.layout = "mono"
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        whole = np.rint(sound.clip(-1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(whole, "s16", "mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def measure(work: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Figures of each module and way of fusing on the composites held out, and clip counts."""
    opened = [open_module(work, name)[1] for name in MODULES]
    outputs = opened[0]
    posteriors = np.stack([module.posteriors for module in opened])
    train, test = outputs.known, outputs.splits == "validation"
    labels, groups = outputs.labels[test], outputs.groups[test]

    def figure(rows: np.ndarray) -> dict[str, Any]:
        return measured(np.where(np.isfinite(rows), rows, 1 / len(EMOTIONS)), labels, groups)

    held = posteriors[:, test]
    found = {name: figure(rows) for name, rows in zip(MODULES, held, strict=True)}
    heard = np.array(MODULES) == "voice"
    silent, faceless = held.copy(), held.copy()
    silent[heard], faceless[~heard] = np.nan, np.nan
    alone = np.isin(MODULES, ["faces", "voice"])
    for method in METHODS:
        plan = {"c": C, "gamma": GAMMA} if method == "svm" else {}
        fused = fit_fusion(method, posteriors[:, train], outputs.labels[train], **plan)
        found[method] = figure(fused.posteriors(held))
        found[f"{method}, no sound"] = figure(fused.posteriors(silent))
        found[f"{method}, no faces"] = figure(fused.posteriors(faceless))
        two = fit_fusion(method, posteriors[alone][:, train], outputs.labels[train], **plan)
        found[f"{method}, faces and voice alone"] = figure(two.posteriors(held[alone]))
    return found, {"training": int(train.sum()), "validation": int(test.sum())}


def page(report: dict[str, Any]) -> str:
    """The figures as a Markdown table, and what it is of."""

    def text(figure: dict[str, float]) -> str:
        return "{value:.1f} ({low:.1f} to {high:.1f})".format(
            **{key: 100 * value for key, value in figure.items()}
        )

    lines = [
        f"{report['training']} composites to train on, {report['validation']} to measure on; "
        "processor seconds: "
        + ", ".join(f"{stage} {took}" for stage, took in report["seconds"].items()),
        "",
        "| system | accuracy | mean recall |",
        "| --- | --- | --- |",
    ]
    for name, figure in report["figures"].items():
        lines.append(f"| {name} | {text(figure['accuracy'])} | {text(figure['mean_recall'])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
