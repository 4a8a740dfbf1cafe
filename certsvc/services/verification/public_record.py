"""What anyone may see of one certificate: status, occupation, level, dates, the name masked (R10, R11).

What was signed is read from the signed bytes; only the status and what follows from it comes from the register. No
birth date, no score, no identity number, not even masked. Not here: finding the row (`look_up`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from certsvc.credential.document import CertificateClaims
from certsvc.credential.status import Status, effective
from certsvc.person.name import mask_name
from certsvc.services.context import Services
from certsvc.services.verification.genuine import genuine_claims
from certsvc.store import CertificateRecord, PaperCertificateRecord

FORGED: Final = "forged"
PAPER_VALID: Final = "paper_valid"
PAPER_REPLACED: Final = "paper_replaced"
_ELECTRONIC: Final = "electronic"
_PAPER: Final = "paper"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRecord:
    """One certificate, electronic or paper, as of `checked_at`. `state` is a key of R11 (`credential.wording`).

    `changed_on` and `reason` say since when and why where the state is not valid (for expired: the last day in force);
    the successor, and its own state, are there for superseded and paper_replaced. A forged record shows nothing but
    its number: what stands beside a broken signature is not ours to repeat.
    """

    state: str
    number: str
    masked_name: str = ""
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
    credential: bytes | None = None
    signature_ok: bool = False
    token: str | None = None
    portrait_digest: str | None = None
    scheme_id: int | None = None


def electronic_record(services: Services, session: Session, row: CertificateRecord) -> PublicRecord:
    """The record of an issued electronic certificate; state "forged" where the stored bytes are not as signed."""
    claims = genuine_claims(services, row)
    if claims is None:
        return forged_record(services, row)
    status = effective(Status(row.status), claims.valid_until, services.today())
    successor = session.get(CertificateRecord, row.superseded_by_id) if row.superseded_by_id is not None else None
    return PublicRecord(
        **_as_signed(claims),  # type: ignore[arg-type]  # its keys are this class's own fields
        state=status.value,
        carrier=_ELECTRONIC,
        changed_on=claims.valid_until if status is Status.EXPIRED else row.status_changed_on,
        reason=row.status_reason if status in {Status.SUSPENDED, Status.REVOKED} else None,
        successor_number=None if successor is None else successor.number,
        successor_version=None if successor is None else successor.version,
        successor_state=None if successor is None else _state(services, successor),
        checked_at=services.now(),
        credential=row.credential,
        signature_ok=True,
        scheme_id=row.scheme_id,
    )


def forged_record(services: Services, row: CertificateRecord) -> PublicRecord:
    """What is said of a row that somebody changed: its number, and nothing that stands beside it."""
    return PublicRecord(
        state=FORGED,
        number=row.number,
        level=row.level,
        issued_on=row.issued_on,
        version=row.version,
        carrier=_ELECTRONIC,
        checked_at=services.now(),
        token=row.token,
    )


def paper_record(services: Services, session: Session, row: PaperCertificateRecord) -> PublicRecord:
    """The record of a former paper certificate (R8.1), with its electronic successor where it was replaced (R8.3)."""
    successor = session.get(CertificateRecord, row.replaced_by_id) if row.replaced_by_id is not None else None
    if successor is not None:
        successor = _newest(session, successor)
    level_zh, level_en = _LEVELS.get(row.level, (f"{row.level}级", f"Level {row.level}"))
    return PublicRecord(
        state=PAPER_VALID if row.replaced_on is None else PAPER_REPLACED,
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
        successor_state=None if successor is None else _state(services, successor),
        checked_at=services.now(),
        signature_ok=False,
    )


def _as_signed(claims: CertificateClaims) -> dict[str, object]:
    return {
        "number": claims.number,
        "masked_name": mask_name(claims.holder_name),
        "occupation_zh": claims.occupation_zh,
        "occupation_en": claims.occupation_en,
        "level": claims.level,
        "level_zh": claims.level_zh,
        "level_en": claims.level_en,
        "issuer_zh": claims.issuer.name_zh,
        "issuer_en": claims.issuer.name_en,
        "issued_on": claims.issued_on,
        "valid_until": claims.valid_until,
        "reissued_on": claims.reissued_on,
        "version": claims.version,
        "sample": claims.issuer.sample,
        "token": claims.token,
        "portrait_digest": claims.portrait_digest,
    }


def _state(services: Services, row: CertificateRecord) -> str:
    return effective(Status(row.status), row.valid_until, services.today()).value


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
