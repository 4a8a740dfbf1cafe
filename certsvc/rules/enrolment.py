"""What is on record of one enrolment: the registration and the attempts, as they were handed in.

Not here: whether an attempt may be recorded (admission) and what follows from it (decide). Source: R1, R2.3, R3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from certsvc.person.identity import IdentityDocument, Sex
from certsvc.person.words import Worded
from certsvc.rules.terms import Subject


class AttemptKind(Worded):
    FIRST = "first", "初考", "first attempt"
    ONSITE_RETAKE = "onsite_retake", "现场补考", "on-site retake"
    FREE_RETAKE = "free_retake", "补考", "free retake"


class Outcome(Worded):
    """R2.3. `excused` uses nothing up; `void` counts as not taken."""

    SCORED = "scored", "正常", "scored"
    ABSENT = "absent", "缺考", "absent"
    EXCUSED = "excused", "缓考", "excused"
    MISCONDUCT = "misconduct", "违纪", "misconduct"
    VOID = "void", "作废", "void"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate's go at one subject. `score` is there exactly when the outcome is `scored`."""

    subject: Subject
    sat_on: date
    kind: AttemptKind
    outcome: Outcome
    score: Decimal | None = None
    items: Mapping[str, Decimal] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Enrolment:
    registered_on: date


@dataclass(frozen=True, slots=True)
class Registration:
    """What a candidate hands in (R1)."""

    name: str
    identity: IdentityDocument
    sex: Sex
    birth_date: date
    health_declared: bool
    registered_on: date
    level: int


_KIND_ORDER = {kind: place for place, kind in enumerate(AttemptKind)}
# What uses nothing up goes before what does, so that it cannot stand behind a pass of the same day.
_OUTCOME_ORDER = {
    Outcome.VOID: 0,
    Outcome.EXCUSED: 1,
    Outcome.SCORED: 2,
    Outcome.ABSENT: 3,
    Outcome.MISCONDUCT: 4,
}


def in_order(attempts: list[Attempt]) -> list[Attempt]:
    """The attempts as they took place: by day, then first, on-site, free retake; the same for any order of rows."""
    if len(attempts) < 2:
        return attempts
    return sorted(attempts, key=_place)


def _place(attempt: Attempt) -> tuple[date, int, int, str, Decimal, list[tuple[str, Decimal]]]:
    return (
        attempt.sat_on,
        _KIND_ORDER[attempt.kind],
        _OUTCOME_ORDER[attempt.outcome],
        attempt.subject,
        attempt.score if attempt.score is not None else Decimal(-1),
        sorted(attempt.items.items()),
    )
