"""The short way in: scans take turns, and none waits for one that hangs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from werkzeug.test import Client

from certsvc.web.front import Front
from certsvc.web.scans import Scans
from certsvc.web.site import EXTENSION
from tests.builders.site import Register

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def _behind(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("299 Behind", [])
    return (b"",)


@pytest.fixture
def front(app: Flask) -> Front:
    return Front(_behind, Scans(app.extensions[EXTENSION], ["localhost"]))


def test_a_scan_that_hangs_holds_up_nobody(front: Front, register: Register) -> None:
    front._scans._turn.acquire()
    assert Client(front).get(f"/v/{register.held['valid'].token}").status_code == 200
    assert front._scans._turn.locked()  # anyone who had no turn gives none back


def test_a_fault_gives_the_turn_back_and_goes_on_to_flask(
    front: Front, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certsvc.web.scans._ask", lambda *_: 1 / 0)
    assert Client(front).get(f"/v/{register.held['valid'].token}").status_code == 299
    assert not front._scans._turn.locked()
