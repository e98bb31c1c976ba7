from __future__ import annotations

import numpy as np
import pytest
from group_photos import single

from emotiw_cli.faces import haar
from emotiw_cli.faces.detection import Detection
from emotiw_cli.faces.haar import detect_haar, detect_hog_haar


def test_hog_looks_at_twice_the_size_and_haar_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(haar, "detect_haar", lambda image: pytest.fail("asked"))
    found = detect_hog_haar(single("astronaut.png", 60))
    assert [face.method for face in found] == ["hog_x2"]


def test_haar_is_asked_where_hog_finds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def blind(image: np.ndarray, upsample: tuple[int, ...]) -> list[Detection]:
        asked.append(upsample)
        return []

    monkeypatch.setattr(haar, "detect_faces", blind)
    photo = single("grace_hopper.jpg", 200)
    found = detect_hog_haar(photo)
    assert asked == [(1,)]
    assert [face.method for face in found] == ["haar"]
    box = found[0]
    assert 0 <= box.x < box.x + box.width <= 200
    assert 0 <= box.y < box.y + box.height <= 200
    assert abs(box.x + box.width / 2 - 100) < 20


def test_haar_gives_the_largest_first() -> None:
    photo = np.zeros((200, 400, 3), np.uint8)
    photo[50:150, 50:150] = single("grace_hopper.jpg", 100)
    photo[:, 200:] = single("grace_hopper.jpg", 200)
    large, small = detect_haar(photo)
    assert large.width > 1.5 * small.width
    assert large.x > 200 > small.x


def test_a_picture_of_one_pixel_has_no_face() -> None:
    assert detect_hog_haar(np.zeros((1, 1, 3), np.uint8)) == []
