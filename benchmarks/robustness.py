"""What a bundle loses when the light, the face box or the picture's quality changes.

    python benchmarks/robustness.py BUNDLE FACES [--work work] [--limit N] [--json | --csv]
                                    [--figure FILE.svg]

BUNDLE is a bundle's name or folder, FACES the name or folder of aligned faces; their validation
split is measured. Every change is made to the aligned face. Printed is what it costs in accuracy
and macro-F1 against the same faces unchanged, in points, with the 95 % interval of a paired
bootstrap; then the means over the changes of light and over the others; then the same means for
the ensemble without its mapped members and for each member alone, all under the bundle's prior and
temperature.

Light: gamma 0.4, 0.6, 1.6 and 2.5; half the contrast (about the face's mean); light that falls
evenly to 30 % from left to right, right to left, top to bottom. Others: the box moved by a tenth of
its side either way in x and in y, made a tenth larger and smaller, JPEG of quality 30, shrunk to 48
pixels. Shrunk to 32 and to 24 is shown and counts in neither mean. Where a moved box reaches beyond
the aligned face, its border is repeated: in a photo there would be more picture there, so these
losses are, if anything, too large.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from labelled_faces import labelled, markdown, member_posteriors, open_faces, systems

from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.errors import ArtefactError, EmotiwError
from emotiw_cli.evaluation.intervals import FIGURES, Interval, Tally, interval, resampled_sums

Change = Callable[[np.ndarray], np.ndarray]
MEASURED = ("accuracy", "macro_f1", "ece")
SIDE_LIGHT = 0.3
"""What is left of the light at the far side."""
BOX = 0.1
"""Share of its side by which the box is moved or scaled."""
JPEG_QUALITY = 30


def gamma(face: np.ndarray, exponent: float) -> np.ndarray:
    """Raise intensities, as shares of full white, to a power."""
    table = np.round(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    return table[face]


def contrast(face: np.ndarray, factor: float) -> np.ndarray:
    """Draw intensities towards their mean."""
    mean = face.mean()
    return _bytes(mean + factor * (face - mean))


def side_light(face: np.ndarray, source: str) -> np.ndarray:
    """Light that falls evenly to :data:`SIDE_LIGHT` from the side called `source`."""
    height, width = face.shape[:2]
    if source == "above":
        fall = np.linspace(1, SIDE_LIGHT, height)[:, None, None]
    else:
        fall = np.linspace(1, SIDE_LIGHT, width)[None, :, None]
        fall = fall if source == "left" else fall[:, ::-1]
    return _bytes(face * fall)


def box(face: np.ndarray, right: float = 0, down: float = 0, scale: float = 1) -> np.ndarray:
    """Cut the face again from a box moved by shares of its side, then scaled about its centre."""
    height, width = face.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    # What is at `middle` afterwards was in the middle of the moved box.
    shift = (1 - scale) * middle + np.array([right * width, down * height])
    matrix = np.column_stack([scale * np.eye(2), shift])
    return cv2.warpAffine(
        face,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def jpeg(face: np.ndarray, quality: int) -> np.ndarray:
    """Compress and decompress."""
    packed = cv2.imencode(".jpg", face[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])


def shrunk(face: np.ndarray, width: int) -> np.ndarray:
    """Shrink to `width` pixels and enlarge again."""
    height = round(width * face.shape[0] / face.shape[1])
    small = cv2.resize(face, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, face.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


CHANGES: Mapping[str, tuple[str, Change]] = {
    **{
        f"gamma {power}": ("light", functools.partial(gamma, exponent=power))
        for power in (0.4, 0.6, 1.6, 2.5)
    },
    "contrast ×0.5": ("light", functools.partial(contrast, factor=0.5)),
    **{
        f"light from {source}": ("light", functools.partial(side_light, source=source))
        for source in ("left", "right", "above")
    },
    "box left": ("other", functools.partial(box, right=-BOX)),
    "box right": ("other", functools.partial(box, right=BOX)),
    "box up": ("other", functools.partial(box, down=-BOX)),
    "box down": ("other", functools.partial(box, down=BOX)),
    "box smaller": ("other", functools.partial(box, scale=1 - BOX)),
    "box larger": ("other", functools.partial(box, scale=1 + BOX)),
    f"JPEG {JPEG_QUALITY}": ("other", functools.partial(jpeg, quality=JPEG_QUALITY)),
    "48 px": ("other", functools.partial(shrunk, width=48)),
    "32 px": ("beyond", functools.partial(shrunk, width=32)),
    "24 px": ("beyond", functools.partial(shrunk, width=24)),
}
"""Name → kind and what is done to an aligned face, (H, W, 3) uint8 RGB → the same."""

UNCHANGED = "unchanged"
MEANS = {"light": "mean of light", "other": "mean of others"}


class _Drawn:
    """Every figure of a system, on its faces and on the bootstrap's draws of them."""

    def __init__(self, posteriors: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> None:
        parts = Tally(posteriors, labels).parts
        # One seed: the same faces are drawn for every system and change, so all pairs are paired.
        draws = resampled_sums(parts, groups)
        total = parts.sum(axis=0)
        self.value = {name: float(FIGURES[name](total)) for name in MEASURED}
        self.draws = {name: FIGURES[name](draws) for name in MEASURED}

    def figure(self, name: str) -> Interval:
        return interval(self.value[name], self.draws[name])


def losses(drawn: Mapping[str, _Drawn]) -> dict[str, dict[str, Interval]]:
    """What each change, and each kind of change on average, costs: unchanged minus changed."""
    plain = drawn[UNCHANGED]
    rows: dict[str, list[str]] = {name: [name] for name in drawn if name != UNCHANGED}
    for kind, title in MEANS.items():
        rows[title] = [name for name in drawn if name in CHANGES and CHANGES[name][0] == kind]
    return {
        title: {
            figure: interval(
                plain.value[figure] - float(np.mean([drawn[n].value[figure] for n in names])),
                plain.draws[figure] - np.mean([drawn[n].draws[figure] for n in names], axis=0),
            )
            for figure in ("accuracy", "macro_f1")
        }
        for title, names in rows.items()
    }


def measure(bundle_name: str, faces_name: str, work: Path, limit: int | None) -> dict[str, Any]:
    """All figures, as JSON values."""
    bundle = load_bundle(bundle_name, work=work)
    faces = labelled(open_faces(faces_name, work), "validation", limit)
    by_system: dict[str, dict[str, _Drawn]] = {}
    every: Mapping[str, Change] = {
        UNCHANGED: lambda face: face,
        **{name: change for name, (_, change) in CHANGES.items()},
    }
    for number, (name, change) in enumerate(every.items(), start=1):
        print(f"\r{number}/{len(every)} {name:20}", end="", file=sys.stderr, flush=True)
        posteriors = member_posteriors(bundle, faces, change)
        for system, fused in systems(bundle.spec, posteriors).items():
            by_system.setdefault(system, {})[name] = _Drawn(fused, faces.labels, faces.groups)
    print("\r" + 30 * " " + "\r", end="", file=sys.stderr)
    return {
        "bundle": bundle.spec.name,
        "faces": faces.faces.artefact.folder.name,
        "labelled": len(faces),
        "kinds": {name: kind for name, (kind, _) in CHANGES.items()},
        "systems": {
            system: {
                "unchanged": {n: drawn[UNCHANGED].figure(n).to_json() for n in MEASURED},
                "lost": {
                    title: {figure: lost.to_json() for figure, lost in figures.items()}
                    for title, figures in losses(drawn).items()
                },
                "ece": {name: one.figure("ece").to_json() for name, one in drawn.items()},
            }
            for system, drawn in by_system.items()
        },
    }


def _points(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['value']:.1f} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


def as_markdown(report: Mapping[str, Any]) -> str:
    """The two tables: change by change, and system by system."""
    ensemble = report["systems"]["ensemble"]
    changes = [
        [
            title,
            _points(lost["accuracy"]),
            _points(lost["macro_f1"]),
            f"{ensemble['ece'][title]['value']:.3f}" if title in ensemble["ece"] else "",
        ]
        for title, lost in ensemble["lost"].items()
    ]
    compared = [
        [
            system,
            f"{100 * one['unchanged']['accuracy']['value']:.1f} %",
            *(_points(one["lost"][title]["accuracy"]) for title in MEANS.values()),
            _points(one["lost"]["gamma 2.5"]["accuracy"]),
        ]
        for system, one in report["systems"].items()
    ]
    plain = {name: ensemble["unchanged"][name]["value"] for name in MEASURED}
    return "\n\n".join(
        [
            f"{report['bundle']} on {report['labelled']} labelled validation faces of "
            f"{report['faces']}: accuracy {100 * plain['accuracy']:.1f} %, macro-F1 "
            f"{100 * plain['macro_f1']:.1f} %, ECE {plain['ece']:.3f}. Points lost:",
            markdown(["change", "accuracy", "macro-F1", "ECE"], changes),
            markdown(["system", "unchanged", *MEANS.values(), "gamma 2.5"], compared),
        ]
    )


def as_svg(report: Mapping[str, Any]) -> str:
    """Bars of the accuracy the ensemble loses, with their intervals."""
    lost = report["systems"]["ensemble"]["lost"]
    bounds = [100 * one["accuracy"][b] for one in lost.values() for b in ("low", "high")]
    low, high = min(0, *bounds), max(1, *bounds)
    left, width, row, top = 150, 470, 22, 34
    colours = {"light": "#d58a00", "other": "#3b76b5", "beyond": "#9aa3ad"}

    def x(points: float) -> float:
        return left + width * (points - low) / (high - low)

    height = top + row * len(lost) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{left + width + 60}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="20">accuracy lost, points: {report["bundle"]}</text>',
    ]
    for number, (title, figures) in enumerate(lost.items()):
        value, least, most = (100 * figures["accuracy"][k] for k in ("value", "low", "high"))
        kind = report["kinds"].get(title) or next(k for k, t in MEANS.items() if t == title)
        y = top + row * number
        start, end = sorted((x(0), x(value)))
        weight = "bold" if title in MEANS.values() else "normal"
        parts += [
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end" font-weight="{weight}">'
            f"{title}</text>",
            f'<rect x="{start:.1f}" y="{y + 2}" width="{end - start:.1f}" height="13" '
            f'fill="{colours[kind]}"/>',
            f'<path d="M{x(least):.1f} {y + 8.5}H{x(most):.1f}" stroke="#222"/>',
            f'<text x="{left + width + 8}" y="{y + 13}">{value:.1f}</text>',
        ]
    parts.append(f'<path d="M{x(0):.1f} {top - 4}V{height - 10}" stroke="#222"/></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="default")
    parser.add_argument("faces", nargs="?", default="ferplus")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--limit", type=int, help="a fixed draw of so many faces")
    parser.add_argument("--figure", type=Path, help="write a figure, svg")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print one JSON object")
    shape.add_argument("--csv", action="store_true", help="print a row per system and change")
    options = parser.parse_args()
    try:
        report = measure(options.bundle, options.faces, options.work, options.limit)
    except ArtefactError as error:  # `make bench` goes on where nobody has made faces
        print(f"robustness skipped: {error}", file=sys.stderr)
        return
    except EmotiwError as error:
        raise SystemExit(str(error)) from error
    if options.figure:
        options.figure.write_text(as_svg(report), encoding="utf-8")
    if options.json:
        print(json.dumps(report, indent=1))
    elif options.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["system", "change", "figure", "lost", "low", "high"])
        for system, one in report["systems"].items():
            for title, figures in one["lost"].items():
                for figure, lost in figures.items():
                    writer.writerow([system, title, figure, *lost.values()])
    else:
        print(as_markdown(report))


if __name__ == "__main__":
    main()
