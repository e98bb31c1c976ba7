"""How many trees a group bundle needs: what its forests' first trees reach together, and weigh.

    python benchmarks/group_trees.py FORESTS [--work WORK] [--figure FILE.svg]

FORESTS is what `emotiw groups train forests` wrote in the workspace, with as many trees as are to
be looked at: a forest of fewer is its first ones. For 1, 2, 5, 10, … trees of each emotion in each
forest the members are fused as `emotiw groups fuse` does it, cross-validated, on the validation
photos. Printed are accuracy and log-loss, each with a 95 % bootstrap interval; the same less those
of all trees, paired; and the bytes of the forests. The figure shows the first two.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotiw_cli.artefact import open_artefact
from emotiw_cli.groups.features import Features
from emotiw_cli.groups.figures import compare, measure
from emotiw_cli.groups.fit import cross_validated
from emotiw_cli.groups.forest import Forest
from emotiw_cli.groups.forests import FORESTS, packed, part_of, read_forests
from emotiw_cli.groups.train import CURVE_TREES, KIND, Photos, vectors_of


@dataclass(frozen=True)
class Size:
    """Members of so many trees, fused.

    Attributes
    ----------
    trees, bytes : of each emotion in each forest; of all forests, compressed.
    figures : see :func:`emotiw_cli.groups.figures.measure`.
    less : those figures less the ones of all trees, paired.
    """

    trees: int
    bytes: int
    figures: Mapping[str, Any]
    less: Mapping[str, Any]


def sizes_of(forests: Mapping[str, Forest], photos: Photos) -> list[Size]:
    """Measure the forests' first trees on the validation photos, in rising numbers."""
    held = photos.split("validation")
    labels = photos.labels[held]
    parts = [part_of(member) for member in forests]
    most = min(forest.trees for forest in forests.values())
    numbers = sorted({trees for trees in CURVE_TREES if trees < most} | {most})
    fused = {}
    for trees in numbers:
        less = {member: forest.first(trees) for member, forest in forests.items()}
        vectors = np.stack([vectors_of(photos, member, less[member], held) for member in less])
        fused[trees] = cross_validated("fitted", vectors, labels, parts), len(packed(less))
    whole = fused[most][0]
    return [
        Size(trees, size, measure(posteriors, labels), compare(posteriors, whole, labels))
        for trees, (posteriors, size) in fused.items()
    ]


def table(sizes: Sequence[Size]) -> str:
    """Markdown."""
    lines = [
        "| trees | accuracy, % | log-loss | accuracy less all's | log-loss less all's | bytes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for size in sizes:
        accuracy, loss = size.figures["accuracy"], size.figures["log_loss"]
        last = size is sizes[-1]
        lines.append(
            f"| {size.trees} | {_interval(accuracy, 100, '.1f')} | {_interval(loss, 1, '.3f')} | "
            f"{'' if last else _interval(size.less['accuracy'], 100, '+.1f')} | "
            f"{'' if last else _interval(size.less['log_loss'], 1, '+.3f')} | {size.bytes:,} |"
        )
    return "\n".join(lines)


def _interval(figure: Mapping[str, float], scale: float, form: str) -> str:
    value, low, high = (format(scale * figure[name], form) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def as_svg(sizes: Sequence[Size]) -> str:
    """Accuracy and log-loss side by side: a dot and its interval for each number of trees."""
    width, height, left, top, gap = 300, 200, 60, 40, 90
    parts = []
    for panel, (name, title, scale) in enumerate(
        (("accuracy", "accuracy, %", 100), ("log_loss", "log-loss", 1))
    ):
        x0 = left + panel * (width + gap)
        figures = [size.figures[name] for size in sizes]
        low = min(scale * figure["low"] for figure in figures)
        high = max(scale * figure["high"] for figure in figures)

        def y(value: float, low: float = low, high: float = high, scale: float = scale) -> float:
            return top + height * (high - scale * value) / (high - low)

        parts += [
            f'<text x="{x0}" y="{top - 18}" font-weight="bold">{title}</text>',
            f'<path d="M{x0} {top}v{height}h{width}" fill="none" stroke="#888"/>',
            *(
                f'<text x="{x0 - 8}" y="{y(value / scale) + 4:.1f}" text-anchor="end" '
                f'fill="#666">{value:.3g}</text>'
                for value in (low, (low + high) / 2, high)
            ),
        ]
        for place, (size, figure) in enumerate(zip(sizes, figures, strict=True)):
            x = x0 + width * (place + 0.5) / len(sizes)
            parts += [
                f'<path d="M{x:.1f} {y(figure["low"]):.1f}V{y(figure["high"]):.1f}" '
                'stroke="#9ab" stroke-width="2"/>',
                f'<circle cx="{x:.1f}" cy="{y(figure["value"]):.1f}" r="4" fill="#246"/>',
                f'<text x="{x:.1f}" y="{top + height + 18}" text-anchor="middle" '
                f'fill="#666">{size.trees}</text>',
            ]
        parts.append(
            f'<text x="{x0 + width / 2}" y="{top + height + 38}" text-anchor="middle">'
            "trees of each emotion in each forest</text>"
        )
    wide, tall = left + 2 * width + gap + 20, top + height + 52
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" '
            'font-family="sans-serif" font-size="13">',
            f'<rect width="{wide}" height="{tall}" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("forests", metavar="FORESTS")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--figure", type=Path, help="write the figure, svg")
    options = parser.parse_args()
    artefact = open_artefact(options.work, KIND, options.forests)
    (source,) = artefact.manifest["inputs"]
    photos = Photos.of(Features.open(options.work, source["name"]))
    sizes = sizes_of(read_forests(artefact.folder / FORESTS), photos)
    print(table(sizes))
    if options.figure:
        options.figure.write_text(as_svg(sizes), encoding="utf-8")


if __name__ == "__main__":
    main()
