"""The part of `log check` that looks at one certificate or registration at a time, in portions that any process can do.

G2 each certificate is signed, and its columns repeat it; its leaf is about it (L10)   G6 it had been earned (`earned`)
G9 each registration that passes and has no certificate is marked, so that the next issue decides it (`records.due`)

Not here: the log itself and what needs all of it (`check_register`), the processes (`jobs.check_run`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.document import CertificateClaims
from certsvc.credential.status import Status
from certsvc.errors import KeyMissing, MalformedLog
from certsvc.services.audit.earned import among, check_earned
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.stated import stated_by, stated_of
from certsvc.services.records.decisions import with_what_they_rest_on
from certsvc.services.records.erased import Stub, log_name, open_stub
from certsvc.services.records.schemes import schemes_by_id
from certsvc.services.verification.genuine import repeats
from certsvc.signing.proofs import verify_credential
from certsvc.store import (
    ISSUED,
    CertificateRecord,
    EnrolmentRecord,
    LogLeafRecord,
    ResultCorrectionRecord,
    ToDecideRecord,
)
from certsvc.transparency import leaf as leaves
from certsvc.transparency.audit import Problem
from certsvc.transparency.leaf import Event

SIZE: Final = 200
MAKERS: Final = frozenset({Event.ISSUE, Event.REISSUE, Event.CORRECT})
_IN_FORCE: Final = frozenset({Status.VALID.value, Status.SUSPENDED.value})


class Kind(Enum):
    CERTIFICATES = "certificates"
    ENROLMENTS = "enrolments"


@dataclass(frozen=True, slots=True)
class Portion:
    """Some rows of a kind, by their ids, which rise; a range where they follow on each other."""

    kind: Kind
    ids: Sequence[int]


@dataclass(slots=True)
class Checked:
    """What was found in a portion; `made` are the leaves that its certificates name as their own."""

    portion: Portion
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    made: list[int] = field(default_factory=list)
    certificates: int = 0
    erased: int = 0

    def say(self, rule: str, index: int | None, zh: str, en: str) -> None:
        self.problems.append(Problem(rule, index, zh, en))


CheckMany = Callable[[Iterable[Portion]], Iterator[Checked]]
"""Checks portions, in this process or over several, and answers them in their order."""


def portions(kind: Kind, first: int, last: int) -> Iterator[Portion]:
    """The ids from `first` to `last`, a portion at a time."""
    for start in range(first, last + 1, SIZE):
        yield Portion(kind, range(start, min(start + SIZE, last + 1)))


def portions_of(kind: Kind, ids: Sequence[int]) -> Iterator[Portion]:
    """The same for ids with gaps."""
    for start in range(0, len(ids), SIZE):
        yield Portion(kind, ids[start : start + SIZE])


def check_portion(services: Services, portion: Portion) -> Checked:
    """Check one portion, as it stands in the database now."""
    with services.database.reading() as session:
        return check_in(services, session, portion)


def check_in(services: Services, session: Session, portion: Portion) -> Checked:
    """Check one portion as this session sees it, whose memory of it is let go."""
    found = Checked(portion)
    if portion.kind is Kind.CERTIFICATES:
        _check_certificates(services, session, portion.ids, found)
        found.problems += check_earned(services, session, portion.ids)
    else:
        _check_marks(session, portion.ids, found)
    session.expunge_all()
    return found


def _check_certificates(services: Services, session: Session, ids: Sequence[int], found: Checked) -> None:
    """G2, and that each certificate is the one its leaf is about (L10)."""
    query = (
        select(CertificateRecord, LogLeafRecord.content)
        .join(LogLeafRecord, LogLeafRecord.index == CertificateRecord.leaf_index, isouter=True)
        .where(CertificateRecord.stage == ISSUED, among(CertificateRecord.id, ids))
        .order_by(CertificateRecord.id)
    )
    for row, content in session.execute(query):
        found.certificates += 1
        if row.erased_on is not None:
            _check_erased(services, row, content, found)
            continue
        named = f"{row.number}-v{row.version}"
        if row.leaf_index is None or content is None or not isinstance(row.credential, bytes):
            found.say("G2", row.leaf_index, f"{named} 没有日志叶", f"{named} has no leaf in the log")
            continue
        found.made.append(row.leaf_index)
        claims = _check_signature(services, row, named, found)
        if not is_about(services, row, MAKERS, log_read.octets(content), claims):
            found.say("L10", row.leaf_index, f"该叶说的不是 {named}", f"the leaf is not about {named}")


def _check_erased(services: Services, row: CertificateRecord, content: bytes | None, found: Checked) -> None:
    """G2 for a certificate whose holder's data were erased: its columns are those that were sealed then, and its leaf
    is the one about it. That it was erased by two people is asked by G6."""
    named = f"{row.number}-v{row.version}"
    found.erased += 1
    try:
        stub: Stub | None = open_stub(services.vault, row)
        leaf = None if content is None else leaves.decode(log_read.octets(content))
    except (KeyMissing, MalformedLog):
        stub = leaf = None
    if stub is None or not stub.repeated_by(row):
        found.say(
            "G2",
            row.leaf_index,
            f"{named} 标为已抹除，与抹除时封存的内容不符",
            f"{named} is marked as erased, and is not what was sealed at the erasure",
        )
    if row.leaf_index is None or leaf is None:
        found.say("G2", row.leaf_index, f"{named} 没有日志叶", f"{named} has no leaf in the log")
        return
    found.made.append(row.leaf_index)
    if stub is not None and (leaf.event not in MAKERS or leaf.credential != stub.commitment):
        found.say("L10", row.leaf_index, f"该叶说的不是 {named}", f"the leaf is not about {named}")


def _check_signature(
    services: Services, row: CertificateRecord, named: str, found: Checked
) -> CertificateClaims | None:
    """The claims where both proofs hold."""
    assert row.credential is not None
    check = verify_credential(row.credential, services.trust, log_index=row.leaf_index)
    if row.status not in _IN_FORCE and check.checks[-1].name.endswith("-trust"):
        zh, en = f"{named} 由已不再信任的密钥签名，已失效", f"{named} is by a key distrusted since, and out of force"
        found.notices.append(Problem("G2", row.leaf_index, zh, en))
    elif not check.ok or check.claims is None:
        found.say("G2", row.leaf_index, f"{named} 的签名不符", f"the signature of {named} does not hold")
    elif not repeats(row, check.claims):
        found.say(
            "G2",
            row.leaf_index,
            f"{named} 的登记与所签内容不符",
            f"the register's row of {named} differs from what was signed",
        )
    return check.claims


def is_about(
    services: Services,
    row: CertificateRecord,
    events: frozenset[Event],
    content: bytes,
    claims: CertificateClaims | None = None,
) -> bool:
    """Whether the leaf is one of these events, of this certificate, and says what it states where it made it. `claims`
    are those of the row's bytes, where the caller has read them already."""
    try:
        leaf = leaves.decode(content)
        if leaf.event not in events or (row.erased_on is None and not isinstance(row.credential, bytes)):
            return False
        name = log_name(services.vault, row)
    except (MalformedLog, KeyMissing):
        return False
    made = events is MAKERS
    named = leaf.replaces if leaf.event is Event.CORRECT and not made else leaf.credential
    stated = None
    if made and row.credential is not None:
        stated = stated_by(row.credential) if claims is None else stated_of(claims)
    fits = not made or (stated is not None and stated.fits(leaf))
    return fits and named == name


