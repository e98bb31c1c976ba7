"""VGG16 with a few channels, for who cannot wait for 134 million weights."""

from __future__ import annotations

import pytest

from emotiw_cli.nets import vgg16

STAGES = ((4, 2), (4, 2), (4, 3), (4, 3), (6, 3))
WIDTH = 8


def shrink_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build every VGG16 small from here on."""
    monkeypatch.setattr(vgg16, "STAGES", STAGES)
    monkeypatch.setattr(vgg16, "WIDTH", WIDTH)
