"""Whole trainings on a tiny set: learning, resuming, several processes, refusals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file, save_file

from emotiw_cli.artefact import Artefact, open_artefact, read_json
from emotiw_cli.data.sources.exclusions import Exclusions
from emotiw_cli.errors import ArtefactError, InputError, LeakError
from emotiw_cli.nets.registry import find_net
from emotiw_cli.training.distributed import joined
from emotiw_cli.training.finetune import finetune
from emotiw_cli.training.model import Progress
from emotiw_cli.training.pretrain import pretrain
from emotiw_cli.training.recipe import Recipe

TINY = Recipe(
    "mobilenet_v1.025",
    "grey",
    epochs=3,
    batch=14,
    learning_rate=0.05,
    ema=0.9,
    resize=20,
    crop=16,
    seed=3,
)


class Stop(Exception):
    pass


def run(work: Path, name: str, recipe: Recipe = TINY, **options: Any) -> Artefact:
    with joined("cpu", 1) as process:
        return finetune(work, ["tiny"], name, recipe, process=process, **options)


def weights(model: Artefact) -> dict[str, torch.Tensor]:
    return load_file(model.folder / "weights.safetensors")


def assert_equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_shades_are_learnt_and_everything_is_written(make_faces: Callable[..., Path]) -> None:
    work = make_faces(training=140, validation=28)
    recipe = replace(
        TINY, epochs=24, batch=20, augment="none", optimizer="adamw", learning_rate=0.005, ema=0
    )
    model = run(work, "m", recipe)
    assert model.manifest["metrics"]["accuracy"] > 0.8  # chance is 0.14
    content = read_json(model.folder / "model.json")
    assert content["preprocessing"]["representation"] == "grey"
    assert sum(content["prior"]) == pytest.approx(1)
    with np.load(model.folder / "validation.npz") as validation:
        assert validation["posteriors"].shape == (28, 7)
        np.testing.assert_allclose(validation["posteriors"].sum(1), 1)
        assert validation["labels"].tolist() == [number % 7 for number in range(28)]
        assert validation["targets"][0].tolist() == pytest.approx([0.6] + [1 / 15] * 6)
    with np.load(model.folder / "seen.npz") as seen:
        assert seen["pixels"].tolist() == list(range(140))
    session = onnxruntime.InferenceSession(model.folder / "model.onnx")
    logits, features = session.run(None, {"input": np.zeros((3, 3, 16, 16), np.float32)})
    assert logits.shape == (3, 7)
    weights = load_arrays(model.folder / "weights.safetensors")
    np.testing.assert_allclose(
        features @ weights["head.weight"].T + weights["head.bias"], logits, atol=1e-5
    )
    lines = (model.folder / "history.csv").read_text().splitlines()
    assert len(lines) == 25
    assert "validation_accuracy" in lines[0]


@pytest.mark.parametrize("step", [2, 3, 7, 9])
def test_a_stopped_training_goes_on_to_the_same_weights(
    make_faces: Callable[..., Path], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = make_faces()
    whole = run(work, "whole")

    def stop(done: int, total: int, loss: float) -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(work, "parts", progress=Progress(on_step=stop))
    with pytest.raises(ArtefactError, match="half-written"):
        open_artefact(work, "models", "parts")
    parts = run(work, "parts")
    assert_equal(weights(whole), weights(parts))
    histories = [(m.folder / "history.csv").read_text().splitlines() for m in (whole, parts)]
    assert histories[0] == histories[1]


TRAIN = """
import json
import sys
from dataclasses import replace
from pathlib import Path
from emotiw_cli.training.distributed import joined
from emotiw_cli.training.finetune import finetune
import training.test_model as t

recipe, options = (json.loads(text) for text in sys.argv[3:])
with joined("cpu", 1) as process:
    finetune(
        Path(sys.argv[1]),
        ["tiny"],
        sys.argv[2],
        replace(t.TINY, **recipe),
        process=process,
        **options,
    )
"""


def start(
    work: Path,
    name: str,
    recipe: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    **environment: str,
) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(work), name]
        + [json.dumps(changes or {}) for changes in (recipe, options)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}", **environment},
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ({}, {}),
        (
            {"mixup": 0.4, "imbalance": "weighted"},
            {"teachers": ["teacher"], "unlabelled": ["found"], "workers": 1},
        ),
    ],
    ids=["plain", "mixed-and-taught"],
)
def test_killed_in_the_middle_it_goes_on_to_the_same_weights(
    make_faces: Callable[..., Path], recipe: dict[str, Any], options: dict[str, Any]
) -> None:
    work = make_faces()
    if options:
        make_faces("found", seed=1)
        run(work, "teacher", replace(TINY, epochs=1))
    changed = replace(TINY, **recipe)
    # Without workers: who reads the faces does not count.
    whole = run(work, "whole", changed, **{**options, "workers": 0})
    child = start(work, "killed", recipe, options)
    checkpoint = work / "models" / "killed" / "checkpoint" / "checkpoint.pt"
    deadline = time.monotonic() + 60
    while not checkpoint.is_file() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    child.kill()
    child.communicate()
    assert checkpoint.is_file()
    assert not (work / "models" / "killed" / "manifest.json").is_file()
    assert_equal(weights(whole), weights(run(work, "killed", changed, **options)))


def start_two(work: Path, name: str) -> list[subprocess.Popen[bytes]]:
    """The two processes that torchrun would start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [start(work, name, RANK=str(rank), **place) for rank in range(2)]


