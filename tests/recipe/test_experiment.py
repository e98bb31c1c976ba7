"""A recipe as it is written, and the steps it stands for."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from emotiw_cli.errors import InputError
from emotiw_cli.recipe.experiment import Experiment, line_of, read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
TEXT = """
[inputs]
pictures = { path = "data/set.zip", what = "a set" }

[for]
rep = ["grey", "cyclic-5"]
seed = [1, 2]

[align.set]
source = "{pictures}"
no-detect = true

[map.set]
radius = 5

[finetune]
epochs = 4

[finetune."{rep}-{seed}"]
sets = "set"
rep = "{rep}"
seed = "{seed}"

[finetune.grey-2]
epochs = 9

[ensemble."all-{seed}"]
members = "{rep}-{seed}"
"""


def read(tmp_path: Path, text: str = TEXT, *overrides: str) -> Experiment:
    path = tmp_path / "r.toml"
    path.write_text(text)
    return read_recipe(path, overrides)


def commands(experiment: Experiment) -> list[str]:
    return [shlex.join(step.words) for step in experiment.steps]


def test_a_matrix_becomes_steps_in_order(tmp_path: Path) -> None:
    assert commands(read(tmp_path)) == [
        "align data/set.zip --name set --no-detect",
        "map set --radius 5",
        "finetune set --name grey-1 --rep grey --epochs 4 --seed 1",
        "finetune set --name grey-2 --rep grey --epochs 9 --seed 2",
        "finetune set --name cyclic-5-1 --rep cyclic-5 --epochs 4 --seed 1",
        "finetune set --name cyclic-5-2 --rep cyclic-5 --epochs 4 --seed 2",
        "ensemble --members grey-1 --members cyclic-5-1 --name all-1",
        "ensemble --members grey-2 --members cyclic-5-2 --name all-2",
    ]


def test_steps_wait_for_what_they_read(tmp_path: Path) -> None:
    after = {step.key: step.after for step in read(tmp_path).steps}
    assert after["finetune grey-1"] == ("align set",)
    assert after["finetune cyclic-5-1"] == ("align set", "map set")
    assert after["ensemble all-2"] == ("finetune grey-2", "finetune cyclic-5-2")


def test_a_step_is_put_behind_what_makes_its_input(tmp_path: Path) -> None:
    text = '[finetune.b]\nsets = "s"\ninit = "a"\n[finetune.a]\nsets = "s"\n'
    assert [step.name for step in read(tmp_path, text).steps] == ["a", "b"]


def test_a_student_waits_for_its_teachers_and_faces_without_labels(tmp_path: Path) -> None:
    text = (
        '[finetune.student]\nsets = "s"\nteacher = ["a", "b"]\nunlabelled = "u"\nrep = "cyclic-1"\n'
        '[finetune.a]\nsets = "s"\n[finetune.b]\nsets = "s"\n'
        '[align.u]\nsource = "u.zip"\n[map.u]\nradius = 1\n'
    )
    steps = read(tmp_path, text).steps
    assert set(steps[-1].after) == {"finetune a", "finetune b", "align u", "map u"}
    assert steps[-1].name == "student"


def test_stages_of_groups_follow_each_other_also_through_a_folder(tmp_path: Path) -> None:
    text = """
    [evaluate.figures]
    bundle = "both"
    data = "gaf"
    [groups.fuse.both]
    members = ["trees", "whole"]
    [groups.train.whole]
    what = "scene"
    source = "gaf"
    [groups.train.trees]
    what = "forests"
    source = "gaf"
    [groups.features.gaf]
    groups = "gaf"
    vggface = "vgg"
    [weights.import.vgg]
    source = "vgg.caffemodel"
    net = "vgg16"
    [groups.faces.gaf]
    source = "photos"
    [groups.compose.photos]
    faces = "set"
    out = "photos"
    [align.set]
    source = "set.zip"
    """
    steps = read(tmp_path, text).steps
    assert [step.key for step in steps] == [
        "weights import vgg",
        "align set",
        "groups compose photos",
        "groups faces gaf",
        "groups train whole",
        "groups features gaf",
        "groups train trees",
        "groups fuse both",
        "evaluate figures",
    ]
    assert steps[3].after == ("groups compose photos",)
    assert steps[2].makes == ()  # a folder is no artefact, and is looked into each time


def test_stages_of_clips_follow_each_other(tmp_path: Path) -> None:
    text = """
    [evaluate.figures]
    bundle = "mine"
    data = "others"
    [clips.bundle.mine]
    fused = "both"
    [clips.apply.elsewhere]
    module = "both"
    tubes = "others"
    [clips.fuse.both]
    modules = "seen, heard"
    method = "svm"
    [clips.listen.heard]
    tubes = "afew"
    voice = "spoken"
    [clips.train.spoken]
    module = "audio"
    source = "speech"
    held-out = "1"
    [clips.train.seen]
    module = "faces"
    source = "afew"
    [clips.tubes.afew]
    source = "AFEW"
    [clips.tubes.others]
    source = "others.csv"
    """
    experiment = read(tmp_path, text)
    after = {step.key: set(step.after) for step in experiment.steps}
    assert after == {
        "clips tubes afew": set(),
        "clips tubes others": set(),
        "clips train spoken": set(),
        "clips train seen": {"clips tubes afew"},
        "clips listen heard": {"clips tubes afew", "clips train spoken"},
        "clips fuse both": {"clips train seen", "clips listen heard"},
        "clips apply elsewhere": {"clips fuse both", "clips tubes others"},
        "clips bundle mine": {"clips fuse both"},
        "evaluate figures": {"clips bundle mine", "clips tubes others"},
    }
    made = {key for step in experiment.steps for key in step.makes}
    assert {"tubes/afew", "voices/spoken", "modules/both", "bundles/mine"} <= made


def test_values_are_changed_on_the_command_line(tmp_path: Path) -> None:
    changes = (
        "finetune.epochs=2",
        "finetune.grey-1.lr=0.5",
        "for.seed=[1]",
        "inputs.pictures=x.zip",
    )
    told = commands(read(tmp_path, TEXT, *changes))
    assert told[0].startswith("align x.zip")
    assert told[2:4] == [
        "finetune set --name grey-1 --rep grey --epochs 2 --learning-rate 0.5 --seed 1",
        "finetune set --name cyclic-5-1 --rep cyclic-5 --epochs 2 --seed 1",
    ]


def test_an_input_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTIW_PICTURES", "/elsewhere.zip")
    experiment = read(tmp_path)
    assert commands(experiment)[0].startswith("align /elsewhere.zip")
    assert experiment.lacking(experiment.steps) == ["pictures (a set) is not at /elsewhere.zip"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("epochs = 4", "epoch = 4", "line 17, finetune.epoch: .* did you mean 'epochs'"),
        ("epochs = 9", 'optimizer = "adam"', "line 25, .*Did you mean 'adamw'"),
        ("epochs = 4", "epochs = 0", "line 17, finetune.epochs: .* x>=1"),
        ("[finetune]", "[finetun]", "'finetun' is not a verb; did you mean 'finetune'"),
        ('rep = "{rep}"', 'rep = "gray"', "'gray' is not a representation"),
        ('rep = "{rep}"', 'rep = "{reps}"', "did you mean 'rep'"),
        ("no-detect = true", "no-detect = 1", "line 11, .*write true or false"),
        ("no-detect = true", 'work = "w"', "give it with --work"),
        ('source = "{pictures}"', "", "line 9, align.set: Missing"),
        ("[map.set]", "[map.set]\n[map.set]", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        read(tmp_path, TEXT.replace(old, new))


def test_an_unknown_net_is_refused_with_the_nearest(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(InputError, match=r"line 17.*did you mean 'mobilenet_v1'"):
        read(tmp_path, TEXT.replace("epochs = 4", 'net = "mobilenetv1"'))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("finetune.gray-1.lr=1", "did you mean 'grey-1'"),
        ("finetun.lr=1", "did you mean 'finetune'"),
        ("finetune.lrr=1", "did you mean 'lr'"),
        ("inputs.picture=x", "did you mean 'pictures'"),
        ("epochs", "VERB.OPTION=VALUE"),
    ],
)
def test_a_change_of_nothing_is_refused(tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(tmp_path, TEXT, change)


def test_steps_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    text = '[finetune.a]\nsets = "s"\ninit = "b"\n[finetune.b]\nsets = "s"\ninit = "a"\n'
    with pytest.raises(InputError, match="wait for each other"):
        read(tmp_path, text)


def test_two_makers_of_one_artefact_are_refused(tmp_path: Path) -> None:
    text = '[pretrain.a]\nsets = "s"\n[finetune.a]\nsets = "s"\n'
    with pytest.raises(InputError, match="models/a is made by"):
        read(tmp_path, text)


def test_lines_of_tables_and_values() -> None:
    assert line_of(TEXT, ["finetune", "{rep}-{seed}", "rep"]) == 21
    assert line_of(TEXT, ["nothing"]) == 0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_can_be_planned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from emotiw_cli.nets.registry import NETS

    for net in ("vgg_s.emotiw", "vgg_m_2048", "vgg_m_4096", "googlenet", "alexnet.caffenet"):
        if net not in NETS:  # a recipe may be ahead of the nets
            monkeypatch.setitem(NETS, net, NETS["mobilenet_v1"])
    assert len(read_recipe(path).steps) > 1
