"""Handing one message over: signed, over TLS, to a gateway that is real; and no error names phone or code (R10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.delivery import sms as messages
from certsvc.delivery.sms import HttpMessenger, Message, NotSent, Outbox
from certsvc.errors import Refused
from certsvc.services.holders.sign_in import codes_are_sent
from tests.builders.gateway import SECRET, Gateway, gateway, secret_file, tls_for_this_machine

__all__ = ["gateway", "secret_file"]  # fixtures
MESSAGE = Message(id="ab" * 16, to="13800000000", text="验证码 123456", code="123456", minutes=10)
AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def messenger(gateway: Gateway, secret_file: Path) -> HttpMessenger:
    return HttpMessenger(gateway.url, secret_file)


def test_a_message_is_posted_as_json_signed_over_exactly_its_bytes(messenger: HttpMessenger, gateway: Gateway) -> None:
    messenger.send(MESSAGE, AT)
    assert gateway.taken == [
        {
            "at": int(AT.timestamp()),
            "code": "123456",
            "id": MESSAGE.id,
            "minutes": 10,
            "text": MESSAGE.text,
            "to": MESSAGE.to,
        }
    ]


def test_another_secret_is_not_taken(gateway: Gateway, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"another secret of some length")
    with pytest.raises(NotSent, match="http-403") as refused:
        HttpMessenger(gateway.url, other).send(MESSAGE, AT)
    assert not refused.value.again
    assert gateway.taken == []


def test_a_changed_secret_is_used_at_once(gateway: Gateway, secret_file: Path) -> None:
    secret_file.write_bytes(b"the secret that was there before")
    messenger = HttpMessenger(gateway.url, secret_file)
    secret_file.write_bytes(SECRET)
    messenger.send(MESSAGE, AT)
    assert len(gateway.taken) == 1


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False), (302, False)]
)
def test_an_answer_that_is_no_yes_is_a_fixed_word(
    messenger: HttpMessenger, gateway: Gateway, status: int, again: bool
) -> None:
    gateway.statuses = [status]
    with pytest.raises(NotSent) as refused:
        messenger.send(MESSAGE, AT)
    assert (refused.value.fault, refused.value.again) == (f"http-{status}", again)
    assert gateway.asked == 1, "a redirect is not followed"


def test_a_gateway_that_is_not_there_or_too_slow_is_named_without_phone_or_code(
    gateway: Gateway, secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_SECONDS", 0.2)
    gateway.pause = 1.0
    slow = HttpMessenger(gateway.url, secret_file)
    nobody = HttpMessenger("http://127.0.0.1:1/", secret_file)
    for messenger, fault in ((slow, "timeout"), (nobody, "unreachable")):
        with pytest.raises(NotSent) as refused:
            messenger.send(MESSAGE, AT)
        assert (refused.value.fault, refused.value.again) == (fault, True)
        told = str(refused.value) + repr(refused.value) + repr(messenger)
        assert refused.value.__suppress_context__
        for personal in (MESSAGE.to, MESSAGE.code, MESSAGE.text, SECRET.decode()):
            assert personal not in told


def test_https_asks_for_a_certificate_that_is_trusted(gateway: Gateway, secret_file: Path) -> None:
    address = gateway.url.replace("http://", "https://")
    with pytest.raises(NotSent, match="tls"):
        HttpMessenger(address, secret_file).send(MESSAGE, AT)


def test_a_gateway_over_tls_is_asked_with_its_certificate_checked(
    gateway: Gateway, secret_file: Path, tmp_path: Path
) -> None:
    server, client = tls_for_this_machine(tmp_path)
    gateway.server.socket = server.wrap_socket(gateway.server.socket, server_side=True)
    address = gateway.url.replace("http://127.0.0.1", "https://localhost")
    HttpMessenger(address, secret_file, client).send(MESSAGE, AT)
    assert len(gateway.taken) == 1
    with pytest.raises(NotSent, match="tls"):
        HttpMessenger(address, secret_file).send(MESSAGE, AT)


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example/",
        "ftp://gateway.example/",
        "gateway.example",
        "https://",
        "https://me:word@gateway.example/",
    ],
)
def test_an_address_that_would_carry_codes_in_clear_is_refused(url: str, secret_file: Path) -> None:
    with pytest.raises(Refused, match="CERTSVC_SMS_URL"):
        HttpMessenger(url, secret_file)


def test_a_secret_that_is_missing_or_short_is_refused_where_it_is_named(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"short\n")
    for path in (short, tmp_path / "missing"):
        with pytest.raises(Refused, match="CERTSVC_SMS_SECRET_FILE"):
            HttpMessenger("https://gateway.example/", path)


def test_settings_name_the_gateway_and_its_secret(tmp_path: Path, secret_file: Path) -> None:
    environment = {"CERTSVC_HOME": str(tmp_path), "CERTSVC_SMS_URL": "https://gateway.example/send"}
    with pytest.raises(Refused, match="CERTSVC_SMS_SECRET_FILE"):
        open_services(Settings.from_environment(environment))
    whole = Settings.from_environment(environment | {"CERTSVC_SMS_SECRET_FILE": str(secret_file)})
    services = open_services(whole)
    assert services.messenger == HttpMessenger("https://gateway.example/send", secret_file)
    assert codes_are_sent(services)
    assert open_services(Settings.from_environment({"CERTSVC_HOME": str(tmp_path)})).messenger is None


def test_the_outbox_keeps_a_day_of_messages(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    outbox.send(MESSAGE, AT)
    outbox.send(replace(MESSAGE, id="cd" * 16), AT + timedelta(hours=23))
    assert len(list(outbox.folder.iterdir())) == 2
    outbox.send(replace(MESSAGE, id="ef" * 16), AT + timedelta(hours=25))
    names = sorted(path.name for path in outbox.folder.iterdir())
    assert [name[-7:-5] for name in names] == ["cd", "ef"]


def test_an_outbox_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file in the way")
    with pytest.raises(NotSent, match="outbox") as refused:
        Outbox(tmp_path / "outbox").send(MESSAGE, AT)
    assert refused.value.again
