"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of research data, for tests that can use it; they skip where it is absent."""
    place = os.environ.get("EMOTIW_SHARED")
    folder = Path(place) if place else Path(__file__).parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("research data is not here; set EMOTIW_SHARED to its folder to run this test")
    return folder
