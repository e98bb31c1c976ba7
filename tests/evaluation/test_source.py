"""What to measure on: faces by name, or a set on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotiw_cli.artefact import read_json, write_json
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.errors import ArtefactError, InputError
from emotiw_cli.evaluation.source import find_faces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder per emotion with two pictures of 20×20 each."""
    generator = np.random.default_rng(0)
    for emotion in ("happy", "sad"):
        place = tmp_path / "my set" / emotion
        place.mkdir(parents=True)
        for number in range(2):
            picture = generator.integers(0, 256, (20, 20, 3)).astype(np.uint8)
            Image.fromarray(picture).save(place / f"{number}.png")
    return tmp_path / "my set"


def test_by_name(work: Path, bundle: Bundle) -> None:
    assert find_faces(work, "toy", bundle.spec).artefact.name == "toy"


def test_a_folder_is_aligned_once(work: Path, bundle: Bundle, folder: Path) -> None:
    done: list[tuple[int, int]] = []
    faces = find_faces(
        work,
        str(folder),
        bundle.spec,
        detect=False,
        workers=1,
        on_progress=lambda *part: done.append(part),
    )
    assert faces.artefact.name.startswith("my set-16x16-whole-")
    assert faces.size == (16, 16)
    assert [row.label for row in faces.rows] == ["happy", "happy", "sad", "sad"]
    assert done[-1] == (4, 4)
    done.clear()
    again = find_faces(work, str(folder), bundle.spec, detect=False, workers=1)
    assert again.artefact.digest == faces.artefact.digest


def test_another_detail_is_another_set(work: Path, bundle: Bundle, folder: Path) -> None:
    names = {
        find_faces(
            work, str(folder), replace(bundle.spec, detail=detail), detect=False, workers=1
        ).artefact.name
        for detail in (None, 8)
    }
    assert len(names) == 2


def test_neither_name_nor_path(work: Path, bundle: Bundle) -> None:
    with pytest.raises(InputError, match=r"'toys' is neither .* \(there are toy\)"):
        find_faces(work, "toys", bundle.spec)


def test_half_written_and_stale(work: Path, bundle: Bundle) -> None:
    path = work / "faces" / "toy" / "manifest.json"
    content = read_json(path)
    stale = {"kind": "models", "name": "good", "digest": "another"}
    write_json(path, {**content, "inputs": [stale]})
    with pytest.raises(ArtefactError, match="stale"):
        find_faces(work, "toy", bundle.spec)
    path.unlink()
    with pytest.raises(ArtefactError, match="half-written"):
        find_faces(work, "toy", bundle.spec)
