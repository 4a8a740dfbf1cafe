"""A wisher of whom something stands in every table, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.erasing import filled
from tests.builders.holding import installed
from tests.builders.installation import Installation
from tests.builders.postgresql import postgresql_database


@pytest.fixture(scope="session")
def filled_home(initialised_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied: making it takes a second or two."""
    root = tmp_path_factory.mktemp("filled")
    shutil.copytree(initialised_home, root / "home")
    installation = installed(root / "home")
    filled(installation, root)
    installation.services.database.close()
    return root / "home"


@pytest.fixture
def sqlite(filled_home: Path, tmp_path: Path) -> Iterator[Installation]:
    shutil.copytree(filled_home, tmp_path / "home")
    installation = installed(tmp_path / "home")
    installation.clock.move(days=1)
    yield installation
    installation.services.database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def place(request: pytest.FixtureRequest, initialised_home: Path, tmp_path: Path) -> Iterator[Installation]:
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    request.getfixturevalue("socket_enabled")
    for database in postgresql_database():
        home = tmp_path / "home"
        shutil.copytree(initialised_home, home, ignore=shutil.ignore_patterns("*.db*", "*.sqlite*"))
        (home / "database-url").write_text(database.engine.url.render_as_string(hide_password=False), "utf-8")
        installation = installed(home)
        filled(installation, tmp_path)
        installation.clock.move(days=1)
        yield installation
        installation.services.database.close()
