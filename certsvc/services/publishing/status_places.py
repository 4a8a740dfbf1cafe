"""Where a certificate's status bits stand: three lists of one name, one random index in all three (R7.5, R10).

Drawn at random, so that neighbours in a list say nothing about neighbours in a batch; a list counts as full when half
of it is taken, so that a free place is found in about two draws. Not here: the lists themselves (`status_lists`).
Source: W3C Bitstring Status List 1.0; `refresh` there says that a newer credential exists, which is what tells
"superseded" from "revoked" to a verifier who has nothing but the published files.
"""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.credential.document import StatusEntry
from certsvc.store import CertificateRecord

CAPACITY: Final = 131_072  # the least a Bitstring Status List may have, for the sake of the crowd
_FULL: Final = CAPACITY // 2
PURPOSES: Final = ("revocation", "suspension", "refresh")
_FIRST = "1"
_PARAMETERS = 500  # kept below SQLite's limit for one statement

_random = secrets.SystemRandom()


def draw_index(session: Session) -> tuple[str, int]:
    """One free place: the list's name and the index."""
    return draw_indexes(session, 1)[0]


def draw_indexes(session: Session, count: int) -> list[tuple[str, int]]:
    """`count` free places, all different, in the transaction that will fill them (their uniqueness is a constraint)."""
    name, taken = _newest_list(session)
    places: list[tuple[str, int]] = []
    while len(places) < count:
        if taken >= _FULL:
            name, taken = str(int(name) + 1), 0
        wanted = min(count - len(places), _FULL - taken)
        indexes = _free(session, name, wanted)
        places += [(name, index) for index in indexes]
        taken += wanted
    return places


def list_url(base_url: str, purpose: str, name: str) -> str:
    """The address of one published list."""
    return f"{base_url}/status/{purpose}-{name}"


def entries(base_url: str, name: str, index: int) -> tuple[StatusEntry, ...]:
    """What the credential says about where its status stands: the same index in the list of each purpose."""
    return tuple(StatusEntry(purpose, list_url(base_url, purpose, name), index) for purpose in PURPOSES)


def _newest_list(session: Session) -> tuple[str, int]:
    name = session.scalar(select(CertificateRecord.status_list).order_by(CertificateRecord.id.desc()).limit(1))
    if name is None:
        return _FIRST, 0
    taken = session.scalar(
        select(func.count()).select_from(CertificateRecord).where(CertificateRecord.status_list == name)
    )
    return name, taken or 0


def _free(session: Session, name: str, count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        tried = {_random.randrange(CAPACITY) for _ in range(min(count - len(found), _PARAMETERS))} - found
        in_use = session.scalars(
            select(CertificateRecord.status_index).where(
                CertificateRecord.status_list == name, CertificateRecord.status_index.in_(tried)
            )
        )
        found |= tried - set(in_use)
    return sorted(found, key=lambda _: _random.random())
