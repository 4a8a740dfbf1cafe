"""What would follow from changes of results, before anyone approves them (R2.5, R2.6): one plan over one state.

Every enrolment they touch is decided again from all its attempts. A retake that had no entitlement then falls away; a
certificate that is no longer earned is revoked with the changes; who passes by them is due in the next batch. The plan
bears a digest of all that it stood on, so that it is carried out as it was shown, or not at all.
Not here: whose attempts (`correct`, `sitting`), carrying it out (`carry_out`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.status import Status
from certsvc.errors import Refused, StaleRequest
from certsvc.person.identity import mask_id_number
from certsvc.rules.decide import Decision, SubjectDecision
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment
from certsvc.rules.explain import explain_json
from certsvc.rules.progress import EnrolmentState
from certsvc.rules.result_correction import NotCounted, without_effect
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination.import_results import registered_again
from certsvc.services.imports import chunks
from certsvc.services.records.attempts import RecordedAttempt, attempt_of, corrections_of, decision_on, taken_back
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.services.records.result_changes import Change, Said, changed
from certsvc.store import ISSUED, RESERVED, AttemptRecord, CertificateRecord, PersonRecord
from certsvc.transparency.leaf import Act

_IN_FORCE = frozenset({Status.VALID.value, Status.SUSPENDED.value})


@dataclass(frozen=True, slots=True)
class Who:
    """Whose enrolment; the identity number masked, to tell two of one name apart."""

    name: str = field(repr=False)
    id_number: str
    registered_on: date

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "id_number": self.id_number, "registered_on": self.registered_on.isoformat()}


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """A decision that would be another: in the enrolment's state, a subject's standing, or what may be retaken."""

    who: Who
    before: Decision
    after: Decision

    @property
    def was(self) -> EnrolmentState:
        return self.before.state

    @property
    def now(self) -> EnrolmentState:
        return self.after.state

    @property
    def subjects(self) -> list[Subject]:
        """Those that stand otherwise, or whose retake is open no longer, newly, or until another day."""
        before, after = self.before.subjects, self.after.subjects
        return [one for one in before if _stands(before[one]) != _stands(after[one])]

    @property
    def differs(self) -> bool:
        return self.was is not self.now or bool(self.subjects)

    def as_json(self) -> dict[str, object]:
        before, after = explain_json(self.before)["subjects"], explain_json(self.after)["subjects"]
        assert isinstance(before, dict)
        assert isinstance(after, dict)
        changed_subjects = {one.value: {"from": before[one.value], "to": after[one.value]} for one in self.subjects}
        return {**self.who.as_json(), "from": self.was.value, "to": self.now.value, "subjects": changed_subjects}


def _stands(one: SubjectDecision) -> tuple[object, ...]:
    return (one.standing, one.free_retake)


@dataclass(frozen=True, slots=True)
class FallsAway:
    """An attempt that no longer counts (不计), by which rule."""

    who: Who
    fallen: NotCounted

    def as_json(self) -> dict[str, object]:
        attempt = self.fallen.attempt
        return {
            **self.who.as_json(),
            "subject": attempt.subject.value,
            "kind": attempt.kind.value,
            "sat_on": attempt.sat_on.isoformat(),
            "rule": self.fallen.rule,
            "zh": self.fallen.zh,
            "en": self.fallen.en,
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person should know before approving."""

    who: Who
    rule: str
    zh: str
    en: str

    def as_json(self) -> dict[str, object]:
        return {**self.who.as_json(), "rule": self.rule, "zh": self.zh, "en": self.en}


