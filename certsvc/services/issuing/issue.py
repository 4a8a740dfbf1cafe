"""Issue to every passed enrolment that has no certificate: steps 1 to 6 of the cycle (docs/issuing.md, ADR 4).

1 decide → 2 reserve the number and record the intended document (committed) → 3 check → 4 sign → 5 append the leaf →
6 store (3 to 6 in one transaction a batch) → 7 render → 8 publish. Steps 7 and 8 are `issuing.render` and
`publish_static`, driven by `jobs`. Stopped anywhere and run again, it first signs what was reserved, so every number is
used once and none is left out; two runs at once take turns batch by batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import cast

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from certsvc.credential.document import CertificateClaims
from certsvc.errors import BatchRefused, CertsvcError, Refused
from certsvc.person.identity import mask_id_number
from certsvc.rules.four_eyes import is_second_person
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.issuing.approved import require_approved
from certsvc.services.issuing.plan import Survey, completed_sessions, intend, survey
from certsvc.services.issuing.reserve import Ready, Refusal, Serials, lay_out, reserve_batch
from certsvc.services.issuing.sign import Signed, sign_reserved
from certsvc.services.log.clock import time_to_sign
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_certificates
from certsvc.services.records import number_ranges
from certsvc.services.records.approvals import require_development
from certsvc.services.records.due import unmark
from certsvc.store import ISSUED, RESERVED, CertificateRecord, IssueBatchRecord
from certsvc.transparency.leaf import Event, Leaf

BATCH = 200

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""


@dataclass(frozen=True, slots=True)
class IssuedOne:
    number: str
    version: int
    name: str
    issued_on: date
    token: str

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "name": self.name,
            "version": self.version,
            "issued_on": self.issued_on.isoformat(),
            "token": self.token,
        }


@dataclass(frozen=True, slots=True)
class RefusedOne:
    """Who gets none, and why; the identity number masked, to tell two of one name apart."""

    name: str
    id_number: str
    error: Refused

    def as_json(self) -> dict[str, object]:
        error = self.error
        return {
            "name": self.name,
            "id_number": self.id_number,
            "rule": error.rule,
            "code": error.code,
            "zh": error.zh,
            "en": error.en,
        }


@dataclass(slots=True)
class IssueReport:
    """What was issued now, how many had theirs, and who was refused and why."""

    on: date
    dry_run: bool
    issued: list[IssuedOne] = field(default_factory=list)
    already: int = 0
    refusals: list[RefusedOne] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # of numbers that come to an end
    not_published: CertsvcError | None = None  # what hindered step 8; the certificates stand, the next run publishes

    def as_json(self) -> dict[str, object]:
        """`issued`, `already` and `refused` as counts, with the certificates and the refusals."""
        return {
            "issued": len(self.issued),
            "already": self.already,
            "refused": len(self.refusals),
            "on": self.on.isoformat(),
            "dry_run": self.dry_run,
            "not_published": None if self.not_published is None else self.not_published.code,
            # A dry run's numbers are those that will be used; its tokens, drawn at random, are no one's.
            "certificates": [one.as_json() | ({"token": None} if self.dry_run else {}) for one in self.issued],
            "refusals": [one.as_json() for one in self.refusals],
            "warnings": self.warnings,
        }


def issue(
    services: Services,
    *,
    by: str,
    on: date | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    approved_by: str | None = None,
    reserve_only: bool = False,
    everyone: bool = False,
    report: IssueReport | None = None,
) -> IssueReport:
    """Issue, dated `on` (today in Shanghai by default). A dry run gives the numbers it would use, and uses none.

    Decided are those marked since the last run, or with `everyone` the whole register. With `reserve_only` it stops
    after step 2 and leaves the rest to the signer (`sign_approved`): nothing is issued. A `report` that is given (with
    the same day) is filled as the run goes, so that the caller knows what was issued before a failure.
    With real keys a batch is asked for by one person and approved by another (`batches`); this then signs what they
    reserved. Raises `BatchRefused` where `approved_by`, if given, is not another person than `by`, or where what is
    reserved was not approved; `Refused` for a new batch with real keys; `ClockLeapt`.
    """
    if approved_by is not None and not is_second_person(approved_by, by):
        raise BatchRefused("批准人不能是经办人本人", "the one who asks for a batch may not approve it")
    report = report or IssueReport(on or services.today(), dry_run)
    run = Run(services, report, by, approved_by, progress)
    found = survey(services, report.on, everyone=everyone)
    report.already = found.already
    if found.due and not dry_run:
        require_development(services)
    if dry_run:
        run.rehearse(found)
    elif reserve_only:
        run.reserve(found)
    else:
        run.perform(found)
    with services.database.reading() as session:
        report.warnings += number_ranges.warnings(session, report.on.year)
    return report


def finish(services: Services, *, by: str, progress: Progress | None = None) -> IssueReport:
    """Sign what is reserved and waits: an approved batch, or what an earlier run left. Raises as `issue`."""
    run = Run(services, IssueReport(services.today(), dry_run=False), by, None, progress)
    found = survey(services, run.report.on)
    run.report.already = found.already
    run.sign_all(found)
    return run.report


@dataclass(slots=True)
class Run:
    """One run of steps 2 to 6, or a part of them."""

    services: Services
    report: IssueReport
    by: str
    approved_by: str | None
    progress: Progress | None
    ready: dict[str, Ready] = field(default_factory=dict)  # by token, what this run reserved and has not signed yet

    def perform(self, found: Survey) -> None:
        total = len(found.due)
        self.forget(found)
        self.sign_all(found)  # what an earlier run reserved and did not come to sign
        for start in range(0, total, BATCH):
            with self.services.database.writing() as session:
                reserved = self.reserve_some(session, found.due[start : start + BATCH])
            self.ready = {one.checked.claims.token: one for one in reserved}
            self.sign_all(found)
            if self.progress is not None:
                self.progress(min(start + BATCH, total), total)

    def reserve(self, found: Survey) -> None:
        self.forget(found)
        for start in range(0, len(found.due), BATCH):
            with self.services.database.writing() as session:
                self.reserve_some(session, found.due[start : start + BATCH])

    def forget(self, found: Survey) -> None:
        """Those who will not be due with what is on record need not be decided again."""
        if found.idle:
            with self.services.database.writing() as session:
                unmark(session, found.idle)

    def rehearse(self, found: Survey, *, at_most: int | None = None) -> list[int]:
        """Lay out all that would be reserved; answers the enrolments that would be new. Reads only: no one who issues,
        counts or signs in meanwhile waits for it. `at_most` is how many of those reserved already are told."""
        at = self.services.now()
        new: list[int] = []
        with self.services.database.reading() as session:
            self.report.issued += [_issued(row) for row in session.scalars(_reserved().limit(at_most))]
            serials = Serials(session, rehearsed=True)
            for start in range(0, len(found.due), BATCH):
                intended = intend(self.services, session, found.due[start : start + BATCH], self._batch(at))
                laid_out = lay_out(self.services, session, intended, serials, at=at)
                self.report.issued += [_to_be_issued(one.checked.claims) for one in laid_out.ready]
                self.report.refusals += [_refused(one) for one in laid_out.refusals]
                new += [cast(int, one.values["enrolment_id"]) for one in laid_out.ready]
        return new

    def reserve_some(self, session: Session, enrolment_ids: Sequence[int]) -> list[Ready]:
        """Step 2, within the caller's transaction."""
        # Asked before a number is reserved: the document that is reserved bears the date.
        at = time_to_sign(self.services, session)
        batch = self._batch(at)
        intended = intend(self.services, session, enrolment_ids, batch)
        if not intended:
            return []
        session.add(batch)
        session.flush()
        reserved = reserve_batch(self.services, session, intended, at=at, batch_id=batch.id)
        batch.count = len(reserved.ready)
        self.report.refusals += [_refused(one) for one in reserved.refusals]
        return reserved.ready

    def _batch(self, at: datetime) -> IssueBatchRecord:
        return IssueBatchRecord(on=self.report.on, at=at, by=self.by, approved_by=self.approved_by, count=0)

    def sign_all(self, found: Survey) -> None:
        """Steps 3 to 6 for everything reserved, a batch a transaction."""
        while True:
            with self.services.database.writing() as session:
                rows = list(session.scalars(_reserved().limit(BATCH)))
                if not rows:
                    return
                require_approved(self.services, session, rows)
                leaf_of = partial(issue_leaf, self.sessions_of(session, rows))
                sign_reserved(self.services, session, rows, leaf_of, passed=found.passed, ready=self.ready)
                tell_certificates(self.services, session, NoticeKind.ISSUED, rows)
                trail.note(
                    session,
                    at=self.services.now(),
                    by=self.by,
                    action="certificate.issue",
                    object_kind="batch",
                    object_key=str(rows[0].batch_id),
                    count=len(rows),
                    first=rows[0].number,
                    last=rows[-1].number,
                )
                issued = [_issued(row) for row in rows]
            self.report.issued += issued  # only what is committed

    def sessions_of(self, session: Session, rows: Sequence[CertificateRecord]) -> Mapping[int, str]:
        """`completed_sessions`, by the decision under which this run reserved a row, where it did."""
        known = {row.id: one.session for row in rows if (one := self.ready.get(row.token)) and one.session}
        return {**known, **completed_sessions(session, [row for row in rows if row.id not in known])}


