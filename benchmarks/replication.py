"""Test what two papers claim on a set as large as their contest's: `make replicate`.

    python benchmarks/replication.py [--work work] [--draw-seed 1] [--set WHAT=VALUE …]
                                     [--jobs 1] [--no-run] [--out docs]

Draws the set (contest_set.py), has `emotiw recipe run recipes/replication.toml` train what is not
trained yet, measures the models on the validation faces and writes OUT/replication.json, the
figures OUT/replication-*.svg and, between its markers, the tables of OUT/replication.md.
Interrupted, the same command goes on. --set is the recipe's, such as `--set inputs.ferplus=PATH`;
--no-run measures what there is. Each part counts the seeds all of whose models are there.

A figure is the mean over the seeds; its 95 % interval is a bootstrap over the validation faces,
paired in differences, and says nothing of other seeds: what each seed gave stands beside it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import SECTION, renewed
from contest_set import draw_contest
from replication_page import figures, sections

from emotiw_cli.artefact import MANIFEST, landing_file, open_artefact, write_json
from emotiw_cli.bundle.fusion import Prior
from emotiw_cli.ensemble.fit import Method, Plan, cross_validated, fit_fusion, fold_numbers
from emotiw_cli.ensemble.members import Member, read_members
from emotiw_cli.errors import EmotiwError, InputError
from emotiw_cli.evaluation.intervals import interval, resampled_sums
from emotiw_cli.evaluation.metrics import predictions
from emotiw_cli.recipe.experiment import read_recipe

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipes" / "replication.toml"
NETS = ("3x3", "5x5")
REPRESENTATIONS = ("grey", "regular-1", "cyclic-1", "cyclic-5", "cyclic-10")
MEMBERS = tuple(f"{net}-{rep}" for net in NETS for rep in REPRESENTATIONS)
MAPPED = tuple(name for name in MEMBERS if not name.endswith("grey"))
PARTS: Mapping[str, tuple[str, ...]] = {
    "members": MEMBERS,
    "longer": ("3x3-grey", "longer", "3x3-cyclic-5"),
    "identities": ("3x3-grey", "identities"),
    "cascade": ("3x3-grey", "middle", "cascade", "combined"),
    "palettes": (
        "3x3-grey",
        "3x3-cyclic-5",
        "3x3-regular-5",
        "3x3-circular-5",
        "3x3-shuffled-5",
        "3x3-cyclic-1",
        "3x3-regular-1",
        "5x5-cyclic-1",
        "5x5-regular-1",
    ),
}
"""The models each part needs, by their names less the seed."""
SHARED = ("middle",)
"""Models that all seeds share."""
DIFFERENCES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "members": (
        ("ensemble", "best member"),
        ("ensemble", "best on average"),
        ("fitted", "best member"),
        ("ensemble", "equal weights"),
        ("ensemble", "grey alone"),
        ("ensemble", "mapped alone"),
        ("mapped alone", "grey alone"),
    ),
    "longer": (("longer", "3x3-grey"), ("3x3-cyclic-5", "longer")),
    "identities": (("identities", "3x3-grey"),),
    "cascade": (
        ("cascade", "combined"),
        ("cascade", "middle"),
        ("cascade", "3x3-grey"),
        ("cascade", "combined, mix corrected"),
        ("combined", "middle"),
    ),
    "palettes": (
        ("3x3-cyclic-5", "3x3-shuffled-5"),
        ("3x3-regular-5", "3x3-shuffled-5"),
        ("3x3-circular-5", "3x3-shuffled-5"),
        ("3x3-cyclic-5", "3x3-regular-5"),
        ("3x3-cyclic-5", "3x3-circular-5"),
        ("3x3-cyclic-1", "3x3-regular-1"),
        ("5x5-cyclic-1", "5x5-regular-1"),
        ("3x3-shuffled-5", "3x3-grey"),
    ),
}
"""What each part compares: the first less the second."""


def model_name(name: str, seed: int) -> str:
    """What the recipe calls a model of `seed`."""
    return name if name in SHARED else f"{seed}-{name}"


def complete(work: Path, names: Iterable[str], seeds: Iterable[int]) -> list[int]:
    """The seeds of which all models are trained."""
    return [
        seed
        for seed in seeds
        if all((work / "models" / model_name(name, seed) / MANIFEST).is_file() for name in names)
    ]


def correct(posteriors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which faces a system is right on: (n, 7) float, (n,) int → (n,) float64, 0 or 1."""
    right: np.ndarray = (predictions(posteriors) == labels).astype(float)
    return right


