"""POST /api/v1/results: the reference client against a real server, and every way in which a call is refused."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from certsvc.app import create_app, create_asgi, open_services
from certsvc.config import Settings
from certsvc.errors import Conflict, Refused
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination.deliver import delivery_binding
from certsvc.services.operation import sending_systems
from certsvc.services.operation.init import initialise
from certsvc.signing.http_signature import Request, signature_base
from certsvc.store import AttemptRecord, AuditEventRecord, ResultsDeliveryRecord
from examples import results_client
from tests.builders.examining import STATION, add, admit, attempts, on_record
from tests.builders.person import Candidate
from tests.builders.postgresql import postgresql_database

BASE = "https://certs.example.org"


@dataclass
class Station:
    """A site with candidates on record, and a theory system that may send."""

    services: Services
    settings: Settings
    people: list[Candidate]
    key: Ed25519PrivateKey
    key_id: str

    @cached_property
    def app(self) -> Flask:
        return create_app(self.settings, services=self.services)

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def send(self, content: object, delivery: str = "d-1", **changes: Any) -> Any:
        """One call through the application; `changes` replace headers after they were signed, or what is signed."""
        body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
        base = changes.pop("base_url", BASE)
        key, key_id = changes.pop("key", self.key), changes.pop("key_id", self.key_id)
        headers = changes.pop("headers", None) or results_client.signed_headers(base, body, key, key_id, delivery)
        headers |= changes.pop("replaced", {})
        return self.client.post(
            results_client.PATH, data=changes.pop("sent", body), headers=headers, base_url=changes.pop("to", BASE)
        )


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def make(home: Path, base_url: str = BASE, **more: str) -> Station:
    home.mkdir(exist_ok=True)
    settings = Settings.from_environment({"CERTSVC_HOME": str(home), "CERTSVC_BASE_URL": base_url} | more)
    services = open_services(settings, now=lambda: datetime.now(UTC), clock_is_right=True)
    initialise(services)
    people = on_record(services, home, 3)
    key = Ed25519PrivateKey.generate()
    system = sending_systems.register(
        services, "机考系统", public_pem(key), [Subject.THEORY], station=None, by="管理员"
    )
    return Station(services, settings, people, key, system.key_id)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = make(tmp_path / "home")
    yield made
    made.services.database.close()


def rows(station: Station, **changes: str) -> dict[str, object]:
    return {"rows": [one.result("theory", **({"score": "80"} | changes)) for one in station.people]}


def problem(answer: Any) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json["code"], answer.json.get("where")


def test_a_delivery_is_recorded_by_its_system_and_seen_by_no_one_yet(station: Station) -> None:
    answer = station.send(rows(station))
    assert (answer.status_code, answer.json) == (200, {"delivery": "d-1", "new": 3, "unchanged": 0, "warnings": []})
    assert attempts(station.services) == [("theory", "first", "scored", 8000, "system:机考系统")] * 3
    with station.services.database.reading() as session:
        assert set(session.scalars(select(AttemptRecord.published_on))) == {None}
        noted = session.scalars(select(AuditEventRecord).where(AuditEventRecord.action == "results.deliver")).one()
    assert (noted.by, noted.object_key) == ("system:机考系统", "d-1")


def test_the_same_key_and_body_give_the_same_answer_and_another_body_a_conflict(station: Station) -> None:
    first = station.send(rows(station))
    assert station.send(rows(station)).json == first.json
    other = station.send(rows(station, score="81"))
    assert problem(other) == (409, "conflict", "idempotency-key")
    assert len(attempts(station.services)) == 3
    again = station.send(rows(station), "d-2")
    assert (again.json["new"], again.json["unchanged"]) == (0, 3)


def test_what_the_rules_refuse_is_told_by_row_and_nothing_is_stored(station: Station) -> None:
    said = rows(station)
    bad = said["rows"]
    assert isinstance(bad, list)
    bad[1] = {**bad[1], "score": "101"}
    bad[2] = {**bad[2], "name": "别人"}
    answer = station.send(said)
    assert problem(answer)[:2] == (422, "import-refused")
    assert [(one["row"], one["column"], one["rule"]) for one in answer.json["errors"]] == [
        (2, "score", "R2.2"),
        (3, "name", "R9"),
    ]
    assert attempts(station.services) == []
    assert station.people[2].id_number not in answer.text
    assert station.send(rows(station)).status_code == 200  # what was refused left its key free


def test_a_system_sends_its_own_subjects_alone(station: Station) -> None:
    answer = station.send({"rows": [station.people[0].result("practical", "80")]})
    assert [one["column"] for one in answer.json["errors"]] == ["subject"]


def test_a_system_of_a_station_sends_its_roll_alone(station: Station) -> None:
    key = Ed25519PrivateKey.generate()
    registered = sending_systems.register(
        station.services, "站内系统", public_pem(key), [Subject.THEORY], station=STATION, by="管理员"
    )
    admit(station.services, add(station.services, Subject.THEORY), station.people[:2])
    answer = station.send(rows(station), key=key, key_id=registered.key_id)
    assert [(one["row"], one["column"]) for one in answer.json["errors"]] == [(3, "sat_on")]
    mine = {"rows": [one.result("theory", "80") for one in station.people[:2]]}
    assert station.send(mine, key=key, key_id=registered.key_id).json["new"] == 2


def test_a_delivery_is_kept_as_it_was_signed(station: Station) -> None:
    station.send(rows(station))
    with station.services.database.reading() as session:
        kept = session.scalars(select(ResultsDeliveryRecord)).one()
    assert station.people[0].id_number.encode() not in kept.sealed
    opened = station.services.vault.open(kept.sealed, kept.sealed_kid, delivery_binding(kept.system_id, "d-1"))
    assert json.loads(str(opened["body"])) == rows(station)
    station.key.public_key().verify(kept.signature, kept.signature_base.encode())


# What is refused, and that it is said


def test_a_replay_is_refused(station: Station) -> None:
    body = json.dumps(rows(station)).encode()
    headers = results_client.signed_headers(BASE, body, station.key, station.key_id, "d-1")
    assert station.send(body, headers=dict(headers)).status_code == 200
    again = station.send(body, headers=dict(headers))
    assert problem(again) == (401, "signature-refused", "nonce")
    assert "replay" in again.json["title"]


def test_a_body_that_was_altered_on_the_way_is_refused(station: Station) -> None:
    altered = json.dumps(rows(station)).encode().replace(b'"80"', b'"90"')
    assert problem(station.send(rows(station), sent=altered)) == (401, "signature-refused", "content-digest")
    digest = results_client.signed_headers(BASE, altered, station.key, station.key_id, "d")["Content-Digest"]
    with_digest = station.send(rows(station), sent=altered, replaced={"Content-Digest": digest})
    assert problem(with_digest) == (401, "signature-refused", "signature")
    assert attempts(station.services) == []


def test_an_altered_component_is_refused(station: Station) -> None:
    assert problem(station.send(rows(station), replaced={"Idempotency-Key": '"d-9"'}))[2] == "signature"


def test_an_expired_signature_and_one_of_the_future_are_refused(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    for minutes, says in ((-6, "expired"), (6, "future")):
        with monkeypatch.context() as patch:
            patch.setattr(results_client.time, "time", lambda away=minutes: real() + 60 * away)
            answer = station.send(rows(station))
        assert problem(answer) == (401, "signature-refused", "created")
        assert says in answer.json["title"]


def test_an_unknown_key_and_a_revoked_one_are_refused(station: Station) -> None:
    assert problem(station.send(rows(station), key_id="f" * 32)) == (401, "signature-refused", "keyid")
    stranger = station.send(rows(station), key=Ed25519PrivateKey.generate())
    assert problem(stranger) == (401, "signature-refused", "signature")
    sending_systems.revoke(station.services, 1, by="管理员")
    revoked = station.send(rows(station))
    assert problem(revoked) == (401, "signature-refused", "keyid")
    assert "revoked" in revoked.json["title"]


def test_a_call_signed_for_another_host_is_refused(station: Station) -> None:
    other = "https://other.example.org"
    assert problem(station.send(rows(station), base_url=other)) == (401, "signature-refused", "signature")
    elsewhere = station.send(rows(station), base_url="http://localhost", to="http://localhost")
    assert problem(elsewhere) == (401, "signature-refused", "@authority")


def test_a_call_without_a_signature_or_with_less_than_all_is_refused(station: Station) -> None:
    bare = station.send(rows(station), headers={"Content-Type": "application/json"})
    assert problem(bare) == (401, "signature-refused", "missing")
    body = json.dumps(rows(station)).encode()
    headers = results_client.signed_headers(BASE, body, station.key, station.key_id, "d-1")
    stated = headers["Signature-Input"].removeprefix("sig=").replace(' "idempotency-key"', "")
    names = [name for name in results_client.COVERED if name != "idempotency-key"]
    asked = Request("POST", BASE + results_client.PATH, {name.lower(): value for name, value in headers.items()})
    import base64

    value = base64.b64encode(station.key.sign(signature_base(asked, names, stated).encode())).decode()
    headers |= {"Signature-Input": f"sig={stated}", "Signature": f"sig=:{value}:"}
    assert problem(station.send(body, headers=headers)) == (401, "signature-refused", "idempotency-key")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"rows": []}',
        b'{"rows": [1]}',
        b'{"rows": [{"score": 60}]}',
        b'{"rows": [{"nonsense": "x"}]}',
        b'{"rows": [{"name": "a\\nb"}]}',
        b'{"rows": [{"name": "x"}], "more": 1}',
        b"[" * 100_000,
    ],
    ids=range(11),
)
def test_a_signed_body_of_another_form_is_refused(station: Station, content: bytes) -> None:
    assert problem(station.send(content))[:2] == (422, "refused")


@pytest.mark.parametrize("delivery", ["", "x" * 101])
def test_an_idempotency_key_has_bounds(station: Station, delivery: str) -> None:
    assert problem(station.send(rows(station), delivery))[1:] == ("refused", "idempotency-key")


def test_a_body_is_bounded_by_the_gate(station: Station) -> None:
    large = {"rows": [station.people[0].result("theory", "80", name="甲" * 190)] * 4000}
    assert station.send(large).status_code == 413


def test_another_media_type_is_refused(station: Station) -> None:
    assert problem(station.send(rows(station), replaced={"Content-Type": "text/csv"}))[:2] == (400, "bad-request")


# Systems


def test_a_system_is_registered_once_by_an_ed25519_key(station: Station) -> None:
    again = (station.services, "另一系统", public_pem(station.key), [Subject.THEORY])
    with pytest.raises(Conflict):
        sending_systems.register(*again, station=None, by="x")
    for pem in (b"nonsense", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(Refused):
            sending_systems.register(station.services, "坏的", pem, [Subject.THEORY], station=None, by="x")
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Refused, match="Ed25519"):
        sending_systems.register(station.services, "坏的", pem, [Subject.THEORY], station=None, by="x")
    (one,) = sending_systems.list_systems(station.services)
    assert (one.name, one.subjects, one.revoked_at) == ("机考系统", (Subject.THEORY,), None)


def test_nonces_are_forgotten_once_they_cannot_come_again(station: Station) -> None:
    station.send(rows(station))
    (system,) = sending_systems.list_systems(station.services)
    later = datetime.now(UTC) + timedelta(hours=1)
    moved = open_services(station.settings, now=lambda: later, clock_is_right=True)
    sending_systems.take_nonce(moved, system, "x" * 20)
    with moved.database.reading() as session:
        assert session.scalar(text("select count(*) from seen_nonce")) == 1
    moved.database.close()


# The reference client, over a real server


@dataclass
class Served:
    station: Station
    base_url: str


@pytest.fixture
def served(tmp_path: Path, socket_enabled: None) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    made = make(tmp_path / "home", base_url)
    server = uvicorn.Server(
        uvicorn.Config(create_asgi(made.settings, services=made.services), port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.05)
    yield Served(made, base_url)
    server.should_exit = True
    thread.join(30)
    made.services.database.close()


def test_the_reference_client_sends_over_a_real_server(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file, file = tmp_path / "key.pem", tmp_path / "results.json"
    assert results_client.main(["new-key", str(key_file)]) == 0
    assert key_file.stat().st_mode & 0o777 == 0o600
    pem = Path(capsys.readouterr().out.strip()).read_bytes()
    system = sending_systems.register(
        served.station.services, "参考客户端", pem, [Subject.THEORY], station=None, by="管理员"
    )
    file.write_text(json.dumps(rows(served.station), ensure_ascii=False), "utf-8")
    call = ["send", served.base_url, str(key_file), system.key_id, str(file), "--key", "d-1"]
    assert results_client.main(call) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["new"] == 3
    assert results_client.main(call) == 0
    assert json.loads(capsys.readouterr().out) == first
    file.write_text(json.dumps(rows(served.station, score="1"), ensure_ascii=False), "utf-8")
    assert results_client.main(call) == 1
    assert json.loads(capsys.readouterr().out)["status"] == 409


def test_sixteen_calls_at_once_under_one_key_have_one_effect(served: Served) -> None:
    station = served.station
    body = json.dumps(rows(station), ensure_ascii=False).encode()
    answers: list[tuple[int, dict[str, object]]] = []

    def call() -> None:
        answers.append(results_client.send(served.base_url, body, station.key, station.key_id, "d-1"))

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [answer for status, answer in answers if status == 200]
    assert {status for status, _ in answers} <= {200, 503}  # some may not have had a turn
    assert done
    assert all(answer == done[0] for answer in done)
    assert len(attempts(station.services)) == 3


@pytest.fixture
def on_postgresql(tmp_path: Path, socket_enabled: None) -> Iterator[Station]:
    for database in postgresql_database():
        made = make(tmp_path / "home", CERTSVC_DATABASE_URL=database.engine.url.render_as_string(hide_password=False))
        yield made
        made.services.database.close()


@pytest.mark.postgresql
def test_it_is_the_same_on_postgresql(on_postgresql: Station) -> None:
    station = on_postgresql
    statuses: list[int] = []
    assert station.app  # once: Werkzeug compiles its routes by `ast`, which two threads of Python 3.11 disturb

    def call() -> None:
        statuses.append(station.send(rows(station)).status_code)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert len(attempts(station.services)) == 3
    assert problem(station.send(rows(station, score="1"))) == (409, "conflict", "idempotency-key")
