"""A row put back by hand is no answer at any address: "cannot be checked just now", counted, and alarmed (R10)."""

from __future__ import annotations

import asyncio
import logging

import pytest
from sqlalchemy import text

from certsvc.app import create_app, create_asgi
from certsvc.web.holder import sign_in
from certsvc.web.site import EXTENSION, Site
from tests.builders.holders import Place, Someone, enter, share_link
from tests.builders.site import Register
from tests.web.asgi_client import exchange, scope_of
from tests.web.test_operation import figures

pytestmark = pytest.mark.usefixtures("socket_enabled")


def test_a_revoked_certificate_whose_row_says_valid_is_shown_as_valid_nowhere(
    own: Register, caplog: pytest.LogCaptureFixture
) -> None:
    revoked = own.held["revoked"]
    with own.services.database.writing() as session:
        session.execute(text("update certificate set status = 'valid' where token = :token"), {"token": revoked.token})
    app = create_app(own.settings, services=own.services)
    client, loop = app.test_client(), create_asgi(own.settings, services=own.services)
    for path, accept in (
        (f"/v/{revoked.token}", "application/json"),
        (f"/v/{revoked.token}", "text/html"),
        (f"/api/v1/certificates/{revoked.token}", "application/json"),
    ):
        answer = client.get(path, headers={"Accept": accept})
        heard = asyncio.run(exchange(loop, scope_of(path, headers={"Accept": accept})))
        for status, body in ((answer.status_code, answer.data), (heard.status, heard.body)):
            assert status == 503
            assert revoked.name.encode() not in body
            assert b'class="valid' not in body
    asked = {"number": revoked.number, "name": revoked.name}
    found = client.post("/verify/number", data=asked, headers={"Accept": "application/json"})
    assert found.json is not None
    assert found.json["state"] == "unavailable"
    listed = client.post("/api/v1/verifications", json={"rows": [asked]})
    assert listed.json is not None
    assert [row["state"] for row in listed.json["rows"]] == ["unavailable"]
    assert "the register contradicts the log" in caplog.text
    assert {record.levelno for record in caplog.records if record.name == "certsvc.register"} == {logging.ERROR}
    site: Site = app.extensions[EXTENSION]
    site.figures.flush()
    assert float(figures(own)["certsvc_contradicted_total"]) >= 5


def test_its_holder_and_who_was_handed_a_link_are_told_the_same(
    own_site: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "UNIFORM_SECONDS", 0.0)
    register, holder = own_site.register, own_site.visitor()
    enter(holder, own_site.services, Someone(register.valid.name))
    address = share_link(holder, register.valid.number)
    with own_site.services.database.writing() as session:
        leaf = text(
            'update log_leaf set hash = zeroblob(32) where "index" = '
            "(select leaf_index from certificate where token = :token)"
        )
        session.execute(leaf, {"token": register.valid.token})
    handed = own_site.visitor().get(address)
    assert handed.status_code == 503
    assert 'data-state="unavailable"' in handed.text
    assert register.valid.number not in handed.text
    mine = holder.get("/my")
    assert mine.status_code == 200
    assert 'data-state="unavailable"' in mine.text
