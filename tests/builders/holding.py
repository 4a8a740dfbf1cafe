"""Holders who sign in: what the tests of `holder_*` and `messages*` stand on."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.context import Services
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes import make_access_code
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.holders.sign_in import Holder
from certsvc.store import ISSUED, CertificateRecord, PersonRecord
from tests.builders.installation import Installation, Person

PAPER = "1763010001500077"


def installed(home: Path) -> Installation:
    """An installation over a home that was initialised before; its clock is past the making of its keys."""
    installation = Installation(home)
    installation.clock.move(minutes=5)
    return installation


def identity(person: Person) -> IdentityDocument:
    return IdentityDocument(IdType.RESIDENT_ID, person.id_number)


def sent(home: Installation) -> list[dict[str, str]]:
    """What lies in the outbox, oldest first."""
    return [json.loads(path.read_text("utf-8")) for path in sorted((home.home / "outbox").glob("*.json"))]


def code_of(home: Installation, person: Person) -> str:
    """A message code, asked for and sent."""
    home.clock.move(seconds=1)  # files of the outbox sort by time
    access.request_code(home.services, person.name, identity(person))
    assert send_due(home.services).sent == 1
    return sent(home)[-1]["code"]


def secret_of(home: Installation, person: Person) -> str:
    """The secret of a session that has begun, by an access code."""
    code = make_access_code(home.services, identity(person), by="窗口").code
    signed_in = access.sign_in(home.services, person.name, identity(person), code)
    assert signed_in is not None
    return signed_in.secret


def holder(home: Installation, person: Person) -> Holder:
    found = access.holder_of(home.services, secret_of(home, person))
    assert found is not None
    return found


def number_of(home: Installation, person: Person) -> str:
    """The number of the person's certificate."""
    query = (
        select(CertificateRecord.number)
        .join(PersonRecord, PersonRecord.id == CertificateRecord.person_id)
        .where(
            PersonRecord.id_lookup == home.services.vault.lookup(identity(person)), CertificateRecord.stage == ISSUED
        )
    )
    with home.services.database.reading() as session:
        return session.scalars(query).one()


def try_at_once(services: Services, person: Person, codes: Sequence[str]) -> int:
    """How many of so many concurrent tries signed in."""
    begun = threading.Barrier(len(codes))
    outcomes: list[bool] = []

    def attempt(code: str) -> None:
        begun.wait()
        outcomes.append(access.sign_in(services, person.name, identity(person), code) is not None)

    threads = [threading.Thread(target=attempt, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == len(codes)
    return sum(outcomes)
