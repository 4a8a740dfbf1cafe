"""What anyone may see of one certificate: status, occupation, level, dates, the name masked (R10, R11).

What was signed is read from the signed bytes; only the status and what follows from it comes from the register, and no
further than the log bears it out (`standing`). No birth date, no score, no identity number, not even masked.
Not here: finding the row (`look_up`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.status import Status, effective
from certsvc.credential.wording import Wording, after_erasure, say
from certsvc.errors import KeyMissing
from certsvc.person.name import mask_name
from certsvc.services.context import Services
from certsvc.services.log.last_word import OnRecord
from certsvc.services.records.erased import open_stub
from certsvc.services.verification.genuine import Genuine, genuine_claims
from certsvc.services.verification.standing import standing, standing_of_erased
from certsvc.store import ISSUED, CertificateRecord, PaperCertificateRecord

_log: Final = logging.getLogger("certsvc.register")
FORGED: Final = "forged"
UNAVAILABLE: Final = "unavailable"
ERASED: Final = "erased"
PAPER_VALID: Final = "paper_valid"
PAPER_REPLACED: Final = "paper_replaced"
_ELECTRONIC: Final = "electronic"
_PAPER: Final = "paper"
_STATES: Final = {status: status.value for status in Status}  # asking a member itself takes ten times as long
_WITH_REASON: Final = frozenset({Status.SUSPENDED, Status.REVOKED})
# The paper register holds the digit alone; these are the names every occupation's levels have.
_LEVELS: Final = MappingProxyType(
    {
        1: ("一级/高级技师", "Level One (Senior Technician)"),
        2: ("二级/技师", "Level Two (Technician)"),
        3: ("三级/高级工", "Level Three (Senior Worker)"),
        4: ("四级/中级工", "Level Four (Intermediate Worker)"),
        5: ("五级/初级工", "Level Five (Junior Worker)"),
    }
)


@dataclass(slots=True, kw_only=True)  # not frozen: to make one then costs a scan four times as much
class PublicRecord:
    """One certificate, electronic or paper, as of `checked_at`. `state` is a key of R11 (`credential.wording`).

    `changed_on` and `reason` say since when and why where the state is not valid (for expired: the last day in force);
    the successor, and its own state, are there for superseded and paper_replaced. A forged record shows nothing but
    its number, and so does one that contradicts the log ("unavailable"): what stands there is not ours to repeat.
    An erased record bears no name: `erased_on` says since when, `standing` the state it would have otherwise.
    `digest8` is what the QR's payload is bound to. `full_name` is there for who named number and name rightly (R10),
    and for no one else.
    """

    state: str
    number: str
    masked_name: str = ""
    full_name: str = ""
    occupation_zh: str = ""
    occupation_en: str = ""
    level: int
    level_zh: str = ""
    level_en: str = ""
    issuer_zh: str = ""
    issuer_en: str = ""
    issued_on: date
    valid_until: date | None = None
    reissued_on: date | None = None
    version: int
    carrier: str
    sample: bool = False
    changed_on: date | None = None
    reason: str | None = None
    successor_number: str | None = None
    successor_version: int | None = None
    successor_state: str | None = None
    checked_at: datetime
    digest8: bytes = b""
    signature_ok: bool = False
    token: str | None = None
    portrait_digest: str | None = None
    scheme_id: int | None = None
    standing: str | None = None
    erased_on: date | None = None


def say_of(record: PublicRecord, state: str | None = None) -> Wording:
    """A record's state in words (R11), or another `state` told with this record's facts."""
    if record.standing is not None and state is None:
        return after_erasure(say_of(record, record.standing), record.erased_on)
    return say(
        state or record.state,
        date=record.changed_on,
        reason=record.reason,
        number=record.successor_number,
        version=record.successor_version,
    )


def electronic_record(
    services: Services, session: Session, row: CertificateRecord, on_record: OnRecord | None = None
) -> PublicRecord:
    """The record of an issued electronic certificate; state "forged" where the stored bytes are not as signed, and
    "unavailable" where the row contradicts the log. `on_record`: what was read for many rows at once."""
    if row.erased_on is not None:
        return erased_record(services, session, row, on_record)
    genuine = genuine_claims(services, row)
    if genuine is None:
        return forged_record(services, row)
    word = standing(services, row, genuine.claims, on_record or OnRecord(session, [row]))
    if word is None:
        return _without_words(services, row, UNAVAILABLE)
    successor = session.get(CertificateRecord, row.superseded_by_id) if row.superseded_by_id is not None else None
    return as_signed(
        genuine,
        status=word.status,
        since=word.since,
        reason=row.status_reason,
        today=services.today(),
        checked_at=services.now(),
        scheme_id=row.scheme_id,
        successor=None if successor is None else _successor(services, session, successor),
    )


class Successor(NamedTuple):
    """What replaced a certificate, and its own state."""

    number: str
    version: int
    state: str


def as_signed(
    genuine: Genuine,
    *,
    status: Status,
    since: date | None,
    reason: str | None,
    today: date,
    checked_at: datetime,
    scheme_id: int | None,
    successor: Successor | None = None,
) -> PublicRecord:
    """The record of a genuine certificate of this status."""
    claims, digest8 = genuine
    until = claims.valid_until
    valid_until = None if until is None else date.fromisoformat(until)
    now = effective(status, valid_until, today)
    return PublicRecord(
        state=_STATES[now],
        number=claims.number,
        masked_name=mask_name(claims.holder_name),
        occupation_zh=claims.occupation_zh,
        occupation_en=claims.occupation_en,
        level=claims.level,
        level_zh=claims.level_zh,
        level_en=claims.level_en,
        issuer_zh=claims.issuer_zh,
        issuer_en=claims.issuer_en,
        issued_on=date.fromisoformat(claims.issued_on),
        valid_until=valid_until,
        reissued_on=None if claims.reissued_on is None else date.fromisoformat(claims.reissued_on),
        version=claims.version,
        carrier=_ELECTRONIC,
        sample=claims.sample,
        changed_on=valid_until if now is Status.EXPIRED else since,
        reason=reason if now in _WITH_REASON else None,
        successor_number=None if successor is None else successor.number,
        successor_version=None if successor is None else successor.version,
        successor_state=None if successor is None else successor.state,
        checked_at=checked_at,
        digest8=digest8,
        signature_ok=True,
        token=claims.token,
        portrait_digest=claims.portrait_digest,
        scheme_id=scheme_id,
    )


def erased_record(
    services: Services, session: Session, row: CertificateRecord, on_record: OnRecord | None = None
) -> PublicRecord:
    """The record of a certificate whose holder's data were erased at their wish (R10): that it is genuine and where it
    stands, and no word of whose it was. "forged" where the row is not what was kept."""
    try:
        stub = open_stub(services.vault, row)
    except KeyMissing:
        return forged_record(services, row)
    if not stub.repeated_by(row):
        return forged_record(services, row)
    word = standing_of_erased(services, row, stub, on_record or OnRecord(session, [row]))
    if word is None:
        return _without_words(services, row, UNAVAILABLE)
    now = effective(word.status, row.valid_until, services.today())
    successor = session.get(CertificateRecord, row.superseded_by_id) if row.superseded_by_id is not None else None
    then = None if successor is None else _successor(services, session, successor)
    return PublicRecord(
        state=ERASED,
        standing=_STATES[now],
        erased_on=row.erased_on,
        number=stub.number,
        occupation_zh=stub.occupation_zh,
        occupation_en=stub.occupation_en,
        level=int(stub.level),
        level_zh=stub.level_zh,
        level_en=stub.level_en,
        issuer_zh=stub.issuer_zh,
        issuer_en=stub.issuer_en,
        issued_on=row.issued_on,
        valid_until=row.valid_until,
        reissued_on=row.reissued_on,
        version=int(stub.version),
        carrier=_ELECTRONIC,
        sample=stub.sample == "yes",
        changed_on=row.valid_until if now is Status.EXPIRED else word.since,
        reason=row.status_reason if now in _WITH_REASON else None,
        successor_number=None if then is None else then.number,
        successor_version=None if then is None else then.version,
        successor_state=None if then is None else then.state,
        checked_at=services.now(),
        digest8=bytes.fromhex(stub.digest8),
        signature_ok=True,
        token=row.token,
        scheme_id=row.scheme_id,
    )


def _without_words(services: Services, row: CertificateRecord, state: str) -> PublicRecord:
    return PublicRecord(
        state=state,
        number=row.number,
        level=row.level,
        issued_on=row.issued_on,
        version=row.version,
        carrier=_ELECTRONIC,
        checked_at=services.now(),
        token=row.token,
    )


def forged_record(services: Services, row: CertificateRecord) -> PublicRecord:
    """What is said of a row that somebody changed: its number, and nothing that stands beside it."""
    return _without_words(services, row, FORGED)


def paper_record(services: Services, session: Session, row: PaperCertificateRecord) -> PublicRecord:
    """The record of a former paper certificate (R8.1), with its electronic successor where it was replaced (R8.3)."""
    replaced_by = session.get(CertificateRecord, row.replaced_by_id) if row.replaced_by_id is not None else None
    successor = None if replaced_by is None else _successor(services, session, _newest(session, replaced_by))
    state = PAPER_VALID if row.replaced_on is None else PAPER_REPLACED
    if row.replaced_on is None and _is_reissued(session, row):
        _log.error("the register contradicts itself: paper row %d is not marked as replaced, and is", row.id)
        state = UNAVAILABLE
    level_zh, level_en = _LEVELS.get(row.level, (f"{row.level}级", f"Level {row.level}"))
    return PublicRecord(
        state=state,
        number=row.number,
        masked_name=mask_name(row.name),
        occupation_zh=row.occupation,
        occupation_en=row.occupation,
        level=row.level,
        level_zh=level_zh,
        level_en=level_en,
        issuer_zh=row.issuer,
        issuer_en=row.issuer,
        issued_on=row.issued_on,
        version=1,
        carrier=_PAPER,
        changed_on=row.replaced_on,
        reason=row.replaced_reason,
        successor_number=None if successor is None else successor.number,
        successor_version=None if successor is None else successor.version,
        successor_state=None if successor is None else successor.state,
        checked_at=services.now(),
        signature_ok=False,
    )


def _is_reissued(session: Session, row: PaperCertificateRecord) -> bool:
    """Whether an electronic certificate bears the number of this paper: a reissue alone keeps one (R8.3)."""
    query = select(CertificateRecord.id).where(
        CertificateRecord.number == row.number, CertificateRecord.stage == ISSUED
    )
    return session.scalar(query.limit(1)) is not None


def _successor(services: Services, session: Session, row: CertificateRecord) -> Successor:
    """A successor, whose own row is believed no further than any other."""
    if row.erased_on is not None:
        erased = erased_record(services, session, row)
        return Successor(erased.number, erased.version, erased.standing or erased.state)
    genuine = genuine_claims(services, row)
    word = None if genuine is None else standing(services, row, genuine.claims, OnRecord(session, [row]))
    if genuine is None or word is None:
        return Successor(row.number, row.version, FORGED if genuine is None else UNAVAILABLE)
    state = effective(word.status, _day(genuine.claims.valid_until), services.today())
    return Successor(genuine.claims.number, genuine.claims.version, state.value)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _newest(session: Session, row: CertificateRecord) -> CertificateRecord:
    """The end of the chain of versions: what replaced the paper may have been corrected since."""
    seen = {row.id}
    while row.superseded_by_id is not None and row.superseded_by_id not in seen:
        seen.add(row.superseded_by_id)
        following = session.get(CertificateRecord, row.superseded_by_id)
        if following is None:
            break
        row = following
    return row
