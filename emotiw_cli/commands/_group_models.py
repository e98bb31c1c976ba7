"""The sub-verbs of ``emotiw groups`` that compose, train and fuse; `evaluate` of group bundles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from emotiw_cli.commands._options import Json, Overwrite, Work
from emotiw_cli.errors import MissingDependencyError

PRESETS: Mapping[str, tuple[int | None, int]] = {"paper": (None, 1), "small": (100, 5)}
"""Trees and least leaf; None: the published numbers."""


def compose(
    faces: Annotated[
        str, typer.Argument(help="Faces with emotions as labels, as `emotiw align` wrote them.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write the photos into.")],
    count: Annotated[int, typer.Option("--count", min=9, help="Photos.")] = 900,
    split: Annotated[
        str, typer.Option("--split", help="The split of the faces that are taken.")
    ] = "validation",
    held_out: Annotated[
        float,
        typer.Option("--held-out", min=0.05, max=0.95, help="Share of photos and faces for val."),
    ] = 1 / 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all that is drawn.")] = 0,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Make group photos of single faces, for want of labelled ones.

    Writes OUT/{train,val}/{negative,neutral,positive}/NUMBER.jpg, which `groups faces` reads: 2 to
    12 people with faces of the set before a background that means nothing. No face is in both
    splits.

    The rule of the label: happy counts 1, neutral and surprise 0, angry, disgust, fear and sad -1;
    a face is the mean over its votes and a group the mean over its faces. From a third upwards it
    is positive, from minus a third downwards negative.

    Killed or interrupted, the same command goes on from there, with the photos it would have made.
    """
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.data.faces import Faces
    from emotiw_cli.groups.composites import make_composites

    read = Faces.open(work, faces)
    with progress("photos", count, quiet=as_json) as bar:
        made = make_composites(
            read, out, count=count, split=split, held_out=held_out, seed=seed, advance=bar
        )
    summary = {"folder": str(out), **made}
    if as_json:
        print_json(summary)
    else:
        table("Composed", summary)


