"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As under nohup and in some CI; the programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of research data, for tests that can use it; they skip where it is absent."""
    place = os.environ.get("EMOTIW_SHARED")
    folder = Path(place) if place else Path(__file__).parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("research data is not here; set EMOTIW_SHARED to its folder to run this test")
    return folder


@pytest.fixture(scope="session")
def photo() -> Path:
    """A photo of one face, 216 pixels wide."""
    return Path(__file__).parents[1] / "examples" / "photos" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def _tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    from tiny_bundle import write_tiny_bundle

    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def tiny_bundle(_tiny_bundle: Path, tmp_path: Path) -> Path:
    """The folder of a bundle of two small random members, the test's own to spoil."""
    return shutil.copytree(_tiny_bundle, tmp_path / "tiny")
