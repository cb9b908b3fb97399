"""A fit that was broken off after seven of nine steps, and the same one left alone."""

import shutil
from pathlib import Path

import pytest

from helpers.broken_off import RECIPE, ROWS, begun
from latentia.runs import Run, fit_recipe


@pytest.fixture(scope="session")
def whole() -> Run:
    return fit_recipe(RECIPE, data=ROWS, progress=False)


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return begun(tmp_path_factory.mktemp("broken") / "run")


@pytest.fixture
def folder(broken: Path, tmp_path: Path) -> Path:
    shutil.copytree(broken, tmp_path / "run")
    return tmp_path / "run"