def train(
    what: Annotated[Literal["forests", "scene"], typer.Argument(help="What to train.")],
    source: Annotated[
        str,
        typer.Argument(
            help="For forests: features, from `groups features`; for a scene net: groups, from "
            "`groups faces`."
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of what to write.")],
    preset: Annotated[
        Literal["paper", "small"],
        typer.Option(
            "--preset",
            help="paper: 5000 trees for landmarks and pooled layers, 1000 for fc7, fully grown; "
            "small: 100 trees, five photos to a leaf at least.",
        ),
    ] = "small",
    trees: Annotated[
        int | None,
        typer.Option("--trees", min=1, help="Of each emotion in each forest, for the preset's."),
    ] = None,
    least_leaf: Annotated[
        int | None,
        typer.Option("--least-leaf", min=1, help="Rows a leaf holds at least, for the preset's."),
    ] = None,
    members: Annotated[
        str,
        typer.Option(
            "--members",
            metavar="NAMES",
            help="Forests to grow, with commas between: keys of embeddings, posterior, landmarks.",
            show_default="all",
        ),
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the forests' draws.")] = 0,
    net: Annotated[
        str, typer.Option("--net", help="Of a scene net: any net of the registry; vgg16 published.")
    ] = "efficientnet_lite0",
    init: Annotated[
        str | None,
        typer.Option(
            "--init", help="Of a scene net: initial weights, a model of the workspace or a file."
        ),
    ] = None,
    side: Annotated[
        int, typer.Option("--side", min=32, help="Of a scene net: side of its input, px.")
    ] = 224,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Of a scene net.")] = 20,
    learning_rate: Annotated[
        float, typer.Option("--lr", min=0, help="Of a scene net, for Adagrad.")
    ] = 1e-4,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Threads; 0: one per processor.")
    ] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Train forests on features of labelled group photos, or a net on the whole photos.

    forests writes WORK/forests/NAME: one-vs-rest random forests, one for each embedding, one on the
    mean of the faces' posteriors and one on landmarks that sees a face at a time, as arrays that
    run without scikit-learn; what they say of the validation photos; and curve.csv, their
    accuracy and size by the number of trees. A killed run goes on with the forest it was growing.

    scene writes WORK/scenes/NAME: a net with a layer of 256 ReLU and three logits, trained by the
    published recipe, and what it says of the validation photos. A killed run goes on after its last
    epoch.

    Photos of the splits train and validation are needed.
    """
    import importlib.util

    if what == "scene":
        _train_scene(
            work,
            source,
            name,
            {"net": net, "init": init, "side": side, "epochs": epochs, "seed": seed}
            | {"learning_rate": learning_rate},
            overwrite,
            as_json,
        )
        return
    if importlib.util.find_spec("sklearn") is None:
        raise MissingDependencyError(
            "training needs scikit-learn; install it with `pip install 'emotiw[train]'`."
        )
    from emotiw_cli import processors
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.groups.train import ForestPlan, make_forests

    preset_trees, preset_leaf = PRESETS[preset]
    plan = ForestPlan(
        trees or preset_trees,
        least_leaf or preset_leaf,
        tuple(part.strip() for part in members.split(",") if part.strip()) or None,
        seed,
    )
    with progress("forests", None, quiet=as_json) as bar:
        made = make_forests(
            work,
            source,
            name,
            plan,
            overwrite=overwrite,
            workers=workers or processors.available(),
            on_member=lambda done, total, member: bar.update(done, total, member),
        )
    summary = {"forests": str(made.folder), **made.manifest["counts"], **made.manifest["metrics"]}
    if as_json:
        print_json(summary)
    else:
        lines = {name: figures_line(one) for name, one in made.manifest["metrics"].items()}
        table("Trained", {**summary, **lines})


def _train_scene(
    work: Path, source: str, name: str, plan: Mapping[str, Any], overwrite: bool, as_json: bool
) -> None:
    from emotiw_cli.commands._console import print_json, progress, table
    from emotiw_cli.commands._training import require_training

    require_training()
    from emotiw_cli.groups.scene import ScenePlan, make_scene

    with progress("epochs", plan["epochs"], quiet=as_json) as bar:
        made = make_scene(
            work,
            source,
            name,
            ScenePlan(**plan),
            overwrite=overwrite,
            on_epoch=lambda done, total, text: bar.update(done, total, text),
        )
    summary = {"scene": str(made.folder), **made.manifest["counts"]}
    figures = made.manifest["metrics"]["scene"]
    if as_json:
        print_json({**summary, **figures})
    else:
        table("Trained", {**summary, "validation figures": figures_line(figures)})


def fuse(
    members: Annotated[
        list[str],
        typer.Argument(
            metavar="MEMBER…",
            help="Forests and scene nets of the workspace, or npz files with labels (n,) and "
            "vectors or logits (m, n, 3).",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the group bundle to write; without it, measure."),
    ] = None,
    method: Annotated[
        Literal["fitted", "equal", "paper"],
        typer.Option(
            "--method",
            help="fitted: least log-loss, moved towards equal weights as far as cross-validation "
            "finds good; equal; paper: .6 for landmarks, .7 for each embedding, .86 for the whole "
            "image.",
        ),
    ] = "fitted",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Of the cross-validation.")] = 5,
    version: Annotated[
        str, typer.Option("--bundle-version", help="Version of the bundle, for its card.")
    ] = "1",
    about: Annotated[
        str, typer.Option("--about", help="A paragraph on the photos, for the bundle's card.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of folds and intervals.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write the bundle again, whatever it holds.")
    ] = False,
    as_json: Json = False,
    work: Work = Path("work"),
) -> None:
    """Weigh members of a group photo, measure that, and write a group bundle.

    Reads what members say of the validation photos. Figures are given for photos with faces and
    for all: where no face is found the whole image decides alone, if a member reads it. Those of
    the fused are cross-validated, each with a 95 % bootstrap interval; weights and what is chosen
    with them are fitted without the photos they are measured on.

    With --name, WORK/bundles/NAME gets the members that have a weight, their weights, and
    MODEL_CARD.md, for `emotiw predict --group --bundle NAME`.
    """
    from emotiw_cli.commands._console import print_json, table
    from emotiw_cli.groups.fuse import fuse_outputs, make_group_bundle, read_members

    summary: dict[str, Any] = {}
    if name is not None:
        made = make_group_bundle(
            work,
            name,
            members,
            method,
            folds=folds,
            seed=seed,
            version=version,
            about=about,
            overwrite=overwrite,
        )
        from emotiw_cli.groups.bundle import verify_group_bundle

        spec = verify_group_bundle(made.folder)
        figures, fusion, names = made.manifest["metrics"], spec.fusion, spec.members
        summary = {"bundle": str(made.folder), **made.manifest["counts"]}
    else:
        fused = fuse_outputs(read_members(work, members)[0], method, folds=folds, seed=seed)
        figures, fusion, names = fused.figures, fused.fusion, fused.members
    weights = dict(zip(names, fusion.weights, strict=True))
    if as_json:
        print_json({**summary, "weights": weights, "temperature": fusion.temperature, **figures})
        return
    lines: dict[str, Any] = dict(summary)
    for photos in ("with_faces", "all"):
        for system in ("fused", "equal", "paper"):
            lines[f"{system}, {photos}"] = figures_line(figures[photos][system])
    for member, one in figures["with_faces"]["members"].items():
        lines[f"{member} alone"] = figures_line(one)
    gain = figures["gain"]
    lines["fused less equal"] = (
        f"accuracy {_interval(gain['accuracy'], '+.3f')}, "
        f"log-loss {_interval(gain['log_loss'], '+.3f')}"
    )
    lines["weights"] = ", ".join(f"{member} {weight:.3f}" for member, weight in weights.items())
    lines["temperature"] = fusion.temperature
    table("Fused", lines)


def evaluate_groups(
    bundle: str,
    features: str,
    work: Path,
    *,
    split: str | None,
    out: Path | None,
    allow_seen: bool,
    seed: int,
    as_json: bool,
) -> None:
    """What `evaluate` does with a group bundle: measure, write, print."""
    from emotiw_cli.commands._console import print_json, table
    from emotiw_cli.groups.bundle import load_group_bundle
    from emotiw_cli.groups.evaluate import evaluate_group, write_group_evaluation
    from emotiw_cli.groups.features import Features

    read = Features.open(work, features)
    loaded = load_group_bundle(bundle, work=work)
    found = evaluate_group(loaded, read, work, split=split, allow_seen=allow_seen, seed=seed)
    parts = [f"{loaded.folder.name}-on-{features}", *([split] if split else [])]
    folder = out or work / "evaluations" / "-".join(parts)
    parameters = {"split": split, "allow_seen": allow_seen, "seed": seed}
    write_group_evaluation(folder, found, loaded, read, parameters)
    figures = found.figures
    if as_json:
        print_json({"report": str(folder), **figures})
        return
    counts = figures["counts"]
    lines = {
        "report": str(folder),
        "photos": f"{counts['photos']}, {counts['with_faces']} with a face",
        "with_faces": figures_line(figures["with_faces"]),
        "all": figures_line(figures["all"]),
        "recall": figures["all"]["recall"],
    }
    if counts["chosen_on"]:
        lines["chosen_on"] = f"{counts['chosen_on']} of the photos were used to fit the weights"
    table("Evaluated", lines)


def figures_line(figures: Mapping[str, Any]) -> str:
    """Figures of one system as a line of text."""
    if not figures["images"]:
        return "no photos"
    return (
        f"accuracy {_interval(figures['accuracy'])}, recall {_interval(figures['mean_recall'])}, "
        f"log-loss {figures['log_loss']['value']:.3f}, {figures['images']} photos"
    )


def _interval(figure: Mapping[str, float], form: str = ".3f") -> str:
    return f"{figure['value']:{form}} ({figure['low']:{form}} to {figure['high']:{form}})"
