"""Certificates to verify, and the door they are brought to, online and offline."""

from __future__ import annotations

from sqlalchemy import text

from certsvc.credential.compact import qr_text
from certsvc.credential.verdict import CheckName, Verification
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from tests.builders.installation import Installation, made_up

FIRST, SECOND = made_up(1), made_up(2)


def numbers(installation: Installation) -> list[str]:
    with installation.services.database.reading() as session:
        return [row[0] for row in session.execute(text("select number from certificate order by id"))]


def online(installation: Installation, content: bytes | str) -> Verification:
    services = installation.services
    return verify_online(services, content, Options(bounded=False))


def offline(installation: Installation, content: bytes | str, *, with_lists: bool = True) -> Verification:
    services = installation.services
    return verify_offline(
        content,
        services.trust,
        Options(published=services.folders.published if with_lists else None, now=installation.clock(), bounded=False),
    )


def code(installation: Installation, number: str) -> str:
    row = installation.row(number)
    assert row.cose is not None
    return qr_text("https://certsvc.example", row.token, row.cose)


def credential(installation: Installation, number: str) -> bytes:
    content = installation.row(number).credential
    assert content is not None
    return content


def check(found: Verification, name: CheckName | str) -> bool | None:
    """What the check of this name found; its names are text too."""
    return next(check.ok for check in found.checks if check.name == name)
