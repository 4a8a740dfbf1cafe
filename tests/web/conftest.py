"""One register for all tests that only read, and a client that meets no limit unless a test sets one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from certsvc.app import create_app
from tests.builders.holders import Place, bring_holders
from tests.builders.site import Register, make_register

GENEROUS = {
    f"CERTSVC_LIMIT_{kind}": "100000/minute" for kind in ("PAGE", "GUESS", "RECORD", "FILE", "SIGN_IN", "PERSON")
}


@pytest.fixture(scope="session")
def register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Register]:
    made = make_register(tmp_path_factory.mktemp("site"), **GENEROUS)
    yield made
    made.services.database.close()


@pytest.fixture(scope="session")
def app(register: Register) -> Flask:
    return create_app(register.settings, services=register.services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Register]:
    """A register of the test's own, to change."""
    made = make_register(tmp_path, **GENEROUS)
    yield made
    made.services.database.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A register in which holders have something to see."""
    made = make_register(tmp_path_factory.mktemp("holders"), **GENEROUS)
    bring_holders(made)
    yield Place(made, create_app(made.settings, services=made.services))
    made.services.database.close()


@pytest.fixture
def own_site(own: Register) -> Place:
    """The site of a register of the test's own."""
    return Place(own, create_app(own.settings, services=own.services))
