"""An office whose clock can be moved, on either engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certsvc.services.context import Services
from certsvc.services.operation.init import initialise
from tests.builders.installation import Clock
from tests.builders.person import open_home
from tests.builders.postgresql import postgresql_database


@dataclass
class Office:
    services: Services
    clock: Clock


BOTH = pytest.mark.parametrize(
    "office", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
"""For what stands on transactions."""


@pytest.fixture
def office(request: pytest.FixtureRequest, home: Path) -> Iterator[Office]:
    clock = Clock()
    if getattr(request, "param", "sqlite") == "sqlite":
        services = dataclasses.replace(open_home(home), now=clock)
        yield Office(services, clock)
        services.database.close()
        return
    request.getfixturevalue("socket_enabled")
    for database in postgresql_database():
        url = database.engine.url.render_as_string(hide_password=False)
        services = dataclasses.replace(open_home(home, database_url=url), now=clock)
        initialise(services)
        yield Office(services, clock)
        services.database.close()
