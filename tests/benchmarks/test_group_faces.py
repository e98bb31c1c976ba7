from __future__ import annotations

import math
from pathlib import Path

import group_faces
import numpy as np
import pytest
from group_faces import Seen, matched, overlap, read_boxes, read_counts

from emotiw_cli.faces.detection import Detection


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 4, 4), (2, 0, 4, 4)) == pytest.approx(8 / 24)
    assert overlap((0, 0, 4, 4), (0, 0, 4, 2)) == 0.5
    assert overlap((0, 0, 4, 4), (4, 0, 4, 4)) == 0


def test_each_box_counts_once_and_the_closest_pair_comes_first() -> None:
    faces = [(0.0, 0.0, 10.0, 10.0), (3.0, 0.0, 10.0, 10.0), (50.0, 0.0, 4.0, 4.0)]
    assert matched(faces, [(2.0, 0.0, 10.0, 10.0)]) == [-1, 0, -1]
    assert matched(faces, [(2.0, 0.0, 10.0, 10.0), (0.0, 1.0, 10.0, 10.0)]) == [1, 0, -1]
    assert matched(faces, []) == [-1, -1, -1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "faces.csv").write_text("file,faces\nset/a.jpg,2\nb.jpg,0\n")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "boxes.xml").write_text(
        "<dataset><images><image file='a.jpg'><box top='40' left='8' width='16' height='16'/>"
        "<box top='40' left='48' width='48' height='48'/></image></images></dataset>"
    )
    return tmp_path


def test_counts_and_boxes_are_read(folder: Path) -> None:
    assert read_counts(folder) == {"set/a.jpg": 2, "b.jpg": 0}
    assert read_boxes(folder) == {"set/a.jpg": [(8, 40, 16, 16), (48, 40, 48, 48)]}


def test_a_detector_that_sees_the_large_face_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_faces, "SHRINKS", (1, 2))

    def detect(image: np.ndarray) -> list[Detection]:
        assert image.shape in ((96, 112, 3), (48, 56, 3))
        scale = image.shape[0] // 48
        large = Detection(24 * scale, 20 * scale, 24 * scale, 24 * scale, 1.0, "")
        nothing = Detection(0, 0, 4, 4, 1.0, "")
        return [large] if scale == 2 else [large, nothing]

    photos = {name: np.zeros((96, 112, 3), np.uint8) for name in read_counts(folder)}
    seen = Seen(detect, photos)
    assert seen.counted(read_counts(folder), 1) == (1, 1)
    assert seen.counted(read_counts(folder), 2) == (2, 2)
    hits, precision = seen.by_width(read_boxes(folder))
    # Widths 8 and 24 at half the size, 16 and 48 as it is.
    assert hits == [[False], [False], [True], [], [True]]
    assert precision == pytest.approx(2 / 3)
    assert math.isnan(Seen(lambda image: [], photos).by_width({})[1])