def test_two_processes_train_what_one_does_and_go_on_when_killed(
    make_faces: Callable[..., Path],
) -> None:
    work = make_faces()
    one = run(work, "one")
    whole, killed = start_two(work, "two"), start_two(work, "killed")
    checkpoint = work / "models" / "killed" / "checkpoint" / "checkpoint.pt"
    deadline = time.monotonic() + 240
    while not checkpoint.is_file() and time.monotonic() < deadline:
        assert killed[0].poll() is None
        time.sleep(0.005)
    for child in killed:
        child.kill()
        child.communicate()
    for children in (whole, start_two(work, "killed")):
        errors = [child.communicate(timeout=240)[1] for child in children]
        assert [child.returncode for child in children] == [0, 0], errors
    two = open_artefact(work, "models", "two")
    assert_equal(weights(two), weights(open_artefact(work, "models", "killed")))
    # In single precision this small net turns rounding into a difference of about 0.01;
    # tests/nets/test_layers.py shows in double precision that nothing else differs.
    losses = [
        np.loadtxt(model.folder / "history.csv", delimiter=",", skiprows=1)[:, 2]
        for model in (one, two)
    ]
    np.testing.assert_allclose(losses[0], losses[1], atol=0.05)
    with np.load(one.folder / "validation.npz") as a, np.load(two.folder / "validation.npz") as b:
        assert a["pixels"].tolist() == b["pixels"].tolist()
        np.testing.assert_allclose(a["posteriors"], b["posteriors"], atol=0.05)


