from pathlib import Path

import failures
import numpy as np
import pytest
from PIL import Image

from emotiw_cli.faces.detection import Detection

BOX = Detection(20, 10, 40, 50, 1.0, "hog")


def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", failures.CHANGES)
def test_every_change_but_the_first_changes_the_photo_and_none_its_size(name: str) -> None:
    changed = failures.CHANGES[name](photo(), BOX)
    assert (changed.shape, changed.dtype) == ((80, 90, 3), np.uint8)
    assert np.array_equal(changed, photo()) == (name == "as it is")


def test_a_mouth_is_covered_where_it_is() -> None:
    white = np.full((80, 90, 3), 255, np.uint8)
    dark = (failures.CHANGES["mouth covered"](white, BOX) < 255).all(axis=2)
    # Of a face from 10 to 60 down and 20 to 60 across: rows 40 to 62, columns 22 to 58.
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (40, 61, 22, 57)


def test_a_sheet_of_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Path(__file__).parents[2] / "examples" / "photos" / "astronaut.png"
    named = ("as it is", "turned 30°", "mouth covered", "hidden")
    changes = {**failures.CHANGES, "hidden": lambda image, box: np.zeros_like(image)}
    monkeypatch.setattr(failures, "CHANGES", {name: changes[name] for name in named})
    monkeypatch.setattr("sys.argv", ["failures", str(source), "--figure", str(tmp_path / "s.png")])
    failures.main()
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.size == (2 * failures.TILE, 2 * (failures.TILE + 34))
        # The frame of the photo in which there is nothing to find.
        assert sheet.getpixel((failures.TILE + 1, failures.TILE + 35)) == (214, 39, 40)
    assert "| astronaut.png | hidden | no face | differs |" in capsys.readouterr().out
