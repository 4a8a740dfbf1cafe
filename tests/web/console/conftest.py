"""An office of nine: one account a role, at a site whose register the tests of this room share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask

from certsvc.app import create_app
from certsvc.services.context import Services
from certsvc.services.staff.roles import Role
from certsvc.web.console import sign_in
from tests.builders.installation import Clock
from tests.builders.site import NOW, Register, make_register
from tests.builders.staff import Browser, Member, join
from tests.web.conftest import GENEROUS


@dataclass
class Office:
    app: Flask
    services: Services
    register: Register
    clock: Clock
    members: dict[str, Member] = field(default_factory=dict)

    def member(self, role: str) -> Member:
        """The one of this role; joined when first asked for."""
        if role not in self.members:
            self.members[role] = join(self.services, f"{role.replace('-', '')}1", role)
        return self.members[role]

    def browser(self, role: str) -> Browser:
        """A browser of theirs, signed in."""
        return Browser(self.app, self.services).enter(self.member(role))

    def visitor(self) -> Browser:
        return Browser(self.app, self.services)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = make_register(tmp_path_factory.mktemp("office"), **GENEROUS)
    clock = Clock(NOW)
    services = dataclasses.replace(made.services, now=clock)
    yield Office(create_app(made.settings, services=services), services, made, clock)
    services.database.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers leave at once here; that they otherwise wait is tested with the sign-in."""
    monkeypatch.setattr(sign_in, "UNIFORM_SECONDS", 0.0)


ROLES: tuple[str, ...] = tuple(role.value for role in Role)
