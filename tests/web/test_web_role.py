"""The role of docs/deploy/web-role.sql: the site works under it, and cannot reach what certificates are made from."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from werkzeug.test import TestResponse

from certsvc.app import create_app, create_asgi, open_services
from certsvc.config import Settings
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.terms import Subject
from certsvc.services.certificates import home, home_review, reissue
from certsvc.services.certificates.home import Picture, Shows
from certsvc.services.context import Services
from certsvc.services.holders import own_record as mine
from certsvc.services.holders import share_links
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes import make_access_code
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.operation import sending_systems
from certsvc.services.verification import scan
from certsvc.store import Base, ReissueRequestRecord
from examples import results_client
from tests.builders.applying import PHONE, apply_from_home, photograph
from tests.builders.holders import MISSING, RETURNED_NAME, Someone, access_code, bring_reviewed
from tests.builders.postgresql import postgresql_database
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register, id_number_of, make_register
from tests.web.asgi_client import ask

pytestmark = pytest.mark.postgresql
RESULTS_SQL = Path(__file__).parents[2] / "docs" / "deploy" / "results-role.sql"
SQL = Path(__file__).parents[2] / "docs" / "deploy" / "web-role.sql"
WRITTEN = {
    "api_key_use",
    "holder_code",
    "holder_session",
    "kept_check",
    "limit_count",
    "message",
    "scan_count",
    "share_link",
    "share_opening",
}
ADDED_TO = {"audit_event", "evidence_picture", "reissue_request"}
CHANGED = {"home_application"}  # added to and changed, never deleted from


@pytest.fixture
def site(tmp_path: Path, socket_enabled: None) -> Iterator[tuple[Register, Services]]:
    """A register on PostgreSQL, and the services of a site that comes to it under the narrow role."""
    role = f"web_{secrets.token_hex(6)}"
    for database in postgresql_database():
        url = database.engine.url
        whole = url.render_as_string(hide_password=False)
        register = make_register(tmp_path, CERTSVC_DATABASE_URL=whole)
        with database.engine.begin() as connection:
            connection.execute(text(f"create role {role} login"))
            connection.exec_driver_sql(SQL.read_text("utf-8").replace('"certsvc-web"', role))
        narrow = url.set(username=role).render_as_string(hide_password=False)
        services = open_services(
            Settings.from_environment({"CERTSVC_HOME": str(register.settings.home), "CERTSVC_DATABASE_URL": narrow}),
            now=register.services.now,
        )
        yield register, services
        services.database.close()
        register.services.database.close()
        with database.engine.begin() as connection:
            connection.execute(text(f"drop owned by {role}"))
            connection.execute(text(f"drop role {role}"))


def test_visitors_are_answered_counted_and_limited_under_it(site: tuple[Register, Services]) -> None:
    register, services = site
    app = create_app(register.settings, services=services)
    client = app.test_client()
    held = register.held["valid"]
    assert client.get(f"/v/{held.token}").status_code == 200
    found = client.post("/verify/number", data={"number": held.number, "name": held.name})
    assert (found.status_code, held.number in found.text) == (200, True)
    assert client.get("/readyz").status_code == 200
    assert "certsvc_database_up 1" in client.get("/metrics").text
    with pytest.raises(scan.WouldWait):  # a server is asked in a thread
        scan.by_token(services, held.token, wait=False)
    scanned = ask(create_asgi(register.settings, services=services), f"/v/{held.token}")
    assert (scanned.status, held.number in scanned.body.decode()) == (200, True)


def test_a_holder_signs_in_shares_and_applies_under_it(site: tuple[Register, Services]) -> None:
    register, services = site
    held = register.held["valid"]
    identity = IdentityDocument(IdType.RESIDENT_ID, held.id_number)
    access.request_code(services, held.name, identity)
    assert send_due(services).sent == 1
    code = make_access_code(register.services, identity, by="窗口").code
    signed_in = access.sign_in(services, held.name, identity, code)
    assert signed_in is not None
    holder = access.holder_of(services, signed_in.secret)
    assert holder is not None
    (shown,) = mine.view(services, holder).certificates
    link = mine.create_share(services, holder, shown.number, 7)
    opened = share_links.open_link(services, str(link.secret))
    assert opened is not None
    access.sign_out(services, signed_in.secret)
    assert access.holder_of(services, signed_in.secret) is None
    lost = IdentityDocument(IdType.RESIDENT_ID, id_number_of(80))
    request = reissue.apply(services, number=PAPER_NUMBER, name=PAPER_NAME, identity=lost, reason="lost", by="holder")
    assert request.state == "applied"


def test_a_holder_of_paper_applies_from_home_under_it(site: tuple[Register, Services]) -> None:
    register, services = site
    lost = IdentityDocument(IdType.RESIDENT_ID, id_number_of(80))
    reference = apply_from_home(services, number=PAPER_NUMBER, name=PAPER_NAME, identity=lost)
    with register.services.database.reading() as session:
        request = session.scalars(select(ReissueRequestRecord.id).order_by(ReissueRequestRecord.id.desc())).first()
    home_review.return_for(register.services, request or 0, missing="背面", by="审核员")
    picture = Picture(Shows.DOCUMENT, photograph())
    assert home.send_more(services, reference, PHONE[-4:], pictures=[picture], said="背面")
    found = home.state_of(services, reference, PHONE[-4:])
    assert found is not None
    assert found.state == "received"


def test_a_candidate_follows_the_review_under_it(site: tuple[Register, Services]) -> None:
    register, services = site
    bring_reviewed(register.services, register.settings.home)
    someone = Someone(RETURNED_NAME)
    code = access_code(register.services, someone)
    signed_in = access.sign_in(services, someone.name, someone.identity, code)
    assert signed_in is not None
    holder = access.holder_of(services, signed_in.secret)
    assert holder is not None
    (shown,) = mine.view(services, holder).enrolments
    assert shown.review is not None
    assert (shown.review.state.value, shown.review.remark) == ("returned", MISSING)


def test_what_certificates_are_made_from_is_out_of_its_reach(site: tuple[Register, Services]) -> None:
    _, services = site
    for table in Base.metadata.sorted_tables:
        forbidden = {"insert", "update", "delete"}
        if table.name in WRITTEN:
            forbidden = set()
        elif table.name in ADDED_TO:
            forbidden = {"update", "delete"}
        elif table.name in CHANGED:
            forbidden = {"delete"}
        with services.database.engine.connect() as connection:
            for deed in ("insert", "update", "delete"):
                may = connection.scalar(
                    text("select has_table_privilege(:table, :deed)"), {"table": table.name, "deed": deed}
                )
                assert may is (deed not in forbidden), (table.name, deed)
    with services.database.engine.connect() as connection:
        for secret in ("account", "passkey", "recovery_code", "staff_session"):
            may = text("select has_table_privilege(:table, 'select')")
            assert connection.scalar(may, {"table": secret}) is False, secret
    with services.database.engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text("update attempt set score_hundredths = 10000"))


def test_results_by_a_signed_call_need_a_role_that_takes_them_and_publishes_none(
    site: tuple[Register, Services],
) -> None:
    register, services = site
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    system = sending_systems.register(register.services, "机考", pem, [Subject.THEORY], station=None, by="管理员")
    held, base = register.held["valid"], services.base_url
    row = {"id_number": held.id_number, "name": held.name, "subject": "theory", "sat_on": "2025-03-24"}
    new = row | {"sat_on": "2025-03-23", "outcome": "void"}  # counts as not taken, so that nothing forbids it
    body = json.dumps({"rows": [row | {"kind": "first", "score": "81.5"}, new | {"kind": "first"}]}).encode()
    client = create_app(register.settings, services=services).test_client()

    def send() -> TestResponse:
        moment = int(services.now().timestamp())
        headers = results_client.signed_headers(base, body, key, system.key_id, "d-1", created=moment)
        return client.post(results_client.PATH, data=body, headers=headers, base_url=base)

    assert (send().status_code, send().json["code"]) == (403, "not-permitted")
    role = services.database.engine.url.username
    with register.services.database.engine.begin() as connection:
        connection.exec_driver_sql(RESULTS_SQL.read_text("utf-8").replace('"certsvc-web"', str(role)))
    taken = send()
    assert (taken.status_code, taken.json) == (200, {"delivery": "d-1", "new": 1, "unchanged": 1, "warnings": []})
    may = text("select has_column_privilege('attempt', :name, :deed)")
    with services.database.engine.connect() as connection:
        assert connection.scalar(may, {"name": "score_hundredths", "deed": "insert"})
        assert not connection.scalar(may, {"name": "published_on", "deed": "insert"})
        assert not connection.scalar(may, {"name": "score_hundredths", "deed": "update"})
