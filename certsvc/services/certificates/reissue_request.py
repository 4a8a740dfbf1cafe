"""A request for a reissue as staff see it, and the certificate it led to as that stands now (R8.2 to R8.4).

Nothing is decided here; see `reissue`. What the holder sees is in `shown`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.credential.status import Status, effective
from certsvc.services.context import Services
from certsvc.services.records.versions import newest_version
from certsvc.store import (
    CertificateRecord,
    EvidencePictureRecord,
    HomeApplicationRecord,
    ReissueRequestRecord,
)
from certsvc.store.paper import FROM_HOME


class Loss(StrEnum):
    """What happened to the paper."""

    LOST = "lost"
    DAMAGED = "damaged"


class RequestState(StrEnum):
    """Where a request stands."""

    APPLIED = "applied"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class AsItStands:
    """The certificate that a reissue led to, as it stands now: corrected or signed again since, revoked, expired."""

    number: str
    version: int
    name: str
    token: str
    status: str

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FromHome:
    """How an application from home stands while it is not decided, and how many pictures there are of it."""

    phase: str
    pictures: int
    missing: str | None
    confirmed_by: str | None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as staff see it. `version`, `certificate_id`, `now` are there once it is approved: the version that
    the approval issued, and the certificate as it stands now, which may be another version.

    `existing` says that an earlier request or reissue answered, and nothing was recorded.
    """

    id: int
    number: str
    name: str
    reason: str
    state: str
    applied_by: str
    decided_by: str | None = None
    decision_note: str | None = None
    evidence: str | None = None
    certificate_id: int | None = None
    version: int | None = None
    token: str | None = None
    now: AsItStands | None = None
    existing: bool = False
    home: FromHome | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "number": self.number,
            "name": self.name,
            "reason": self.reason,
            "state": self.state,
            "applied_by": self.applied_by,
            "decided_by": self.decided_by,
            "decision_note": self.decision_note,
            "evidence": self.evidence,
            "version": self.version,
            "token": self.token,
            "now": None if self.now is None else self.now.as_json(),
            "existing": self.existing,
            "home": None if self.home is None else self.home.as_json(),
        }


def shown(services: Services, session: Session, row: ReissueRequestRecord, *, existing: bool = False) -> Request:
    """The request of this row; `existing`, where it answers another one."""
    certificate = None if row.certificate_id is None else session.get(CertificateRecord, row.certificate_id)
    return Request(
        id=row.id,
        number=row.number,
        name=row.name,
        reason=row.reason,
        state=row.state,
        applied_by=row.applied_by,
        decided_by=row.decided_by,
        decision_note=row.decision_note,
        evidence=row.evidence,
        certificate_id=row.certificate_id,
        version=None if certificate is None else certificate.version,
        token=None if certificate is None else certificate.token,
        now=None if certificate is None else _as_it_stands(services, session, certificate.number),
        existing=existing,
        home=_from_home(session, row),
    )


def sealed_words(row: ReissueRequestRecord) -> dict[str, str | None]:
    """What of a request is sealed beside its identity number, so that a row changed by hand is found."""
    words = (row.number, row.name, row.reason, row.applied_by, row.evidence)
    return dict(zip(("number", "name", "reason", "applied_by", "evidence"), words, strict=True))


def _from_home(session: Session, row: ReissueRequestRecord) -> FromHome | None:
    if row.applied_by != FROM_HOME:
        return None
    home = session.scalar(select(HomeApplicationRecord).where(HomeApplicationRecord.request_id == row.id))
    if home is None:
        return None
    count = select(func.count()).where(EvidencePictureRecord.application_id == home.id)
    return FromHome(home.phase, session.scalar(count) or 0, home.missing, home.confirmed_by)


def _as_it_stands(services: Services, session: Session, number: str) -> AsItStands:
    newest = newest_version(session, number)
    status = effective(Status(newest.status), newest.valid_until, services.today())
    return AsItStands(newest.number, newest.version, newest.holder_name, newest.token, status.value)
