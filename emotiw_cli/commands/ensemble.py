"""``emotiw ensemble``: weigh trained members and write a bundle."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from emotiw_cli.commands._options import Json, Work
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import MissingDependencyError


def ensemble_command(
    members: Annotated[
        list[str],
        typer.Option(
            "--members", "--member", help="Models to weigh; repeat it, or separate by commas."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the bundle to write.")],
    method: Annotated[
        Literal["log-loss", "random-search", "random-search-class", "equal"],
        typer.Option(
            "--method",
            help="log-loss: one weight a member, the least log-loss; random-search: one a member, "
            "the best accuracy found; random-search-class: one a member and emotion; equal.",
        ),
    ] = "log-loss",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Of the cross-validation.")] = 5,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="Uniform draws of a random search.")
    ] = 400_000,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate/--no-calibrate", help="Fit a temperature, or leave it at 1."),
    ] = True,
    class_bias: Annotated[
        bool,
        typer.Option(
            "--class-bias/--no-class-bias",
            help="Fit a bias for each emotion before the prior, so that it is given as often as "
            "it is right; the prior then turns from the labelled validation faces' class mix.",
        ),
    ] = False,
    prior_strength: Annotated[
        str,
        typer.Option(
            "--prior-strength",
            metavar="NUMBER|fit",
            help="How far to turn posteriors from the class mix of training (even, for members "
            "trained with full logit adjustment) to --prior-target: 0 not at all, 1 fully, fit: "
            "by the least log-loss. More finds more of the rare emotions and is wrong more often "
            "where they are rare.",
        ),
    ] = "0",
    prior_target: Annotated[
        str,
        typer.Option(
            "--prior-target",
            metavar="even|SHARES",
            help="Class mix expected in use: even, or seven shares separated by commas, of angry, "
            "disgust, fear, happy, neutral, sad, surprise.",
        ),
    ] = "even",
    even: Annotated[
        float,
        typer.Option(
            "--even",
            min=0,
            max=1,
            help="Of log-loss: the share of the loss taken under an even class mix, where rare "
            "emotions count as much as common ones.",
        ),
    ] = 0.0,
    version: Annotated[
        str, typer.Option("--bundle-version", help="Version of the bundle, for its card.")
    ] = "1",
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of random search, folds and intervals.")
    ] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write the bundle again, whatever it holds.")
    ] = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Weigh trained members and write a bundle.

    Reads the members' posteriors of the validation faces, fits weights, prior and temperature to
    them and writes WORK/bundles/NAME: the nets as ONNX, how their inputs are made, the weights,
    what was seen in training, and MODEL_CARD.md.

    The fitted figures are measured on the faces they were fitted to and are too good. The
    cross-validated ones are not: everything is fitted again without each fold, and no subject and
    no identical picture is in two folds. Every figure has a 95 % bootstrap interval.
    """
    strength = _strength(prior_strength)
    target = _shares(prior_target)
    if importlib.util.find_spec("onnx") is None:
        raise MissingDependencyError(
            "writing a bundle needs onnx; install it with `pip install 'emotiw[train]'`."
        )
    from emotiw_cli.bundle.load import verify_bundle
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.ensemble.fit import Plan
    from emotiw_cli.ensemble.make import STEPS, make_bundle

    names = [part.strip() for member in members for part in member.split(",") if part.strip()]
    plan = Plan(method, folds, seed, draws, calibrate, strength, target, even, class_bias)
    with progress("ensemble", len(STEPS), quiet=as_json) as bar:
        made = make_bundle(
            work,
            name,
            names,
            plan,
            version=version,
            overwrite=overwrite,
            on_step=lambda step: bar.update(STEPS.index(step), text=step),
        )
    metrics, spec = made.manifest["metrics"], verify_bundle(made.folder)
    summary = {
        "bundle": str(made.folder),
        "weights": {
            member.name: weight
            for member, weight in zip(spec.members, spec.weights.values.tolist(), strict=True)
        },
        "temperature": spec.temperature,
        "prior_strength": spec.prior.strength,
        **{key: metrics[key] for key in ("faces", "labelled", "fitted", "cross_validated")},
        **{key: metrics[key] for key in ("equal", "members", "best_member", "gain")},
    }
    if as_json:
        print_json(summary)
    else:
        table("Bundled", _lines(summary))


def _strength(text: str) -> float | None:
    if text == "fit":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"write a number or fit, not {text!r}", param_hint="--prior-strength"
        ) from error


def _shares(text: str) -> tuple[float, ...] | None:
    if text == "even":
        return None
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) != len(EMOTIONS) or not all(0 < share < float("inf") for share in shares):
        raise typer.BadParameter(
            f"write even or {len(EMOTIONS)} positive numbers separated by commas, not {text!r}",
            param_hint="--prior-target",
        )
    return tuple(share / sum(shares) for share in shares)


def _lines(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary as lines of text."""
    weights = summary["weights"].items()
    gain = summary["gain"]
    return {
        "bundle": summary["bundle"],
        "faces": f"{summary['faces']}, {summary['labelled']} of them labelled",
        "cross_validated": _figures(summary["cross_validated"]),
        "fitted": _figures(summary["fitted"]) + " (optimistic)",
        "equal_weights": _figures(summary["equal"]),
        **{f"{name} alone": _figures(line) for name, line in summary["members"].items()},
        f"gain over {summary['best_member']}": (
            f"accuracy {_interval(gain['accuracy'], '+.3f')}, "
            f"log-loss {_interval(gain['log_loss'], '+.3f')}"
        ),
        "weights": ", ".join(
            f"{name} {weight:.3f}" if isinstance(weight, float) else f"{name} by emotion"
            for name, weight in weights
        ),
        "temperature": summary["temperature"],
        "prior_strength": summary["prior_strength"],
    }


def _figures(line: Mapping[str, Any]) -> str:
    return (
        f"accuracy {_interval(line['accuracy'])}, macro-F1 {_interval(line['macro_f1'])}, "
        f"log-loss {line['log_loss']['value']:.3f}, ECE {line['ece']['value']:.3f}"
    )


def _interval(figure: Mapping[str, float], form: str = ".3f") -> str:
    return f"{figure['value']:{form}} ({figure['low']:{form}} to {figure['high']:{form}})"
