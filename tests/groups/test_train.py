"""Forests from features, and a bundle from forests, through the library and the verbs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from tiny_bundle import net
from toy_groups import toy_features
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.artefact import Artefact, open_artefact, write_manifest
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.bundle.schema import CARD, SEEN
from emotiw_cli.bundle.seen import Seen
from emotiw_cli.errors import ArtefactError, InputError, LeakError, TamperedError
from emotiw_cli.groups import train
from emotiw_cli.groups.bundle import GroupBundle, open_scene, verify_group_bundle
from emotiw_cli.groups.evaluate import evaluate_group, write_group_evaluation
from emotiw_cli.groups.features import Features
from emotiw_cli.groups.forest import Forest, fit_forest
from emotiw_cli.groups.forests import FORESTS, read_forests
from emotiw_cli.groups.fuse import make_group_bundle
from emotiw_cli.groups.outputs import OUTPUTS, Outputs
from emotiw_cli.groups.train import CURVE, ForestPlan, Photos, make_forests, paper_trees, vectors_of
from emotiw_cli.inputs.preprocessing import Preprocessing
from emotiw_cli.status.chain import OK, read_chain

pytest.importorskip("sklearn")

PLAN = ForestPlan(trees=12)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the features and the forests ``toy``."""
    folder = tmp_path_factory.mktemp("work")
    toy_features(folder)
    make_forests(folder, "toy", "toy", PLAN)
    return folder


def invoke(work: Path, *words: str) -> dict[str, object]:
    result = CliRunner().invoke(app, ["groups", *words, "--work", str(work), "--json"])
    assert result.exit_code == 0, result.stderr
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_the_published_numbers_of_trees() -> None:
    keys = ("bgr-avg", "bgr-fc7", "rgb-avg", "rgb-fc7", "landmarks")
    assert [paper_trees(key) for key in keys] == [5000, 1000, 5000, 1000, 5000]


def test_forests_say_more_than_chance_of_validation_photos(work: Path) -> None:
    made = open_artefact(work, "forests", "toy")
    assert made.manifest["counts"] == {
        "training": 60,
        "training_with_faces": 54,
        "validation": 45,
        "validation_with_faces": 40,
        "trees": {"net": 12, "posterior": 12, "landmarks": 12},
        "bytes": (made.folder / FORESTS).stat().st_size,
    }
    assert made.manifest["metrics"]["net"]["accuracy"]["value"] > 0.6
    assert made.manifest["metrics"]["landmarks"]["accuracy"]["value"] > 0.5
    assert made.manifest["licences"] == ["toy data, free"]


def test_the_outputs_are_the_stored_forests_own_and_landmarks_sum_over_faces(work: Path) -> None:
    outputs = Outputs.read(work / "forests" / "toy" / OUTPUTS)
    forests = read_forests(work / "forests" / "toy" / FORESTS)
    photos = Photos.of(Features.open(work, "toy"))
    held = photos.split("validation")
    for place, member in enumerate(outputs.members):
        again = vectors_of(photos, member, forests[member], held)
        np.testing.assert_allclose(outputs.vectors[place], again, rtol=1e-6)
    faces = np.bincount(photos.photo, minlength=105)[held]
    sums = outputs.vectors[outputs.members.index("landmarks")].sum(axis=1)
    np.testing.assert_allclose(sums[faces > 0], faces[faces > 0], rtol=1e-5)
    np.testing.assert_array_equal(outputs.with_faces, faces > 0)


def test_the_posterior_is_the_mean_over_faces(work: Path) -> None:
    photos = Photos.of(Features.open(work, "toy"))
    posterior = Features.open(work, "toy").read("faces/posterior")
    photo = int(photos.photo[0])
    expected = posterior[photos.photo == photo].mean(axis=0)
    np.testing.assert_allclose(photos.pooled["posterior"][photo], expected, rtol=1e-5)
    assert np.isnan(photos.pooled["posterior"][0]).all()


def test_the_curve_ends_with_the_whole_forest(work: Path) -> None:
    with open(work / "forests" / "toy" / CURVE, encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["member"] == "net"]
    assert [line["trees"] for line in lines] == ["1", "2", "5", "10", "12"]
    sizes = [int(line["bytes"]) for line in lines]
    assert sizes == sorted(sizes)
    metrics = open_artefact(work, "forests", "toy").manifest["metrics"]["net"]
    assert float(lines[-1]["accuracy"]) == pytest.approx(metrics["accuracy"]["value"], abs=1e-4)