@dataclass(frozen=True, slots=True)
class Preview:
    """What an issue would do now, by its first certificates: `due` and `reserved` count all, the report is of those
    that were looked at."""

    report: IssueReport
    due: int  # would be reserved, where they are not refused
    reserved: int  # have their number, and wait to be signed


def preview(services: Services, *, by: str, at_most: int = BATCH) -> Preview:
    """Rehearse today's issue for the first `at_most` who are due. Reads only, and asks the same number of questions
    however many are due beyond them (but the marks, which are read 500 at a time)."""
    run = Run(services, IssueReport(services.today(), dry_run=True), by, None, None)
    found = survey(services, run.report.on)
    due, run.report.already = len(found.due), found.already
    found.due = found.due[:at_most]
    with services.database.reading() as session:
        reserved = session.scalar(_reserved().with_only_columns(func.count()).order_by(None)) or 0
        run.report.warnings += number_ranges.warnings(session, run.report.on.year)
    run.rehearse(found, at_most=at_most)
    return Preview(run.report, due, reserved)


def issue_leaf(sessions: Mapping[int, str], signed: Signed, day: date) -> Leaf:
    """What the log says of a certificate that is issued; `sessions` are `completed_sessions`."""
    return Leaf(
        event=Event.ISSUE,
        day=day,
        credential=signed.commitment,
        dated=signed.claims.issued_on,
        session=sessions[signed.row.id],
        evidence=signed.claims.evidence_commitment,
    )


