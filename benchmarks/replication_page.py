"""How replication.py's report is shown: tables in Markdown, figures in SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelled_faces import markdown

LABELS: Mapping[str, str] = {
    "ensemble": "ensemble, weights cross-validated",
    "fitted": "ensemble, weights fitted to these faces",
    "equal weights": "ensemble, equal weights",
    "mapped alone": "ensemble of the mapped members",
    "grey alone": "ensemble of the grey members",
    "best member": "best member of each seed",
    "best on average": "best member on average",
    "longer": "3x3-grey, three times the epochs",
    "identities": "3x3-grey, identities first",
    "middle": "the rest of FER+ alone",
    "cascade": "the rest, then the small set",
    "combined": "both in one stage",
    "middle, mix corrected": "the rest alone, class mix corrected",
    "combined, mix corrected": "both in one stage, class mix corrected",
}
"""Names that need explaining."""
TITLES: Mapping[str, str] = {
    "members": "members and ensembles",
    "longer": "more epochs",
    "identities": "identities first",
    "cascade": "cascade",
    "palettes": "palettes",
}
_COLOURS = ("#3b76b5", "#d58a00", "#5a9e5a")
"""Of the seeds."""


# Part, difference, what is claimed, what the paper has for it.
CLAIMS = (
    ("members", ("ensemble", "best member"), "an ensemble beats its best member", "+7.0"),
    ("members", ("mapped alone", "grey alone"), "mapped codes carry the ensemble", "most weight"),
    ("palettes", ("3x3-cyclic-5", "3x3-shuffled-5"), "colours that keep distances help", ""),
    ("palettes", ("3x3-cyclic-5", "3x3-regular-5"), "cyclic distances beat regular ones", ""),
    ("palettes", ("3x3-cyclic-5", "3x3-circular-5"), "and truly circular ones (ours)", ""),
    ("identities", ("identities", "3x3-grey"), "identities first help", ""),
    ("cascade", ("cascade", "combined"), "a cascade beats one stage", "beats it"),
    ("cascade", ("cascade", "combined, mix corrected"), "and one told the class mix", ""),
)


def percent(figure: Mapping[str, Any]) -> str:
    """An accuracy with its interval."""
    return f"{100 * figure['value']:.1f} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


def points(figure: Mapping[str, Any]) -> str:
    """A difference of accuracies with its interval, in points."""
    value, low, high = (100 * figure[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def label(name: str, part: str = "") -> str:
    """What a system is called on the page."""
    if name == "3x3-grey" and part == "cascade":
        return "the small set alone"
    return LABELS.get(name, name)


def sections(report: Mapping[str, Any]) -> dict[str, str]:
    """The content of each section of the page by its name."""
    made = {"claims": claims(report)}
    for part, one in report.items():
        if not one["seeds"]:
            made[part] = "Not measured: no seed is complete."
            continue
        seeds = ", ".join(map(str, one["seeds"]))
        head = f"{len(one['seeds'])} seeds ({seeds}), {one['faces']} validation faces; accuracy, %."
        weights = one.get("weights", {})
        rows = [
            [
                label(name, part),
                percent(figure),
                _each(figure, ".1f"),
                *([_weight(weights.get(name))] if weights else []),
            ]
            for name, figure in one["accuracy"].items()
        ]
        columns = ["system", "accuracy", "each seed", *(["weight"] if weights else [])]
        compared = [
            [
                f"{label(line['first'], part)} − {label(line['second'], part)}",
                points(line),
                _each(line, "+.1f"),
            ]
            for line in one["differences"]
        ]
        made[part] = "\n\n".join(
            [
                head,
                markdown(columns, rows),
                markdown(["difference, points", "mean", "each seed"], compared),
            ]
        )
    return made


def claims(report: Mapping[str, Any]) -> str:
    """A row for each claim: the difference it is about, and whether its interval leaves out 0."""
    rows = []
    for part, pair, claim, paper in CLAIMS:
        lines = report.get(part, {}).get("differences", [])
        line = next((line for line in lines if (line["first"], line["second"]) == pair), None)
        if line is None:
            rows.append([claim, paper, "not measured", "", ""])
            continue
        holds = "yes" if line["low"] > 0 else "no" if line["high"] < 0 else "cannot be told"
        rows.append([claim, paper, points(line), str(len(line["each"])), holds])
    return markdown(["claim", "paper", "here, points", "seeds", "holds here"], rows)


def _each(figure: Mapping[str, Any], form: str) -> str:
    return ", ".join(f"{100 * value:{form}}" for value in figure["each"])


def _weight(values: Sequence[float] | None) -> str:
    if values is None:
        return ""
    each = ", ".join(f"{value:.2f}" for value in values)
    return f"{sum(values) / len(values):.2f} ({each})"


def figures(report: Mapping[str, Any]) -> dict[str, str]:
    """The figures by name, SVG: accuracies of all parts, weights of the members."""
    made = {}
    measured = {part: one for part, one in report.items() if one["seeds"]}
    made["accuracy"] = accuracy_svg(measured)
    if "members" in measured:
        made["weights"] = weights_svg(measured["members"]["weights"])
    return made


def accuracy_svg(report: Mapping[str, Any]) -> str:
    """A line per system: the interval, the mean, a dot for each seed."""
    low, high = _bounds(report)
    left, width, row = 290, 430, 20

    def x(value: float) -> float:
        return left + width * (100 * value - low) / (high - low)

    parts: list[str] = []
    y = 30
    for part, one in report.items():
        parts.append(f'<text x="{left}" y="{y}" font-weight="bold">{TITLES[part]}</text>')
        y += 8
        top = y
        for name, figure in one["accuracy"].items():
            y += row
            middle = y - 5
            parts += [
                f'<text x="{left - 10}" y="{y}" text-anchor="end">{label(name, part)}</text>',
                f'<path d="M{x(figure["low"]):.1f} {middle}H{x(figure["high"]):.1f}" '
                'stroke="#888" stroke-width="2"/>',
                f'<path d="M{x(figure["value"]):.1f} {middle - 6}v12" stroke="#222" '
                'stroke-width="3"/>',
                *(
                    f'<circle cx="{x(value):.1f}" cy="{middle}" r="3" '
                    f'fill="{_COLOURS[place % len(_COLOURS)]}"/>'
                    for place, value in enumerate(figure["each"])
                ),
                f'<text x="{left + width + 10}" y="{y}">{100 * figure["value"]:.1f}</text>',
            ]
        ticks = range(low, high + 1, 5)
        parts[:0] = [f'<path d="M{x(t / 100):.1f} {top}V{y + 6}" stroke="#ddd"/>' for t in ticks]
        y += 22
        parts += [
            f'<text x="{x(t / 100):.1f}" y="{y}" text-anchor="middle" fill="#666">{t}</text>'
            for t in ticks
        ]
        y += 34
    return _svg(
        left + width + 60,
        y,
        [
            f'<text x="10" y="{y - 14}">accuracy, %: mean over the seeds (bar), its 95 % interval '
            "over the faces (line), each seed (dots)</text>",
            *parts,
        ],
    )


def weights_svg(weights: Mapping[str, Sequence[float]]) -> str:
    """A bar per member: its mean weight, a dot for each seed."""
    left, width, row, top = 130, 420, 22, 34
    most = max(0.01, *(max(values) for values in weights.values()))
    parts = [f'<text x="{left}" y="20">weight in the ensemble: mean, each seed</text>']
    for number, (name, values) in enumerate(weights.items()):
        y = top + row * number
        mean = sum(values) / len(values)
        parts += [
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{name}</text>',
            f'<rect x="{left}" y="{y + 2}" width="{width * mean / most:.1f}" height="13" '
            'fill="#cdd9e8"/>',
            *(
                f'<circle cx="{left + width * value / most:.1f}" cy="{y + 8.5}" r="3" '
                f'fill="{_COLOURS[place % len(_COLOURS)]}"/>'
                for place, value in enumerate(values)
            ),
            f'<text x="{left + width + 12}" y="{y + 13}">{mean:.2f}</text>',
        ]
    return _svg(left + width + 60, top + row * len(weights) + 12, parts)


def _bounds(report: Mapping[str, Any]) -> tuple[int, int]:
    """Different multiples of five percent that all intervals and dots lie between."""
    values = [
        100 * value
        for one in report.values()
        for figure in one["accuracy"].values()
        for value in (figure["low"], figure["high"], *figure["each"])
    ]
    low = int(min(values) // 5 * 5)
    return low, max(low + 5, int(-(-max(values) // 5) * 5))


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">'
    )
    back = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head, back, *parts, "</svg>"]) + "\n"
