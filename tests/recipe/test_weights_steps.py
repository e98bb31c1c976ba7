"""Where `weights import` stands among a recipe's steps."""

from __future__ import annotations

from pathlib import Path

from emotiw_cli.recipe.experiment import read_recipe

RECIPE = """
[align.sfew]
source = "SFEW"

[map.sfew]
radius = [5]

[weights.import.cyclic]
source = "w.caffemodel"
net = "vgg_s.emotiw"
rep = "cyclic-5"
validate = "sfew"

[weights.import.released]
source = "VGG_S_lbp"
preset = "emotiw"

[ensemble.both]
members = "cyclic,released"
"""


def test_import_reads_faces_and_codes_and_makes_a_model(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    steps = {step.name: step for step in read_recipe(path).steps if "weights" in step.words}
    assert set(steps["cyclic"].after) == {"align sfew", "map sfew"}
    assert steps["cyclic"].makes == ("models/cyclic",)
    # The folder of a released model tells which codes it reads: it waits for all above.
    assert set(steps["released"].after) == {"align sfew", "map sfew", "weights import cyclic"}
    assert steps["released"].makes == ("models/released",)
