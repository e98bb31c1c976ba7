"""VGG16 with a few channels, for who cannot wait for 134 million weights."""

from __future__ import annotations

import pytest

from emotiw_cli.nets import fitting, vgg16
from emotiw_cli.training import import_weights

STAGES = ((4, 2), (4, 2), (4, 3), (4, 3), (6, 3))
WIDTH = 8


def shrink_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build every VGG16 small from here on."""
    monkeypatch.setattr(vgg16, "STAGES", STAGES)
    monkeypatch.setattr(vgg16, "WIDTH", WIDTH)
    # Shapes of nets are kept once they are known, those of large ones from other tests too.
    uncached = fitting.empty_net.__wrapped__
    for module in (fitting, import_weights):
        monkeypatch.setattr(module, "empty_net", uncached)