def corrected(small: Member, others: Sequence[Member]) -> dict[str, np.ndarray]:
    """What models trained under another class mix are right on when told that of `small`."""
    found = {}
    for member in others:
        if not np.allclose(member.prior, small.prior):
            prior = Prior(tuple(member.prior), tuple(small.prior), 1.0)
            moved = correct(prior.apply(member.posteriors), member.labels)
            found[f"{_plain(member.name)}, mix corrected"] = moved
    return found


def ensembles(
    members: Sequence[Member], seed: int
) -> tuple[dict[str, np.ndarray], dict[str, float], str]:
    """What the ensembles of one seed's members are right on, the fitted weights, the best member.

    Weights are of the least log-loss, as `emotiw ensemble` fits them; all ensembles but ``fitted``
    have theirs from the folds that a face is not in.
    """
    posteriors = np.stack([member.posteriors for member in members])
    priors = np.stack([member.prior for member in members])
    first = members[0]
    fold = fold_numbers(np.arange(len(first.labels)), Plan().folds, seed)

    def held_out(method: Method, chosen: Sequence[int]) -> np.ndarray:
        places = list(chosen)
        fused = cross_validated(
            posteriors[places],
            first.labels,
            first.targets,
            priors[places],
            Plan(method=method, seed=seed),
            fold,
        )
        return correct(fused, first.labels)

    names = [_plain(member.name) for member in members]
    fusion = fit_fusion(posteriors, first.labels, first.targets, priors, Plan(seed=seed))
    alone = {name: correct(p, first.labels) for name, p in zip(names, posteriors, strict=True)}
    best = max(alone, key=lambda name: alone[name].sum())
    everyone = range(len(names))
    mapped = [place for place in everyone if names[place] in MAPPED]
    systems = {
        "ensemble": held_out("log-loss", everyone),
        "equal weights": held_out("equal", everyone),
        "mapped alone": held_out("log-loss", mapped),
        "grey alone": held_out("log-loss", [place for place in everyone if place not in mapped]),
        "fitted": correct(fusion.posteriors(posteriors), first.labels),
        "best member": alone[best],
    }
    weights = dict(zip(names, np.asarray(fusion.weights.values).ravel().tolist(), strict=True))
    return systems, weights, best


def measure_part(work: Path, part: str, seeds: Sequence[int]) -> dict[str, Any]:
    """The figures of one part over the seeds that are complete, as JSON values."""
    names = PARTS[part]
    found = complete(work, names, seeds)
    if not found:
        return {"seeds": []}
    right: dict[str, list[np.ndarray]] = {}
    weights: dict[str, list[float]] = {}
    bests: list[str] = []
    for seed in found:
        models = [open_artefact(work, "models", model_name(name, seed)) for name in names]
        members = read_members(models, work)
        systems = {
            name: correct(member.posteriors, member.labels)
            for name, member in zip(names, members, strict=True)
        }
        if part == "cascade":
            systems |= corrected(members[0], members[1:])
        if part == "members":
            fused, fitted, best = ensembles(members, seed)
            systems |= fused
            bests.append(best)
            for name, weight in fitted.items():
                weights.setdefault(name, []).append(weight)
        for name, one in systems.items():
            right.setdefault(name, []).append(one)
    if part == "members":
        average = max(names, key=lambda name: np.mean(right[name]))
        right["best on average"] = right[average]
        weights = {"weights": weights, "best": bests, "average": average}  # type: ignore[dict-item]
    return {"seeds": found, **summary(right, DIFFERENCES[part]), **weights}