def test_the_same_again_is_found_and_another_is_refused(work: Path) -> None:
    made = open_artefact(work, "forests", "toy")
    assert make_forests(work, "toy", "toy", PLAN).manifest == made.manifest
    with pytest.raises(ArtefactError, match="other options"):
        make_forests(work, "toy", "toy", ForestPlan(trees=3))
    with pytest.raises(InputError, match="no features 'fc9'; there are net"):
        make_forests(work, "toy", "other", ForestPlan(trees=3, members=("fc9",)))


def test_a_killed_run_goes_on_with_the_forest_it_was_growing(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int, member: str) -> None:
        if member == "landmarks":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_forests(work, "toy", "cut", PLAN, on_member=stop)
    with pytest.raises(ArtefactError, match="begun with trees 12, not 3"):
        make_forests(work, "toy", "cut", ForestPlan(trees=3))
    grown = []

    def grow(*rows: np.ndarray, **options: int) -> Forest:
        grown.append(rows[0].shape[1])
        return fit_forest(*rows, **options)

    monkeypatch.setattr(train, "fit_forest", grow)
    made = make_forests(work, "toy", "cut", PLAN)
    assert grown == [2278]  # of landmarks alone
    assert made.digest == open_artefact(work, "forests", "toy").digest
    assert not list(made.folder.glob("part-*"))
    assert (
        make_forests(work, "toy", "cut", ForestPlan(trees=3), overwrite=True).digest != made.digest
    )


def test_a_photo_that_cannot_be_read_is_not_measured_on(tmp_path: Path) -> None:
    toy_features(tmp_path, unreadable=70)
    made = make_forests(tmp_path, "toy", "toy", ForestPlan(trees=2))
    assert made.manifest["counts"]["validation"] == 44
    assert made.manifest["counts"]["validation_with_faces"] == 40
    assert "validation/neutral/070.jpg" not in Outputs.read(made.folder / OUTPUTS).names


def test_photos_of_one_split_are_refused(tmp_path: Path) -> None:
    toy_features(tmp_path, validation=0)
    with pytest.raises(InputError, match="in its split validation"):
        make_forests(tmp_path, "toy", "toy", PLAN)


@pytest.fixture(scope="module")
def bundle(work: Path) -> Artefact:
    return make_group_bundle(work, "group", ["toy"], "fitted", about="Toy photos.")


def test_a_bundle_has_the_members_with_a_weight_and_a_card(work: Path, bundle: Artefact) -> None:
    spec = verify_group_bundle(bundle.folder)
    assert "net" in spec.members
    assert sum(spec.fusion.weights) == pytest.approx(1)
    assert set(read_forests(bundle.folder / FORESTS)) == set(spec.members)
    assert spec.metrics["all"]["fused"]["images"] == 45
    assert spec.metrics["with_faces"]["fused"]["images"] == 40
    assert (spec.faces, spec.detector, spec.licence) == ("tiny", "hog-haar", "toy data, free")
    card = (bundle.folder / CARD).read_text(encoding="utf-8")
    assert "Toy photos." in card
    assert "toy data, free" in card
    same = make_group_bundle(work, "group", ["toy"], "fitted", about="Toy photos.")
    assert same.manifest == bundle.manifest
    with pytest.raises(ArtefactError, match="other options"):
        make_group_bundle(work, "group", ["toy"], "equal")


def test_a_changed_file_is_found(work: Path, tmp_path: Path) -> None:
    made = make_group_bundle(work, "spoilt", ["toy"], "paper")
    with open(made.folder / FORESTS, "ab") as file:
        file.write(b"x")
    with pytest.raises(TamperedError, match="differs"):
        verify_group_bundle(made.folder)


def test_the_verbs(work: Path) -> None:
    told = invoke(work, "train", "forests", "toy", "--name", "verb", "--trees", "4")
    assert told["trees"] == {"net": 4, "posterior": 4, "landmarks": 4}
    fused = invoke(work, "fuse", "verb", "--method", "paper")
    assert fused["weights"] == {"net": 0.7, "posterior": 0.7, "landmarks": 0.6}
    bundled = invoke(work, "fuse", "verb", "--name", "verb")
    assert Path(str(bundled["bundle"])).is_dir()


