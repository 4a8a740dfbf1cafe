"""A home that is initialised, made once and copied for each test: making keys is the slow part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from certsvc.services.context import Services
from certsvc.services.init import initialise
from tests.builders import open_home


@pytest.fixture(scope="session")
def initialised_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    services = open_home(home)
    initialise(services)
    services.database.close()
    return home


@pytest.fixture
def home(initialised_home: Path, tmp_path: Path) -> Path:
    target = tmp_path / "home"
    shutil.copytree(initialised_home, target)
    return target


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    opened = open_home(home)
    yield opened
    opened.database.close()