def summary(
    right: Mapping[str, Sequence[np.ndarray]], pairs: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Accuracies and paired differences with their intervals.

    Parameters
    ----------
    right : of each system, what it is right on with each seed, (n,) float each.
    pairs : systems to compare, the first less the second.
    """
    names = list(right)
    means = np.stack([np.mean(right[name], axis=0) for name in names], axis=1)
    draws = resampled_sums(means) / len(means)
    each = {name: [float(one.mean()) for one in right[name]] for name in names}
    column = {name: place for place, name in enumerate(names)}

    def figure(values: Sequence[float], drawn: np.ndarray) -> dict[str, Any]:
        return {**interval(float(np.mean(values)), drawn).to_json(), "each": list(values)}

    return {
        "faces": len(means),
        "accuracy": {name: figure(each[name], draws[:, column[name]]) for name in names},
        "differences": [
            {
                "first": one,
                "second": other,
                **figure(
                    [a - b for a, b in zip(each[one], each[other], strict=True)],
                    draws[:, column[one]] - draws[:, column[other]],
                ),
            }
            for one, other in pairs
        ],
    }


def measure(work: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """All parts; :class:`InputError` if not one has a complete seed."""
    report = {part: measure_part(work, part, seeds) for part in PARTS}
    if not any(one["seeds"] for one in report.values()):
        raise InputError(
            f"{work} has no seed with all models of any part; run without --no-run, or name the "
            "workspace with --work."
        )
    return report


def publish(report: Mapping[str, Any], folder: Path) -> None:
    """Write the figures as JSON and SVG, and the tables into the page if it is there."""
    write_json(folder / "replication.json", report)
    for name, drawn in figures(report).items():
        with landing_file(folder / f"replication-{name}.svg", "w") as file:
            file.write(drawn)
    page = folder / "replication.md"
    if not page.is_file():
        return
    tables = sections(report)

    def table(match: re.Match[str]) -> str:
        return renewed(match, tables[match["name"]]) if match["name"] in tables else match[0]

    text = SECTION.sub(table, page.read_text(encoding="utf-8"))
    with landing_file(page, "w") as file:
        file.write(text)


def _plain(name: str) -> str:
    """A model's name less its seed."""
    return name if name in SHARED else name.partition("-")[2]


def _run(work: Path, draw_seed: int, changes: Sequence[str], jobs: int) -> None:
    drawn = work / "replication"
    changes = [f"inputs.drawn={drawn}", *changes]
    source = read_recipe(RECIPE, changes).inputs["ferplus"]
    if not (drawn / "not-rest.txt").is_file():
        if not source.path.exists():
            raise InputError(
                f"{source.what} are not at {source.path}; give them with --set inputs.ferplus=PATH."
            )
        draw_contest(source.path, drawn, draw_seed)
    words = [word for change in changes for word in ("--set", change)]
    command = ["recipe", "run", str(RECIPE), "--work", str(work), "--jobs", str(jobs), *words]
    done = subprocess.run([sys.executable, "-m", "emotiw_cli", *command])
    if done.returncode:
        raise InputError(f"the recipe ended with exit code {done.returncode}; see above.")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--draw-seed", type=int, default=1)
    parser.add_argument("--seeds", default="1,2,3", help="seeds to measure")
    parser.add_argument("--set", dest="changes", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--no-run", action="store_true", help="measure what there is")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    options = parser.parse_args(arguments)
    try:
        if not options.no_run:
            _run(options.work, options.draw_seed, options.changes, options.jobs)
        report = measure(options.work, [int(seed) for seed in options.seeds.split(",")])
        publish(report, options.out)
    except EmotiwError as error:
        raise SystemExit(f"replication not measured: {error}") from error
    print(json.dumps({part: one["seeds"] for part, one in report.items()}))


if __name__ == "__main__":
    main()
