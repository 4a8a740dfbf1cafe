"""How many enrolments a second `decide` decides on one core, with distinct records. Run: python benchmarks/decide.py

Every enrolment has its own dates and scores, so that no cache of sentences flatters; all cells of R4.3 are in the mix.
Prints the best and the median of five rounds; the promise is 20,000 a second.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from certsvc.resources import schemes_folder
from certsvc.rules.decide import decide
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment, Outcome
from certsvc.rules.scheme import Subject, parse_scheme

PROMISED_PER_SECOND = 20_000
ENROLMENTS = 20_000
SCHEME = Path("emergency-rescuer-5/qinghai-2025.toml")

Case = tuple[Enrolment, list[Attempt], date]


def _score(chance: random.Random, *, passes: bool) -> Decimal:
    return Decimal(chance.randint(6000, 10000) if passes else chance.randint(0, 5999)) / 100


def _subject(chance: random.Random, subject: Subject, day: date) -> list[Attempt]:
    first = chance.choices(("pass", "fail", "absent", "none"), weights=(6, 3, 1, 1))[0]
    if first == "none":
        return []
    if first == "absent":
        attempts = [Attempt(subject, day, AttemptKind.FIRST, Outcome.ABSENT)]
    else:
        score = _score(chance, passes=first == "pass")
        attempts = [Attempt(subject, day, AttemptKind.FIRST, Outcome.SCORED, score)]
    if first == "fail" and subject is Subject.PRACTICAL:
        score = _score(chance, passes=False)
        attempts.append(Attempt(subject, day, AttemptKind.ONSITE_RETAKE, Outcome.SCORED, score))
    if first != "pass" and chance.random() < 0.6:
        later = day + timedelta(days=chance.randint(20, 365))
        score = _score(chance, passes=chance.random() < 0.7)
        attempts.append(Attempt(subject, later, AttemptKind.FREE_RETAKE, Outcome.SCORED, score))
    return attempts


def make_cases(count: int, seed: int = 63) -> list[Case]:
    chance = random.Random(seed)
    cases = []
    for _ in range(count):
        registered_on = date(2024, 1, 1) + timedelta(days=chance.randint(0, 1500))
        day = registered_on + timedelta(days=chance.randint(10, 60))
        attempts = _subject(chance, Subject.THEORY, day) + _subject(chance, Subject.PRACTICAL, day)
        chance.shuffle(attempts)
        cases.append((Enrolment(registered_on), attempts, registered_on + timedelta(days=chance.randint(30, 800))))
    return cases


def main() -> int:
    scheme = parse_scheme((schemes_folder() / SCHEME).read_text(encoding="utf-8"))
    cases = make_cases(ENROLMENTS)
    rates = []
    for _ in range(5):
        started = time.perf_counter()
        for enrolment, attempts, on in cases:
            decide(enrolment, attempts, scheme, on)
        rates.append(len(cases) / (time.perf_counter() - started))
    best, median = max(rates), statistics.median(rates)
    print(f"decide: {best:,.0f} enrolments a second at best, {median:,.0f} in the median, one core")
    print(f"promised: {PROMISED_PER_SECOND:,}; ratio {median / PROMISED_PER_SECOND:.2f}")
    return 0 if median >= PROMISED_PER_SECOND else 1


if __name__ == "__main__":
    sys.exit(main())
