"""A whole sitting, annulled or withdrawn in one act: every attempt of a day, and what else narrows it (R2.7).

A sitting is a day and a subject (both subjects where none is named); a scheme, a training institution or a roll narrows
it, as far as the register knows them. Annulled attempts become void; withdrawn ones are taken out, before they are
published.
Not here: what follows (`follows`), single attempts (`correct`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound, Refused
from certsvc.rules.enrolment import Outcome
from certsvc.rules.result_correction import CorrectionReason
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.imports import chunks
from certsvc.services.records.approvals import require_development, why
from certsvc.services.records.attempts import RecordedAttempt, effective_of, sat_on_as_corrected
from certsvc.services.records.result_changes import Change, Said
from certsvc.services.results.carry_out import ResultsChanged, approve_in, propose_in
from certsvc.services.results.follows import Follows, plan_of
from certsvc.store import AttemptRecord, EnrolmentRecord, SchemeRecord, SeatRecord, SittingRecord
from certsvc.transparency.leaf import Act

_CODE: Final = re.compile(r"(?:(?P<scheme>.+)/)?(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:/(?P<subject>[^/]+))?")
_LONGEST_LABEL: Final = 200
NO_ROLL: Final = 0


@dataclass(frozen=True, slots=True)
class Sitting:
    """Which attempts: of this day, and of the subject, the scheme (its key) and the institution where one is named; of
    those on the roll of a sitting by its number, or on none of that day and subject (`NO_ROLL`)."""

    day: date
    subject: Subject | None = None
    scheme: str | None = None
    institution: str | None = None
    roll: int | None = None

    @classmethod
    def parse(
        cls, code: str, *, subject: Subject | None = None, scheme: str | None = None, institution: str | None = None
    ) -> Sitting:
        """`[SCHEME/]YYYY-MM-DD[/SUBJECT]`, such as the log's code of a sitting. Raises `Refused`."""
        found = _CODE.fullmatch(code.strip())
        if found is None:
            raise _unreadable(code)
        try:
            day = date.fromisoformat(found["day"])
            named = None if found["subject"] is None else _SUBJECTS[found["subject"]]
        except (ValueError, KeyError) as error:
            raise _unreadable(code) from error
        if subject is not None and named not in {None, subject}:
            raise _unreadable(code)
        return cls(day, subject or named, scheme or found["scheme"], institution)

    @property
    def label(self) -> str:
        """What stands in the list of what waits."""
        subject = None if self.subject is None else self.subject.value
        roll = None if self.roll is None else f"#{self.roll}"
        parts = (self.scheme, self.day.isoformat(), subject, self.institution, roll)
        return "/".join(part for part in parts if part)[:_LONGEST_LABEL]


def _unreadable(code: str) -> Refused:
    return Refused(
        f"场次应写作 日期、日期/科目 或 方案/日期，如 2025-03-24/theory，而非 {code}",
        f"a sitting is written DAY, DAY/SUBJECT or SCHEME/DAY, such as 2025-03-24/theory, not {code}",
        rule="R2.7",
        where="sitting",
    )


_SUBJECTS: Final = {name: subject for subject in Subject for name in (subject.value, subject.zh)}


def propose(
    services: Services,
    act: Act,
    sitting: Sitting,
    *,
    reason: str,
    by: str,
    evidence: str = "",
    approved_by: str | None = None,
) -> ResultsChanged:
    """Ask for a sitting to be annulled or withdrawn; with `approved_by`, in a home with development keys, do it at
    once. Raises `NotFound` where it has no results left to change, and what `carry_out` raises."""
    if approved_by is not None:
        require_development(services)
    said, file_number = why(reason), why(evidence) if evidence.strip() else ""
    with services.database.writing() as session:
        changes = _changes(session, act, sitting, said, file_number)
        asked = propose_in(services, session, act, sitting.label, changes, reason=said, by=by)
        if approved_by is None:
            return asked
        return approve_in(services, session, asked.approval_id, by=approved_by)


def foresee(services: Services, act: Act, sitting: Sitting) -> Follows:
    """What would follow. Raises `NotFound` where there is nothing to change, and what `follows.plan_of` raises."""
    with services.database.reading() as session:
        return plan_of(services, session, act, _changes(session, act, sitting, "", "")).follows


def _changes(session: Session, act: Act, sitting: Sitting, reason: str, evidence: str) -> list[Change]:
    found = [
        _change(act, one, reason, evidence)
        for one in _attempts(session, sitting)
        if act is Act.WITHDRAWN or one.outcome != Outcome.VOID.value
    ]
    if not found:
        raise NotFound(
            "该场次没有成绩，或已全部作废",
            "the sitting has no results on record, or all of them are void",
            rule="R2.7",
            where=sitting.label,
        )
    return found


def _change(act: Act, one: RecordedAttempt, reason: str, evidence: str) -> Change:
    says = None if act is Act.WITHDRAWN else Said(one.sat_on, Outcome.VOID.value)
    code = CorrectionReason.OTHER if act is Act.WITHDRAWN else CorrectionReason.ANNULLED
    return Change(one.id, Said.by(one), says, code.value, reason, evidence)


def _attempts(session: Session, sitting: Sitting) -> Sequence[RecordedAttempt]:
    """The attempts of a sitting as they count, by enrolment. Raises `NotFound` for a scheme that is not there."""
    query = (
        select(AttemptRecord.id, AttemptRecord.enrolment_id)
        .join(EnrolmentRecord, EnrolmentRecord.id == AttemptRecord.enrolment_id)
        .where(sat_on_as_corrected() == sitting.day)
        .order_by(AttemptRecord.enrolment_id, AttemptRecord.id)
    )
    if sitting.subject is not None:
        query = query.where(AttemptRecord.subject == sitting.subject.value)
    if sitting.institution is not None:
        query = query.where(EnrolmentRecord.institution == sitting.institution)
    if sitting.scheme is not None:
        query = query.where(EnrolmentRecord.scheme_id.in_(_schemes(session, sitting.scheme)))
    if sitting.roll is not None:
        query = query.where(_on_roll(sitting.day, sitting.roll))
    wanted = session.execute(query).all()
    ids = {row.id for row in wanted}
    found: list[RecordedAttempt] = []
    for some in chunks(iter(dict.fromkeys(row.enrolment_id for row in wanted))):
        recorded = effective_of(session, some)
        found += [one for key in some for one in recorded[key] if one.id in ids]
    return found


def _on_roll(day: date, roll: int) -> ColumnElement[bool]:
    """On this roll; for `NO_ROLL`, on none of the day and the attempt's subject."""
    seat = (
        select(SeatRecord.id)
        .join(SittingRecord, SittingRecord.id == SeatRecord.sitting_id)
        .where(
            SeatRecord.enrolment_id == AttemptRecord.enrolment_id,
            SeatRecord.removed_at.is_(None),
            SittingRecord.subject == AttemptRecord.subject,
            SittingRecord.sat_on == day,
        )
    )
    return ~seat.exists() if roll == NO_ROLL else seat.where(SittingRecord.id == roll).exists()


def _schemes(session: Session, key: str) -> list[int]:
    found = list(session.scalars(select(SchemeRecord.id).where(SchemeRecord.key == key)))
    if not found:
        raise NotFound("没有该方案", "there is no such scheme", rule="R0", where=key)
    return found