def _check_marks(session: Session, ids: Sequence[int], found: Checked) -> None:
    """G9: who is due, now or by a result dated ahead, and would not be decided."""
    query = select(EnrolmentRecord).where(
        among(EnrolmentRecord.id, ids),
        EnrolmentRecord.id.not_in(select(ToDecideRecord.enrolment_id)),
        EnrolmentRecord.id.not_in(
            select(CertificateRecord.enrolment_id).where(
                CertificateRecord.stage == ISSUED,
                CertificateRecord.enrolment_id.is_not(None),
                # One that was taken back with a result may be due once more (R2.6).
                CertificateRecord.id.not_in(
                    select(ResultCorrectionRecord.revoked_id).where(ResultCorrectionRecord.revoked_id.is_not(None))
                ),
            )
        ),
    )
    rows = session.scalars(query.order_by(EnrolmentRecord.id)).all()
    for enrolment_id, one in with_what_they_rest_on(session, rows, schemes_by_id(session)).items():
        with suppress(KeyError):  # its scheme is gone, which G8 says
            if one.passes_in_time:
                found.say(
                    "G9",
                    None,
                    f"第 {enrolment_id} 号报名应签发而未标记；请运行 certsvc issue --all",
                    f"registration {enrolment_id} is due and is not marked: run certsvc issue --all",
                )
