"""Builders with sane defaults: attempts, enrolments, the two shipped schemes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache

from certsvc.resources import schemes_folder
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment, Outcome
from certsvc.rules.scheme import Scheme, Subject, parse_scheme

THEORY, PRACTICAL = Subject.THEORY, Subject.PRACTICAL
FIRST, ONSITE, FREE = AttemptKind
SAT_ON = date(2025, 3, 24)
DEADLINE = date(2026, 3, 24)
OVERDUE = date(2026, 3, 25)
ENROLMENT = Enrolment(date(2025, 3, 1))


@cache
def scheme_text(name: str) -> str:
    return (schemes_folder() / "emergency-rescuer-5" / f"{name}.toml").read_text(encoding="utf-8")


@cache
def qinghai() -> Scheme:
    return parse_scheme(scheme_text("qinghai-2025"))


@cache
def haiyue() -> Scheme:
    return parse_scheme(scheme_text("haiyue-2026"))


def changed(name: str, *changes: tuple[str, str]) -> Scheme:
    """A shipped scheme with pieces of its text replaced."""
    text = scheme_text(name)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_scheme(text)


def attempt(
    subject: Subject,
    result: Outcome | str = "60",
    *,
    kind: AttemptKind = FIRST,
    on: date = SAT_ON,
) -> Attempt:
    """`result` is a score or an outcome that has none."""
    if isinstance(result, Outcome):
        return Attempt(subject, on, kind, result)
    return Attempt(subject, on, kind, Outcome.SCORED, Decimal(result))
