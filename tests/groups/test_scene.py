"""A net on whole photos: photos of three colours, each an emotion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from PIL import Image

from emotiw_cli.artefact import MANIFEST, open_artefact
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.groups.bundle import open_scene
from emotiw_cli.groups.faces import Groups, make_groups
from emotiw_cli.groups.layout import CLASSES, open_groups
from emotiw_cli.groups.outputs import OUTPUTS, Outputs
from emotiw_cli.groups.scene import MODEL, ScenePlan, make_scene, varied
from emotiw_cli.inputs.preprocessing import Preprocessing

PLAN = ScenePlan("mobilenet_v1.025", side=32, epochs=2, batch=6, learning_rate=0.01)
COLOURS = ((30, 60, 200), (120, 120, 120), (220, 180, 40))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the groups ``plain``, which have no faces."""
    root = tmp_path_factory.mktemp("scene")
    for split, count in (("train", 6), ("val", 2)):
        for emotion, colour in zip(CLASSES, COLOURS, strict=True):
            folder = root / "photos" / split / emotion
            folder.mkdir(parents=True)
            for number in range(count):
                picture = np.full((40, 40, 3), colour, np.uint8)
                picture[number, number] = 255  # no two alike
                Image.fromarray(picture).save(folder / f"{number}.png")
    make_groups(open_groups(root / "photos"), root / "groups" / "plain", detector="hog", workers=1)
    return root


def test_trained_stored_and_read_again(work: Path) -> None:
    made = make_scene(work, "plain", "scene", PLAN)
    counts = made.manifest["counts"]
    assert (counts["training"], counts["validation"]) == (18, 6)
    outputs = Outputs.read(made.folder / OUTPUTS)
    assert outputs.parts == ("scene",)
    preprocessing = Preprocessing.from_json(made.manifest["parameters"]["preprocessing"])
    read = open_scene((made.folder / MODEL).read_bytes(), made.folder / MODEL, preprocessing)
    groups = Groups.open(work, "plain")
    row = next(row for row in groups.rows if row.path == outputs.names[0])
    np.testing.assert_allclose(read(groups.scene(row.row)), outputs.vectors[0, 0], rtol=1e-5)
    assert make_scene(work, "plain", "scene", PLAN).digest == made.digest
    with pytest.raises(ArtefactError, match="other options"):
        make_scene(work, "plain", "scene", ScenePlan("mobilenet_v1.025", side=32, epochs=1))


def test_a_killed_run_goes_on_to_the_same_end(work: Path) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, total: int, text: str) -> None:
        raise Killed

    make_scene(work, "plain", "whole", PLAN)
    with pytest.raises(Killed):
        make_scene(work, "plain", "killed", PLAN, on_epoch=kill)
    assert not (work / "scenes" / "killed" / MANIFEST).exists()
    epochs: list[int] = []
    make_scene(work, "plain", "killed", PLAN, on_epoch=lambda done, *_: epochs.append(done))
    assert epochs == [2]
    ends = [Outputs.read(work / "scenes" / name / OUTPUTS).vectors for name in ("whole", "killed")]
    np.testing.assert_array_equal(*ends)
    assert not list((open_artefact(work, "scenes", "killed").folder).glob("*checkpoint*"))


def test_photos_of_one_split_are_refused(work: Path, tmp_path: Path) -> None:
    photos = work / "photos" / "train"
    make_groups(open_groups(photos), tmp_path / "groups" / "one", detector="hog", workers=1)
    with pytest.raises(InputError, match="no labelled photo in its split"):
        make_scene(tmp_path, "one", "scene", PLAN)


def test_variations_are_small_and_keyed() -> None:
    picture = np.full((32, 32, 3), 100, np.uint8)
    first, again = (varied(picture, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - 100).max() <= 5
    assert first.dtype == np.float32