def test_outputs_of_others_are_weighed_but_not_bundled(work: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    logits = 2 * np.eye(3)[labels] + generator.normal(0, 1, (3, 60, 3))
    np.savez(tmp_path / "others.npz", logits=logits, labels=labels)
    told = invoke(work, "fuse", str(tmp_path / "others.npz"))
    assert told["all"]["fused"]["accuracy"]["value"] > 0.6  # type: ignore[index]
    table = CliRunner().invoke(app, ["groups", "fuse", str(tmp_path / "others.npz")])
    assert "fused, all" in table.stdout
    result = CliRunner().invoke(
        app, ["groups", "fuse", str(tmp_path / "others.npz"), "--name", "x", "--work", str(work)]
    )
    assert result.exit_code == 3
    assert "leave --name out" in result.stderr


def test_evaluate_measures_what_was_not_trained_on(work: Path) -> None:
    made = make_group_bundle(work, "measured", ["toy"], "equal")
    spec = verify_group_bundle(made.folder)
    forests = read_forests(made.folder / FORESTS)
    loaded = GroupBundle(made.folder, spec, cast(Bundle, None), forests)
    features = Features.open(work, "toy")
    with pytest.raises(LeakError, match="trained on 60 of these 105 photos"):
        evaluate_group(loaded, features, work)
    found = evaluate_group(loaded, features, work, split="validation")
    assert found.figures["counts"] == {
        "photos": 45,
        "with_faces": 40,
        "trained_on": 0,
        "chosen_on": 45,
    }
    # Equal weights have nothing to fit but the prior, so this is the bundle's own figure.
    told = made.manifest["metrics"]["with_faces"]["fused"]["accuracy"]["value"]
    assert found.figures["with_faces"]["accuracy"]["value"] == pytest.approx(told)
    np.testing.assert_allclose(found.posteriors[~found.with_faces], [spec.fusion.prior] * 5)
    out = work / "evaluations" / "measured-on-toy"
    write_group_evaluation(out, found, loaded, features, {"seed": 0})
    node = read_chain(work)["evaluations/measured-on-toy"]
    assert node.state == OK
    assert node.made_from == (
        "features/toy",
        "bundles/measured",
    )
    with open(out / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows].count("no_face") == 5
    with pytest.raises(InputError, match="no labelled photo of split 'test'"):
        evaluate_group(loaded, features, work, split="test")


def test_a_bundle_with_a_scene_net_answers_where_there_is_no_face(work: Path) -> None:
    onnx = pytest.importorskip("onnx")
    forests = Outputs.read(work / "forests" / "toy" / OUTPUTS)
    folder = work / "scenes" / "whole"
    folder.mkdir(parents=True)
    vectors = np.full((1, 45, 3), [0.2, 0.5, 0.3], np.float32)
    scenes = Outputs(("scene",), ("scene",), vectors, forests.labels, forests.names, forests.splits)
    scenes.write(folder / OUTPUTS)
    Seen(np.zeros(0, np.uint64), frozenset(), np.zeros(0, np.uint64)).write(folder / SEEN)
    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        onnx.helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    (folder / "model.onnx").write_bytes(net(nodes, {}, classes=3))
    inputs = Preprocessing("rgb", (8, 8), resize=8, crop=8)
    write_manifest(
        folder,
        "scenes",
        parameters={"preprocessing": inputs.to_json()},
        inputs=[],
        outputs=[OUTPUTS, SEEN, "model.onnx"],
    )
    made = make_group_bundle(work, "both", ["toy", "whole"], "paper")
    spec = verify_group_bundle(made.folder)
    assert dict(zip(spec.members, spec.fusion.weights, strict=True))["scene"] == 0.86
    # Of photos without a face the scene's answer, neutral, is right in one of three.
    alone = spec.metrics["all"]["members"]["scene"]
    assert alone["recall"] == {"negative": 0, "neutral": 1, "positive": 0}
    read = open_scene((made.folder / "scene.onnx").read_bytes(), made.folder, inputs)
    picture = np.full((8, 8, 3), (0, 9, 3), np.uint8)
    np.testing.assert_allclose(read(picture), np.exp([0, 9, 3]) / np.exp([0, 9, 3]).sum())
