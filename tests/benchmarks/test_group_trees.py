"""The curve of a group bundle's size: its last point is the whole, and the figure can be read."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from group_trees import as_svg, sizes_of, table
from toy_groups import toy_features

from emotiw_cli.groups.features import Features
from emotiw_cli.groups.forests import FORESTS, read_forests
from emotiw_cli.groups.fuse import fuse_outputs
from emotiw_cli.groups.outputs import OUTPUTS, Outputs
from emotiw_cli.groups.train import ForestPlan, Photos, make_forests

pytest.importorskip("sklearn")


def test_the_curve(tmp_path: Path) -> None:
    toy_features(tmp_path)
    made = make_forests(tmp_path, "toy", "toy", ForestPlan(trees=7))
    photos = Photos.of(Features.open(tmp_path, "toy"))
    sizes = sizes_of(read_forests(made.folder / FORESTS), photos)
    assert [size.trees for size in sizes] == [1, 2, 5, 7]
    assert sorted(size.bytes for size in sizes) == [size.bytes for size in sizes]
    assert sizes[-1].bytes == (made.folder / FORESTS).stat().st_size
    fused = fuse_outputs(Outputs.read(made.folder / OUTPUTS), "fitted").figures["all"]["fused"]
    told = sizes[-1].figures
    assert told["log_loss"]["value"] == pytest.approx(fused["log_loss"]["value"], rel=1e-4)
    assert sizes[-1].less["log_loss"]["value"] == 0
    lines = table(sizes).splitlines()
    assert len(lines) == 2 + 4
    assert lines[-1].startswith("| 7 | ")
    svg = ET.fromstring(as_svg(sizes))
    assert len(svg.findall("{http://www.w3.org/2000/svg}circle")) == 2 * 4
