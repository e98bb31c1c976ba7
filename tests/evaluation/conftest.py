"""A workspace with a bundle of three members and the faces they know."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from toy import toy_workspace

from emotiw_cli.bundle.load import load_bundle
from emotiw_cli.bundle.runtime import Bundle
from emotiw_cli.ensemble.fit import Plan
from emotiw_cli.ensemble.make import make_bundle


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; tests work on copies."""
    work = tmp_path_factory.mktemp("finished") / "work"
    make_bundle(work, "trio", toy_workspace(work), Plan(method="log-loss"))
    return work


@pytest.fixture
def work(finished: Path, tmp_path: Path) -> Path:
    """A workspace with faces ``toy``, its models, and the bundle ``trio``."""
    return Path(shutil.copytree(finished, tmp_path / "work"))


@pytest.fixture
def bundle(work: Path) -> Bundle:
    return load_bundle("trio", work=work)