@dataclass(slots=True)
class Follows:
    """All that would follow: decisions that change, attempts that fall away, certificates (by number) that are revoked
    with it, and who passes and is due in the next batch."""

    attempts: int = 0
    decisions: list[DecisionChange] = field(default_factory=list)
    not_counted: list[FallsAway] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    passing: list[Who] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def retakes(self) -> int:
        """How many of the attempts that fall away are retakes."""
        return sum(one.fallen.attempt.kind is not AttemptKind.FIRST for one in self.not_counted)

    def as_json(self) -> dict[str, object]:
        return {
            "attempts": self.attempts,
            "decisions": [one.as_json() for one in self.decisions],
            "retakes_fall_away": self.retakes,
            "not_counted": [one.as_json() for one in self.not_counted],
            "revoked": list(self.revoked),
            "passing": [one.as_json() for one in self.passing],
            "notices": [one.as_json() for one in self.notices],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes, the enrolments they touch, what follows, and the digest of what all of it stands on."""

    changes: Sequence[Change]
    attempts: Mapping[int, RecordedAttempt]  # by their ids: those that change, as they count until then
    follows: Follows
    base: str
    who: Mapping[int, Who]  # by enrolment
    revokes: Mapping[int, int]  # enrolment → the certificate, by its id, that goes with the changes

    def whose(self, change: Change) -> dict[str, object]:
        """Whose attempt a change is of, and which."""
        one = self.attempts[change.attempt_id]
        return {**self.who[one.enrolment_id].as_json(), "subject": one.subject, "kind": one.kind}


def plan_of(services: Services, session: Session, act: Act, changes: Sequence[Change]) -> Plan:
    """Raises `Refused` where a certificate is being issued to one of them, or results cannot be withdrawn (R2.7), and
    `StaleRequest` where an attempt says no longer what the change says that it did."""
    by_attempt = {one.attempt_id: one for one in changes}
    enrolments = enrolments_with(session, by_attempt)
    attempts: dict[int, RecordedAttempt] = {}
    follows = Follows(attempts=len(changes))
    who: dict[int, Who] = {}
    revokes: dict[int, int] = {}
    digest = hashlib.sha256()
    for ids in chunks(iter(sorted(enrolments))):
        on_record = enrolments_on_record(session, ids)
        certificates = _certificates(session, ids)
        people = _people(services, session, on_record.values())
        who |= people
        again = registered_again(session, ids)
        back = taken_back(session, ids)
        for key, one in on_record.items():
            digest.update(_base(one))
            attempts |= {each.id: each for each in one.attempts if each.id in by_attempt}
            rows = certificates.get(key, [])
            _require_possible(act, one, rows, by_attempt)
            if _Enrolled(services, one, people[key], rows, again.get(key), back).foresee(by_attempt, follows):
                revokes[key] = rows[-1].id
    for change in changes:
        if change.attempt_id not in attempts or Said.by(attempts[change.attempt_id]) != change.was:
            raise stale()
    return Plan(changes, attempts, follows, digest.hexdigest(), who, revokes)


def stale() -> StaleRequest:
    """What to raise where what was asked for no longer stands on what it stood on."""
    return StaleRequest(
        "申请后成绩、考试记录或证书已有变化，请驳回后重新申请",
        "results or certificates have changed since it was asked for: turn it down, and ask again",
        rule="R2.4",
    )


@dataclass(frozen=True, slots=True)
class _Enrolled:
    """One enrolment that changes touch, with all that is known of it."""

    services: Services
    on_record: EnrolmentOnRecord
    who: Who
    certificates: Sequence[CertificateRecord]  # issued ones, the oldest version first
    again_on: date | None
    taken_back: Collection[int]  # those of its certificates that went with an earlier correction

    def foresee(self, changes: Mapping[int, Change], follows: Follows) -> bool:
        """Adds what follows for it; whether its newest certificate is to be revoked."""
        before = [(one.id, attempt_of(one)) for one in self.on_record.attempts]
        after = [(key, attempt_of(one)) for key, one in changed(self.on_record.attempts, changes)]
        on = max([self.services.today(), *(attempt.sat_on for _, attempt in (*before, *after))])
        decisions = DecisionChange(self.who, self._decision(before, on), self._decision(after, on))
        was, now = decisions.was, decisions.now
        if decisions.differs:
            follows.decisions.append(decisions)
        fallen_before = set(self._without_effect(before))
        fallen = self._without_effect(after)
        follows.not_counted += [FallsAway(self.who, one) for key, one in fallen.items() if key not in fallen_before]
        revokes = self._foresee_certificate(was, now, follows)
        if self.again_on is not None and was.closed and not now.closed:
            follows.notices.append(
                Notice(
                    self.who,
                    "R1.5",
                    f"本次报名将重新未结束，而考生已于 {self.again_on} 另行报名",
                    f"the enrolment would be open again, and the person registered again on {self.again_on}",
                )
            )
        return revokes

    def _foresee_certificate(self, was: EnrolmentState, now: EnrolmentState, follows: Follows) -> bool:
        newest = self.certificates[-1] if self.certificates else None
        if now is not EnrolmentState.PASSED:
            if newest is not None and newest.status in _IN_FORCE:
                follows.revoked.append(newest.number)
                return True
        elif was is not EnrolmentState.PASSED:
            if newest is None or newest.id in self.taken_back:
                follows.passing.append(self.who)
            elif newest.status not in _IN_FORCE:
                follows.notices.append(
                    Notice(
                        self.who,
                        "R7.1",
                        f"证书 {newest.number} 已撤销，不能恢复",
                        f"certificate {newest.number} was revoked, and no revocation is taken back",
                    )
                )
        return False

    def _decision(self, attempts: Iterable[tuple[int, Attempt]], on: date) -> Decision:
        return decision_on(self.on_record.enrolment, [one for _, one in attempts], self.on_record.scheme, on)

    def _without_effect(self, attempts: Sequence[tuple[int, Attempt]]) -> dict[int, NotCounted]:
        registration = Enrolment(self.on_record.enrolment.registered_on)
        found = without_effect(registration, [one for _, one in attempts], self.on_record.scheme)
        return {attempts[one.place][0]: one for one in found}


def _require_possible(
    act: Act, one: EnrolmentOnRecord, certificates: Sequence[CertificateRecord], changes: Mapping[int, Change]
) -> None:
    reserved = next((row for row in certificates if row.stage == RESERVED), None)
    if reserved is not None:
        raise Refused(
            "该考生的证书已取号待签，请先完成签发（certsvc issue）",
            "a certificate of this person is waiting to be signed: finish the batch first (certsvc issue)",
            rule="R2.6",
            where=reserved.number,
        )
    if act is not Act.WITHDRAWN:
        return
    mine = [attempt for attempt in one.attempts if attempt.id in changes]
    if any(attempt.published_on is not None for attempt in mine):
        raise _not_withdrawn("成绩已公布，只能更正或作废", "results are published: they are corrected or annulled")
    if any(attempt.id in one.corrections for attempt in mine):
        raise _not_withdrawn("成绩已更正过，只能再更正", "a result was corrected already: it is corrected again")
    if certificates:
        raise _not_withdrawn("已据此签发证书，只能更正", "a certificate rests on it: it is corrected")


def _not_withdrawn(zh: str, en: str) -> Refused:
    return Refused(f"{zh}，不能撤回", f"{en}, not withdrawn", rule="R2.7")


def enrolments_with(session: Session, attempt_ids: Iterable[int]) -> set[int]:
    """The enrolments that these attempts are of."""
    found: set[int] = set()
    for ids in chunks(iter(attempt_ids)):
        found |= set(session.scalars(select(AttemptRecord.enrolment_id).where(AttemptRecord.id.in_(ids))))
    return found


def _certificates(session: Session, enrolment_ids: Sequence[int]) -> Mapping[int, list[CertificateRecord]]:
    """The certificates of each enrolment: issued ones by version, reserved ones before them."""
    found: dict[int, list[CertificateRecord]] = {}
    query = select(CertificateRecord).where(CertificateRecord.enrolment_id.in_(enrolment_ids))
    rows = session.scalars(query).all()
    for row in sorted(rows, key=lambda row: (row.stage == ISSUED, row.version)):
        found.setdefault(row.enrolment_id or 0, []).append(row)
    return found


def _people(services: Services, session: Session, enrolments: Iterable[EnrolmentOnRecord]) -> Mapping[int, Who]:
    """Who, by enrolment."""
    listed = [one.enrolment for one in enrolments]
    query = select(PersonRecord).where(PersonRecord.id.in_({one.person_id for one in listed}))
    people = {person.id: person for person in session.scalars(query)}
    return {one.id: _who(services, people[one.person_id], one.registered_on) for one in listed}


def _who(services: Services, person: PersonRecord, registered_on: date) -> Who:
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return Who(person.name, mask_id_number(str(personal["id_number"])), registered_on)


def _base(one: EnrolmentOnRecord) -> bytes:
    """All that the decisions on an enrolment stand on."""
    said = [
        one.enrolment.id,
        one.enrolment.registered_on.isoformat(),
        one.enrolment.scheme_id,
        [list(_row(each)) for each in one.attempts],
    ]
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _row(one: RecordedAttempt) -> Iterator[object]:
    published = None if one.published_on is None else one.published_on.isoformat()
    yield from (one.id, one.subject, one.kind, *Said.by(one).as_list(), published, len(corrections_of(one)))
