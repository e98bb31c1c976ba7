from __future__ import annotations

from pathlib import Path

import pytest

from emotiw_cli.errors import InputError
from emotiw_cli.recipes.recipe import Recipe, read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
SMALL = """
about = "Two members."
[inputs]
photos = "pictures in a folder per emotion"
[lists]
rep = ["grey", "cyclic-5"]
[defaults.finetune]
epochs = 2
[[steps]]
verb = "align"
source = "{photos}"
name = "set"
detect = false
[[steps]]
verb = "map"
name = "set"
radius = [5]
[[steps]]
verb = "finetune"
for = "rep"
sets = ["set"]
name = "{rep}"
rep = "{rep}"
[[steps]]
verb = "ensemble"
members = "{rep}"
name = "both"
[[steps]]
verb = "evaluate"
bundle = "both"
data = "set"
split = "test"
"""


def read(folder: Path, text: str = SMALL, *overrides: str) -> Recipe:
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path, overrides)


def test_steps_are_verbs_with_their_options(tmp_path: Path) -> None:
    recipe = read(tmp_path, SMALL, "photos=my photos")
    assert [(step.verb, *step.words) for step in recipe.steps] == [
        ("align", "--name", "set", "--no-detect", "my photos"),
        ("map", "--radius", "5", "set"),
        ("finetune", "--epochs", "2", "--name", "grey", "--rep", "grey", "set"),
        ("finetune", "--epochs", "2", "--name", "cyclic-5", "--rep", "cyclic-5", "set"),
        ("ensemble", "--members", "grey,cyclic-5", "--name", "both"),
        ("evaluate", "--split", "test", "both", "set"),
    ]
    assert [step.name for step in recipe.steps][-1] == "evaluate both-on-set-test"


def test_what_steps_make_and_need(tmp_path: Path) -> None:
    steps = read(tmp_path).steps
    assert [step.makes for step in steps] == [
        ("faces/set",),
        ("codes/set-r5",),
        ("models/grey",),
        ("models/cyclic-5",),
        ("bundles/both",),
        ("evaluations/both-on-set-test",),
    ]
    assert [step.needs for step in steps] == [
        (),
        ("faces/set",),
        ("faces/set",),
        ("faces/set", "codes/set-r5"),
        ("models/grey", "models/cyclic-5"),
        ("bundles/both", "faces/set"),
    ]


def test_inputs_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read(tmp_path)
    with pytest.raises(InputError, match="--set photos=PATH"):
        recipe.require_inputs()
    monkeypatch.setenv("PHOTOS", "elsewhere")
    recipe = read(tmp_path)
    recipe.require_inputs()
    assert recipe.inputs == {"photos": "elsewhere"}


def test_values_are_overridden_for_a_verb_a_step_and_a_list(tmp_path: Path) -> None:
    recipe = read(
        tmp_path, SMALL, "finetune.epochs=5", "grey.epochs=7", "grey.lr=0.5", "rep=grey,cyclic-5"
    )
    chosen = {step.name: step.choices for step in recipe.steps}
    assert chosen["finetune grey"]["epochs"] == 7
    assert chosen["finetune grey"]["learning_rate"] == 0.5
    assert chosen["finetune cyclic-5"]["epochs"] == 5
    fewer = read(tmp_path, SMALL, "rep=grey")
    assert [step.name for step in fewer.steps if step.verb == "finetune"] == ["finetune grey"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('about = "', 'abuot = "', "'abuot' is not .* did you mean 'about'"),
        ('verb = "align"', 'verb = "aling"', "step 1: 'aling' .* did you mean 'align'"),
        ("detect = false", "detcet = false", "step 1: 'detcet' .* did you mean 'detect'"),
        ("detect = false", "detect = 3", "step 1: detect is a switch"),
        ("radius = [5]", "radius = [0]", "step 2: .*--radius"),
        ("epochs = 2", "epoch = 2", r"\[defaults.finetune\]: 'epoch' .* did you mean 'epochs'"),
        ("epochs = 2", 'epochs = "many"', "step 3: .*--epochs"),
        ('name = "{rep}"', 'name = "{rap}"', "step 3: name: 'rap' .* did you mean 'rep'"),
        ('for = "rep"', 'for = "reps"', "step 3: for: 'reps' .* did you mean 'rep'"),
        ('rep = "{rep}"', 'rep = "gray"', "'gray' is not a representation"),
        ('name = "{rep}"', 'name = "same"', "both make models/same"),
        ('sets = ["set"]\n', "", "step 3: .*(?i:sets)"),
        ("about = ", "about ", "cannot be read as TOML"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError, match=says):
        read(tmp_path, SMALL.replace(old, new, 1))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("finetune.epoch=3", "did you mean 'epochs'"),
        ("gray.epochs=3", "did you mean 'grey'"),
        ("foto=3", "did you mean 'photos'"),
        ("epochs", "KEY=VALUE"),
    ],
)
def test_mistaken_overrides(tmp_path: Path, override: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(tmp_path, SMALL, override)


def test_an_unknown_net_is_found_before_anything_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(InputError, match=r"step 3: .*mobilenet_v1"):
        read(tmp_path, SMALL, "finetune.net=mobilenet_v2")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_recipes_that_ship_are_sound(path: Path) -> None:
    recipe = read_recipe(path)
    made = {key for step in recipe.steps for key in step.makes}
    assert recipe.about
    assert {key for step in recipe.steps for key in step.needs} <= made