def _reserved() -> Select[CertificateRecord]:
    return (
        select(CertificateRecord)
        .where(CertificateRecord.stage == RESERVED, CertificateRecord.enrolment_id.is_not(None))
        .order_by(CertificateRecord.id)
    )


def waiting_batches(services: Services) -> list[int]:
    """The batches that have reserved certificates, oldest first."""
    with services.database.reading() as session:
        ids = select(CertificateRecord.batch_id).where(
            CertificateRecord.stage == RESERVED, CertificateRecord.enrolment_id.is_not(None)
        )
        return sorted({batch for batch in session.scalars(ids) if batch is not None})


def issued_of(services: Services, batch_id: int) -> list[IssuedOne]:
    """What was issued of a batch: of each number the first version, since later ones replace it."""
    with services.database.reading() as session:
        query = select(CertificateRecord).where(
            CertificateRecord.batch_id == batch_id,
            CertificateRecord.stage == ISSUED,
            CertificateRecord.enrolment_id.is_not(None),
        )
        first: dict[str, CertificateRecord] = {}
        for row in session.scalars(query.order_by(CertificateRecord.id)):
            first.setdefault(row.number, row)
        return [_issued(row) for row in first.values()]


def _issued(row: CertificateRecord) -> IssuedOne:
    return IssuedOne(row.number, row.version, row.holder_name, row.issued_on, row.token)


def _to_be_issued(claims: CertificateClaims) -> IssuedOne:
    return IssuedOne(claims.number, claims.version, claims.holder_name, claims.issued_on, claims.token)


def _refused(refusal: Refusal) -> RefusedOne:
    intended = refusal.intended
    return RefusedOne(intended.holder_name, mask_id_number(intended.identity.number), refusal.error)
