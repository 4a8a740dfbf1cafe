"""A home that is initialised, made once and copied for each test: making keys is the slow part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from certsvc.services.context import Services
from certsvc.services.operation.init import initialise
from certsvc.services.publishing.static import publish_static
from tests.builders.holding import installed
from tests.builders.installation import Installation, made_up
from tests.builders.person import open_home
from tests.builders.postgresql import postgresql_database
from tests.builders.verifying import FIRST, SECOND


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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def either(request: pytest.FixtureRequest, home: Path) -> Iterator[Services]:
    """A home that is initialised, on each engine."""
    if request.param == "sqlite":
        opened = open_home(home)
        yield opened
        opened.database.close()
        return
    request.getfixturevalue("socket_enabled")
    for database in postgresql_database():
        opened = open_home(home, database_url=database.engine.url.render_as_string(hide_password=False))
        initialise(opened)
        yield opened
        opened.database.close()


@pytest.fixture(scope="session")
def issued_home(initialised_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which made_up(1) and made_up(2) are on record and hold a certificate each; to be copied."""
    home = tmp_path_factory.mktemp("issued") / "home"
    shutil.copytree(initialised_home, home)
    installation = installed(home)
    installation.issue(made_up(1), made_up(2))
    installation.services.database.close()
    return home


@pytest.fixture
def at(issued_home: Path, tmp_path: Path) -> Iterator[Installation]:
    """`issued_home` again, for one test alone."""
    shutil.copytree(issued_home, tmp_path / "home")
    installation = installed(tmp_path / "home")
    yield installation
    installation.services.database.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Installation]:
    """An installation with no one on record, for one test alone."""
    installation = Installation(tmp_path / "home")
    yield installation
    installation.services.database.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that has issued to verifying's FIRST and SECOND and published; no test changes it."""
    installation = Installation(tmp_path_factory.mktemp("shared") / "home")
    installation.issue(FIRST, SECOND)
    publish_static(installation.services)
    yield installation
    installation.services.database.close()
