"""A workspace with three members that agree on what they were validated on."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy import toy_workspace


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with faces ``toy`` and the models ``good``, ``fair`` and ``poor``."""
    work = tmp_path / "work"
    toy_workspace(work)
    return work
