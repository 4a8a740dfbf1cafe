"""Signing in on PostgreSQL: the same rules, and the same counts when many try, or send, at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.delivery.sms import HttpMessenger
from certsvc.services.context import Services
from certsvc.services.holders import own_record as mine
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes import make_access_code
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.init import initialise
from certsvc.store import HolderCodeRecord
from tests.builders.gateway import Gateway, gateway, secret_file
from tests.builders.holding import identity, try_at_once
from tests.builders.installation import Person
from tests.builders.person import Candidate, open_home
from tests.builders.postgresql import postgresql_database
from tests.services.holders.test_codes_by_message import send_at_once
from tests.services.test_on_postgresql import pass_all

__all__ = ["gateway", "secret_file"]  # fixtures
pytestmark = pytest.mark.postgresql
CANDIDATE = Candidate()
HOLDER = Person(CANDIDATE.name, CANDIDATE.id_number)


@pytest.fixture
def services(
    home: Path, tmp_path: Path, gateway: Gateway, secret_file: Path, socket_enabled: None
) -> Iterator[Services]:
    for database in postgresql_database():
        url = database.engine.url.render_as_string(hide_password=False)
        opened = open_home(home, database_url=url)
        initialise(opened)
        pass_all(opened, tmp_path, [CANDIDATE])
        issue(opened, by="签发员", on=date(2026, 11, 22))
        yield replace(opened, gateway=HttpMessenger(gateway.url, secret_file))
        opened.database.close()


def test_a_holder_signs_in_sees_and_signs_out(services: Services, gateway: Gateway) -> None:
    access.request_code(services, HOLDER.name, identity(HOLDER))
    assert send_due(services).sent == 1
    begun = access.sign_in(services, HOLDER.name, identity(HOLDER), str(gateway.taken[0]["code"]))
    assert begun is not None
    who = access.holder_of(services, begun.secret)
    assert who is not None
    assert who.name == HOLDER.name
    (certificate,) = mine.view(services, who).certificates
    assert certificate.status == "valid"
    access.sign_out(services, begun.secret)
    assert access.holder_of(services, begun.secret) is None


def test_five_tries_are_five_also_when_they_come_at_once(services: Services, gateway: Gateway) -> None:
    access.request_code(services, HOLDER.name, identity(HOLDER))
    send_due(services)
    code = str(gateway.taken[0]["code"])
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert try_at_once(services, HOLDER, [wrong] * 12) == 0
    with services.database.reading() as session:
        row = session.scalars(select(HolderCodeRecord).where(HolderCodeRecord.kind == "message")).one()
    assert row.tries == 5
    assert access.sign_in(services, HOLDER.name, identity(HOLDER), code) is None


def test_a_code_tried_twice_at_once_signs_in_once(services: Services) -> None:
    code = make_access_code(services, identity(HOLDER), by="窗口").code
    assert try_at_once(services, HOLDER, [code] * 8) == 1


def test_two_senders_do_not_send_one_message_twice(services: Services, gateway: Gateway) -> None:
    gateway.pause = 0.1
    access.request_code(services, HOLDER.name, identity(HOLDER))
    assert send_at_once([services] * 4) == 1
    assert len(gateway.taken) == 1
