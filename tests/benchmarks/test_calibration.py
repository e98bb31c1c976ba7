from pathlib import Path
from xml.etree import ElementTree

import calibration
import pytest
from toy import toy_workspace

from emotiw_cli.artefact import open_artefact
from emotiw_cli.ensemble.fit import Plan, fit_ensemble
from emotiw_cli.ensemble.members import read_members


def test_it_is_the_ensembles_own_cross_validated_figure(tmp_path: Path) -> None:
    names = toy_workspace(tmp_path)
    models = [open_artefact(tmp_path, "models", name) for name in names]
    plan = Plan(prior_strength=0.4)
    report = calibration.calibration(tmp_path, names, plan)
    expected = fit_ensemble(read_members(models, tmp_path), plan).figures["cross_validated"]
    assert report["ece"] == pytest.approx(expected["ece"])
    assert sum(one["count"] for one in report["bins"]) == report["labelled"]
    picture = ElementTree.fromstring(calibration.as_svg(report))
    assert len(picture.findall("{http://www.w3.org/2000/svg}circle")) == len(report["bins"])
