"""A check that its reader keeps: the answer of that moment, found for a year by the reference printed on it (R10, R11).

The reference is sixty random bits; unknown and too old are one answer. What is found is the public record as it is now,
beside what was said then, so that a printed record never passes for today's state. Which name was compared is kept as
the way of comparing alone: with the way comes the holder's own name, which the register has already.
Not here: who may keep a check and how often, and what proves that a name was compared (web).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from certsvc.credential.wording import Wording
from certsvc.errors import NotFound
from certsvc.person.name import fold
from certsvc.services.context import Services
from certsvc.services.verification.public_record import PublicRecord, electronic_record, paper_record
from certsvc.store import ISSUED, CertificateRecord, KeptCheckRecord, PaperCertificateRecord

FOUND_FOR: Final = timedelta(days=366)
"""A year, whichever it is."""
ONE_CHECK: Final = timedelta(minutes=1)
"""What is kept again sooner is the same check: no one fills the register by reloading a page."""
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none is mistaken for another on paper
_LENGTH: Final = 12
_LOCK: Final = "kept"


class Compared(StrEnum):
    """How the reader made sure of the holder, as far as the server can know."""

    NONE = "none"
    NAME = "name"  # the full name, with the number
    MATCH = "match"  # the full name, and the last six characters of the identity number


@dataclass(frozen=True, slots=True)
class KeptCheck:
    """What was answered at `made_at` in which words, and the record as it is now; found until `found_until`."""

    reference: str
    made_at: datetime
    state: str
    says_zh: str
    says_en: str
    compared: Compared
    record: PublicRecord

    @property
    def found_until(self) -> datetime:
        return self.made_at + FOUND_FOR


def keep(services: Services, record: PublicRecord, says: Wording, compared: Compared) -> KeptCheck:
    """Keep this answer under a new reference, or under the one that it was kept by less than a minute ago.

    `record` was just looked up; for paper with its full name. Raises `NotFound`.
    """
    now = services.now()
    with services.database.writing(_LOCK) as session:
        session.execute(delete(KeptCheckRecord).where(KeptCheckRecord.made_at < now - FOUND_FOR))
        certificate_id, paper_id = _row_of(session, record)
        row = session.scalar(
            select(KeptCheckRecord).where(
                KeptCheckRecord.certificate_id == certificate_id,
                KeptCheckRecord.paper_id == paper_id,
                KeptCheckRecord.compared == compared.value,
                KeptCheckRecord.says_zh == says.zh,
                KeptCheckRecord.made_at > now - ONE_CHECK,
            )
        )
        if row is None:
            row = KeptCheckRecord(
                reference="".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)),
                made_at=now,
                certificate_id=certificate_id,
                paper_id=paper_id,
                state=record.state,
                says_zh=says.zh,
                says_en=says.en,
                compared=compared.value,
            )
            session.add(row)
            session.flush()
        return _kept(row, record)


def find(services: Services, reference: str) -> KeptCheck | None:
    """The check kept under a reference, typed with or without its dashes; None for unknown and too old alike."""
    with services.database.reading() as session:
        row = _find(services, session, reference)
        return None if row is None else _kept(row, _now(services, session, row))


def is_named(services: Services, reference: str, name: str) -> bool:
    """Whether the certificate of a kept check is that of a holder with this full name, compared folded (R9)."""
    with services.database.reading() as session:
        row = _find(services, session, reference)
        if row is None:
            return False
        if row.paper_id is not None:
            holder = session.get_one(PaperCertificateRecord, row.paper_id).name
        else:
            holder = session.get_one(CertificateRecord, row.certificate_id).holder_name
        return fold(holder) == fold(name) != ""  # an erased name is no one's


def written(reference: str) -> str:
    """A reference in fours, as it is printed."""
    return "-".join(reference[at : at + 4] for at in range(0, _LENGTH, 4))


def _find(services: Services, session: Session, reference: str) -> KeptCheckRecord | None:
    wanted = "".join(letter for letter in reference[:40].upper() if letter in _LETTERS)
    row = session.scalar(select(KeptCheckRecord).where(KeptCheckRecord.reference == wanted))
    return row if row is not None and services.now() < row.made_at + FOUND_FOR else None


def _row_of(session: Session, record: PublicRecord) -> tuple[int | None, int | None]:
    """The row of a record: of a certificate, or of a paper one."""
    certificate, paper = CertificateRecord, PaperCertificateRecord
    if record.token is not None:
        electronic = select(certificate.id).where(certificate.token == record.token, certificate.stage == ISSUED)
        found, on_file = session.scalar(electronic), None
    else:
        on_paper = select(paper.id).where(paper.number == record.number, paper.name == record.full_name)
        found, on_file = None, session.scalar(on_paper.order_by(paper.id).limit(1))
    if found is None and on_file is None:
        raise NotFound("没有这张证书", "there is no such certificate", rule="R10")
    return found, on_file


def _now(services: Services, session: Session, row: KeptCheckRecord) -> PublicRecord:
    if row.paper_id is not None:
        return paper_record(services, session, session.get_one(PaperCertificateRecord, row.paper_id))
    return electronic_record(services, session, session.get_one(CertificateRecord, row.certificate_id))


def _kept(row: KeptCheckRecord, record: PublicRecord) -> KeptCheck:
    return KeptCheck(row.reference, row.made_at, row.state, row.says_zh, row.says_en, Compared(row.compared), record)