def test_finished_models_are_kept_and_other_plans_refused(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    short = replace(TINY, epochs=1)
    first = run(work, "m", short)
    again = run(work, "m", short, progress=Progress(on_step=lambda *_: pytest.fail("trained anew")))
    assert again.digest == first.digest
    with pytest.raises(ArtefactError, match="--overwrite"):
        run(work, "m", TINY)
    with pytest.raises(ArtefactError, match="--overwrite"):
        run(work, "m", short, hard=True)
    assert run(work, "m", TINY, overwrite=True).digest != first.digest


def test_init_loads_all_but_a_head_of_other_classes(make_faces: Callable[..., Path]) -> None:
    make_faces("people", identities=True, seed=5)
    work = make_faces()
    short = replace(TINY, epochs=1)
    with joined("cpu", 1) as process:
        people = pretrain(work, ["people"], "backbone", short, process=process)
    assert people.manifest["counts"]["identities"] == 7
    assert 0 <= people.manifest["metrics"]["equal_error_rate"] <= 1
    of_identities = run(work, "m", short, init="backbone")
    assert of_identities.manifest["parameters"]["loaded"]["left"] == ["head.weight", "head.bias"]
    of_emotions = run(work, "n", short, init="m")
    assert of_emotions.manifest["parameters"]["loaded"]["left"] == []


def test_without_validation_faces_the_last_weights_stay(make_faces: Callable[..., Path]) -> None:
    work = make_faces(validation=0)
    model = run(work, "m", replace(TINY, ema=0))
    assert model.manifest["metrics"] == {}
    checkpoint = model.folder / "checkpoint" / "checkpoint.pt"
    last = torch.load(checkpoint, weights_only=True)["net"]
    assert_equal(weights(model), {name: value.contiguous() for name, value in last.items()})


def test_a_freeze_that_names_nothing_or_all_is_refused(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    with pytest.raises(InputError, match=r"--freeze conv1: .* begin with stem, blocks, head"):
        run(work, "m", replace(TINY, freeze=("conv1",)))
    with pytest.raises(InputError, match="nothing to train"):
        run(work, "n", replace(TINY, freeze=("stem", "blocks", "head")))


def test_a_cascade_inherits_what_was_seen(make_faces: Callable[..., Path], tmp_path: Path) -> None:
    work = make_faces()
    short = replace(TINY, epochs=1, freeze=("stem", "blocks"))
    first = run(work, "first", replace(short, freeze=()))
    second = run(work, "second", short, init="first")
    before, after = weights(first), weights(second)
    frozen = [name for name in before if not name.startswith("head.")]
    assert_equal({k: before[k] for k in frozen}, {k: after[k] for k in frozen})
    assert not torch.equal(before["head.weight"], after["head.weight"])
    made_from = [entry["name"] for entry in second.manifest["inputs"]]
    assert made_from == ["tiny", "first"]


def test_weights_of_another_net_are_refused_with_the_file(
    make_faces: Callable[..., Path], tmp_path: Path
) -> None:
    work = make_faces()
    other = tmp_path / "other.safetensors"
    save_file({"stem.conv.weight": torch.zeros(1)}, other)
    with pytest.raises(InputError, match=r"other\.safetensors does not fit"):
        run(work, "m", init=str(other))
    save_file(find_net("mobilenet_v1.050").build(7).state_dict(), other)
    with pytest.raises(InputError, match=r"they fit mobilenet_v1\.050: use one of these as --net"):
        run(work, "m", init=str(other))
    other.write_bytes(b"not tensors")
    with pytest.raises(InputError, match=r"other\.safetensors is not a file of weights"):
        run(work, "n", init=str(other))
    with pytest.raises(InputError, match="does not exist"):
        run(work, "o", init=str(tmp_path / "none.pt"))


def test_a_subject_in_both_splits_is_refused(make_faces: Callable[..., Path]) -> None:
    work = make_faces(groups=lambda number: f"S{number % 10:03d}")
    with pytest.raises(LeakError, match="S000, S001"):
        run(work, "m")


def test_listed_faces_are_not_trained_on(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    listed = Exclusions.parse("faces,path\ntiny,001.png\ntiny,050.png\nother,002.png\n", "x.csv")
    short = replace(TINY, epochs=1)
    model = run(work, "m", short, exclude=listed)
    counts = model.manifest["counts"]
    assert (counts["training"], counts["validation"], counts["left_out_as_listed"]) == (41, 14, 1)
    with np.load(model.folder / "seen.npz") as seen:
        assert 1 not in seen["pixels"]
    with pytest.raises(ArtefactError, match="other data or options"):
        run(work, "m", short)


def test_two_sets_call_different_people_alike(make_faces: Callable[..., Path]) -> None:
    make_faces("tiny", validation=0, groups=lambda number: f"S{number % 3}", set_name="one")
    held = {"training": 0, "validation": 14, "groups": lambda number: f"S{number % 3}"}
    make_faces("other", **held, seed=1, set_name="two")
    work = make_faces("same", **held, seed=2, set_name="one")
    short = replace(TINY, epochs=1)
    with joined("cpu", 1) as process:
        model = finetune(work, ["tiny", "other"], "m", short, process=process)
        with np.load(model.folder / "seen.npz") as seen:
            assert seen["groups"].tolist() == ["one:S0", "one:S1", "one:S2"]
        with np.load(model.folder / "validation.npz") as validation:
            assert validation["groups"][:2].tolist() == ["two:S0", "two:S1"]
        with pytest.raises(LeakError, match=r"3 subjects.*\(one:S0, one:S1, one:S2\)"):
            finetune(work, ["tiny", "same"], "n", short, process=process)


def test_two_sets_number_different_identities_alike(make_faces: Callable[..., Path]) -> None:
    make_faces("one", identities=True, set_name="one")
    work = make_faces("two", identities=True, seed=1, set_name="two")
    short = replace(TINY, epochs=1)
    with joined("cpu", 1) as process:
        both = pretrain(work, ["one", "two"], "m", short, process=process)
        alone = pretrain(work, ["one"], "n", short, process=process)
    assert both.manifest["counts"]["identities"] == 14
    assert read_json(both.folder / "model.json")["classes"][6:8] == ["one:person 6", "two:person 0"]
    assert read_json(alone.folder / "model.json")["classes"][0] == "person 0"


def test_missing_faces_and_codes_name_the_stage(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    with joined("cpu") as process, pytest.raises(ArtefactError, match="emotiw align"):
        finetune(work, ["none"], "m", TINY, process=process)
    mapped = replace(TINY, representation="cyclic-1")
    with pytest.raises(ArtefactError, match="emotiw map"):
        run(work, "m", mapped)


def test_damaged_checkpoint_is_named(make_faces: Callable[..., Path]) -> None:
    work = make_faces()

    def stop(done: int, total: int, loss: float) -> None:
        if done == 4:
            raise Stop

    with pytest.raises(Stop):
        run(work, "m", progress=Progress(on_step=stop))
    checkpoint = work / "models" / "m" / "checkpoint" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ArtefactError, match="is damaged; delete"):
        run(work, "m")


@pytest.mark.parametrize("imbalance", ["weighted", "balanced", "logit-adjusted"])
def test_imbalance_options_train(make_faces: Callable[..., Path], imbalance: str) -> None:
    work = make_faces()
    recipe = replace(TINY, epochs=1, imbalance=imbalance)
    model = run(work, "m", recipe, hard=True)
    prior = read_json(model.folder / "model.json")["prior"]
    assert prior == pytest.approx([1 / 7] * 7)
