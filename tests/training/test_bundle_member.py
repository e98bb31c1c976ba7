"""A bundle's member comes back into a workspace: to be weighed anew, and to be trained further."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import toy_faces
from typer.testing import CliRunner

from emotiw_cli.app import app
from emotiw_cli.artefact import read_json
from emotiw_cli.bundle.arrays import read_arrays
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.training.bundle_member import bundle_member, names_member

TRAINED = "--net mobilenet_v1.025 --epochs 2 --lr 0.02 --resize 16 --crop 16 --batch 14 --ema 0"


def run(work: Path, line: str) -> Any:
    result = CliRunner().invoke(app, [*line.split(), "--json", "--work", str(work)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with the bundle `old` of the model `grey`."""
    work = tmp_path / "work"
    toy_faces(work, "tiny", train=42, validation=28)
    run(work, f"finetune tiny --name grey --rep grey {TRAINED}")
    run(work, "ensemble --members grey --name old --folds 2")
    return work


def test_it_gives_its_posteriors_again_and_knows_what_it_has_seen(work: Path) -> None:
    made = run(work, "weights import old/grey --name again --validate tiny")
    assert (made["net"], made["representation"]) == ("mobilenet_v1.025", "grey")
    models = work / "models"
    before, after = (read_arrays(models / name / "validation.npz") for name in ("grey", "again"))
    np.testing.assert_array_equal(after["pixels"], before["pixels"])
    np.testing.assert_allclose(after["posteriors"], before["posteriors"], atol=0.01)  # halved
    described = [read_json(models / name / "model.json") for name in ("grey", "again")]
    assert described[0]["preprocessing"] == described[1]["preprocessing"]
    np.testing.assert_allclose(described[1]["prior"], described[0]["prior"])
    seen = [read_arrays(models / name / "seen.npz")["pixels"] for name in ("grey", "again")]
    np.testing.assert_array_equal(np.sort(seen[0]), seen[1])
    assert len(seen[1]) == 42


def test_it_is_a_start(work: Path) -> None:
    run(work, "weights import old/grey --name again")
    start = run(work, f"finetune tiny --name more --rep grey --init again {TRAINED}")
    scratch = run(work, f"finetune tiny --name less --rep grey --seed 1 {TRAINED}")
    history = [
        (work / "models" / name / "history.csv").read_text().splitlines()[1].split(",")
        for name in ("more", "less")
    ]
    assert float(history[0][2]) < float(history[1][2])  # training loss of the first epoch
    assert start["validation"] == scratch["validation"] == 28


def test_faces_of_another_frame_are_refused(work: Path) -> None:
    manifest = work / "faces" / "tiny" / "manifest.json"
    changed = json.loads(manifest.read_text())
    changed["parameters"]["detail"] = 12
    manifest.write_text(json.dumps(changed))
    with pytest.raises(AssertionError, match=r"old sees faces of 16×16, those of --validate"):
        run(work, "weights import old/grey --name again --validate tiny")
    assert not (work / "models" / "again").exists()


def test_what_is_not_there_is_named(work: Path) -> None:
    with pytest.raises(InputError, match="bundle old has no member 'red'; it has grey"):
        bundle_member("old/red", work)
    with pytest.raises(ArtefactError, match="there is no bundle 'new'"):
        bundle_member("new/grey", work)


def test_a_bundle_elsewhere_is_named_by_its_folder(work: Path, tmp_path: Path) -> None:
    (work / "bundles" / "old").rename(tmp_path / "moved")
    made = run(work, f"weights import {tmp_path}/moved/grey --name again")
    assert made["net"] == "mobilenet_v1.025"


def test_another_net_than_the_members_is_refused(work: Path) -> None:
    with pytest.raises(AssertionError, match="is not of this net"):
        run(work, "weights import old/grey --net mobilenet_v1.050 --name again")


def test_a_file_that_is_missing_is_no_member(tmp_path: Path) -> None:
    assert names_member(Path("old/grey"))
    assert names_member(Path("work/bundles/old/vgg_s.emotiw-rgb"))
    assert not names_member(Path("folder/none.caffemodel"))
    assert not names_member(Path("grey"))
    assert not names_member(tmp_path)
