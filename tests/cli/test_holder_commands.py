"""`certsvc holder …`: a code over the counter, and the queue of messages, with nothing personal in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from certsvc.cli import work
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.holders import sign_in as access
from tests.builders.person import Candidate, write_csv

Certsvc = Callable[..., Result]
PERSON = Candidate()
IDENTITY = IdentityDocument(IdType.RESIDENT_ID, PERSON.id_number)


@pytest.fixture
def registered(certsvc: Certsvc, tmp_path: Path) -> Certsvc:
    """A home in which one person is on record."""
    certsvc("init")
    certsvc("candidates", "import", write_csv(tmp_path / "c.csv", [PERSON.cells()]))
    return certsvc


def test_a_code_from_the_desk_signs_in(registered: Certsvc) -> None:
    made = registered("holder", "code", "--id-number", PERSON.id_number, "--by", "窗口")
    assert made.exit_code == 0
    code = made.stdout.strip()
    assert re.fullmatch(r"([A-Z0-9]{4}-){2}[A-Z0-9]{4}", code), "nothing else stands on standard output"
    assert "good once" in made.stderr
    assert PERSON.id_number not in made.stdout + made.stderr
    assert access.sign_in(work.services(), PERSON.name, IDENTITY, code) is not None
    again = json.loads(registered("holder", "code", "--id-number", PERSON.id_number, "--json").stdout)
    assert set(again) == {"code", "expires_at"}
    assert again["code"] != code


def test_a_document_of_nobody_and_a_mistyped_one_are_refused_with_what_where_and_rule(registered: Certsvc) -> None:
    nobody = registered("holder", "code", "--id-number", Candidate(serial=2).id_number)
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "R10" in nobody.stderr
    assert Candidate(serial=2).id_number not in nobody.stderr
    mistyped = registered("holder", "code", "--id-number", PERSON.id_number[:-1] + "A")
    assert mistyped.exit_code == 1
    assert "R9" in mistyped.stderr
    assert "id_number" in mistyped.stderr
    passport = registered("holder", "code", "--id-number", "P1234567", "--id-type", "passport", "--json")
    assert json.loads(passport.stdout)["refused"]["code"] == "not-found"
    assert registered("holder", "code").exit_code == 2


def test_messages_are_counted_and_sent_and_name_nobody(registered: Certsvc, tmp_path: Path) -> None:
    services = work.services()
    access.request_code(services, PERSON.name, IDENTITY)
    access.request_code(services, "张三", IDENTITY)
    waiting = registered("holder", "messages")
    assert "waiting 2" in waiting.stdout
    assert "oldest waiting" in waiting.stdout
    assert "waiting 0" in registered("holder", "send").stdout
    told = registered("holder", "messages").stdout
    for said in ("sent 1", "dropped 1", "not-known: 1", "last sent", str(tmp_path / "home" / "outbox")):
        assert said in told
    for personal in (PERSON.phone, PERSON.name, PERSON.id_number):
        assert personal not in told + waiting.stdout
    (message,) = (tmp_path / "home" / "outbox").iterdir()
    code = json.loads(message.read_text("utf-8"))["code"]
    assert access.sign_in(services, PERSON.name, IDENTITY, code) is not None


def test_the_queue_in_json(registered: Certsvc, tmp_path: Path) -> None:
    assert json.loads(registered("holder", "messages", "--json").stdout) == {
        "sent_by": "outbox",
        "asked": 0,
        "queued": 0,
        "sent": 0,
        "failed": 0,
        "dropped": 0,
        "faults": {},
        "oldest_waiting_at": None,
        "last_sent_at": None,
        "outbox": str(tmp_path / "home" / "outbox"),
    }
    access.request_code(work.services(), PERSON.name, IDENTITY)
    assert json.loads(registered("holder", "messages", "--json").stdout)["oldest_waiting_at"]
    assert json.loads(registered("holder", "send", "--json").stdout) == {
        "sent": 1,
        "failed": 0,
        "dropped": 0,
        "waiting": 0,
    }
    assert json.loads(registered("holder", "messages", "--json").stdout)["last_sent_at"]


def test_with_a_gateway_there_is_no_outbox(
    registered: Certsvc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("a secret of thirty-two characters\n")
    monkeypatch.setenv("CERTSVC_SMS_URL", "https://gateway.example/send")
    monkeypatch.setenv("CERTSVC_SMS_SECRET_FILE", str(tmp_path / "secret"))
    told = json.loads(registered("holder", "messages", "--json").stdout)
    assert (told["sent_by"], told["outbox"]) == ("gateway", None)
    assert "outbox" not in registered("holder", "messages").stdout
    monkeypatch.setenv("CERTSVC_SMS_URL", "http://gateway.example/send")
    refused = registered("holder", "messages")
    assert refused.exit_code == 1
    assert "CERTSVC_SMS_URL" in refused.stderr


def test_real_keys_without_a_gateway_leave_access_codes_alone(
    registered: Certsvc, monkeypatch: pytest.MonkeyPatch
) -> None:
    from certsvc.signing.keystore import Keystore

    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    assert "access codes alone" in registered("holder", "messages").stdout
    assert json.loads(registered("holder", "messages", "--json").stdout)["sent_by"] is None
    assert registered("holder", "code", "--id-number", PERSON.id_number).exit_code == 0
