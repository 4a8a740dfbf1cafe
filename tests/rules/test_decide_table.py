"""Every row of R4.3 crossed with every later event of R3 and R4.

Columns: what happens after the first sittings. A retake is sat within its deadline unless said otherwise:
  none  nothing, on the day of the sitting    due   nothing, on the deadline    over  nothing, on the day after it
  +  passed   -  failed   0  absent   m  misconduct   e  excused   v  void   e>  excused, then the deadline passes
  L  sat the day after the deadline
Cells: P passed, R retake open, F failed, X forfeited, V void, I in progress; "!" before it: the event is refused.
Rows: theory then practical: p passed, f failed, a absent, n not yet sat.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from certsvc.errors import AttemptRefused
from certsvc.rules.admission import admit
from certsvc.rules.decide import EnrolmentState, decide
from certsvc.rules.enrolment import Attempt, Outcome
from certsvc.rules.scheme import Subject
from tests.rules.builders import (
    DEADLINE,
    ENROLMENT,
    FREE,
    ONSITE,
    OVERDUE,
    PRACTICAL,
    SAT_ON,
    THEORY,
    attempt,
    changed,
    qinghai,
)

STATES = {
    "P": EnrolmentState.PASSED,
    "R": EnrolmentState.RETAKE_OPEN,
    "F": EnrolmentState.FAILED,
    "X": EnrolmentState.FORFEITED,
    "V": EnrolmentState.VOID,
    "I": EnrolmentState.IN_PROGRESS,
}
TIME = """
row none due over
pp  P    P   P
fp  R    R   X
pf  R    R   X
ff  R    R   X
ap  R    R   X
pa  R    R   X
af  R    R   X
fa  R    R   X
aa  V    V   V
np  I    I   I
nf  I    I   X
na  I    I   X
pn  I    I   I
fn  I    I   X
an  I    I   X
nn  I    I   I
"""
THEORY_RETAKE = """
row +  -  0  m  e  v  e> L
pp  !P !P !P !P !P P  !P !P
fp  P  F  F  F  R  R  X  !X
pf  !R !R !R !R !R R  !X !X
ff  R  F  F  F  R  R  X  !X
ap  P  F  F  F  R  R  X  !X
pa  !R !R !R !R !R R  !X !X
af  R  F  F  F  R  R  X  !X
fa  R  F  F  F  R  R  X  !X
aa  !V !V !V !V !V V  !V !V
np  !I !I !I !I !I I  !I !I
nf  !I !I !I !I !I I  !X !X
na  !I !I !I !I !I I  !X !X
pn  !I !I !I !I !I I  !I !I
fn  I  F  F  F  I  I  X  !X
an  I  F  F  F  I  I  X  !X
nn  !I !I !I !I !I I  !I !I
"""
PRACTICAL_RETAKE = """
row +  -  0  m  e  v  e> L
pp  !P !P !P !P !P P  !P !P
fp  !R !R !R !R !R R  !X !X
pf  P  F  F  F  R  R  X  !X
ff  R  F  F  F  R  R  X  !X
ap  !R !R !R !R !R R  !X !X
pa  P  F  F  F  R  R  X  !X
af  R  F  F  F  R  R  X  !X
fa  R  F  F  F  R  R  X  !X
aa  !V !V !V !V !V V  !V !V
np  !I !I !I !I !I I  !I !I
nf  I  F  F  F  I  I  X  !X
na  I  F  F  F  I  I  X  !X
pn  !I !I !I !I !I I  !I !I
fn  !I !I !I !I !I I  !X !X
an  !I !I !I !I !I I  !X !X
nn  !I !I !I !I !I I  !I !I
"""
# Two retakes: T and P one after the other, with how each ends; "=" the same day, ">" the next; "x" the deadline passes.
BOTH_RETAKES = """
row T+=P+ T+>P+ T+>P- T->P+ T-=P+ T+x P+x
ff  P     P     F     F     F     X   X
af  P     P     F     F     F     X   X
fa  P     P     F     F     F     X   X
fp  P     P     P     F     F     P   X
pf  P     P     F     P     P     X   P
ap  P     P     P     F     F     P   X
pa  P     P     F     P     P     X   P
aa  V     V     V     V     V     V   V
pp  P     P     P     P     P     P   P
nn  I     I     I     I     I     I   I
nf  I     I     F     I     I     X   I
fn  I     I     I     F     F     I   X
"""
# A first attempt handed in a month later, of the theory (T) or the practical (P).
LATER_FIRST = """
row T+ T- T0 Tm P+ P- P0 Pm
np  P  R  R  F  !I !I !I !I
nf  R  R  R  F  !I !I !I !I
na  R  R  V  F  !I !I !I !I
pn  !I !I !I !I P  R  R  F
fn  !I !I !I !I R  R  R  F
an  !I !I !I !I R  R  V  F
nn  I  I  I  F  I  I  I  F
pp  !P !P !P !P !P !P !P !P
ff  !R !R !R !R !R !R !R !R
aa  !V !V !V !V !V !V !V !V
"""

RETAKEN = date(2025, 9, 10)
RESULTS: dict[str, str | Outcome] = {
    "+": "60",
    "-": "59.99",
    "0": Outcome.ABSENT,
    "m": Outcome.MISCONDUCT,
    "e": Outcome.EXCUSED,
    "v": Outcome.VOID,
}


def cells(table: str) -> Iterator[tuple[str, str, str]]:
    header, *rows = [line.split() for line in table.strip().splitlines()]
    for row, *states in rows:
        for column, state in zip(header[1:], states, strict=True):
            yield row, column, state


def first_sittings(row: str, onsite: str = "failed") -> list[Attempt]:
    """The first attempts of a row; a failed practical with its on-site retake failed, absent or declined."""
    results: dict[str, str | Outcome] = {"p": "75", "f": "40", "a": Outcome.ABSENT}
    attempts = [
        attempt(subject, results[letter])
        for subject, letter in zip((THEORY, PRACTICAL), row, strict=True)
        if letter != "n"
    ]
    if row[1] == "f" and onsite != "declined":
        attempts.append(attempt(PRACTICAL, "50" if onsite == "failed" else Outcome.ABSENT, kind=ONSITE))
    if row[1] == "p" and onsite == "passed":
        attempts[-1] = attempt(PRACTICAL, "40")
        attempts.append(attempt(PRACTICAL, "75", kind=ONSITE))
    return attempts


def state_of(attempts: list[Attempt], on: date) -> EnrolmentState:
    return decide(ENROLMENT, attempts, qinghai(), on).state


def hand_in(attempts: list[Attempt], event: Attempt) -> AttemptRefused | None:
    """Record the event if it may be recorded."""
    try:
        admit(ENROLMENT, attempts, event, qinghai())
    except AttemptRefused as refusal:
        return refusal
    attempts.append(event)
    return None


@pytest.mark.parametrize("onsite", ["failed", "absent", "declined", "passed"])
@pytest.mark.parametrize(("row", "column", "cell"), list(cells(TIME)))
def test_time_alone(row: str, column: str, cell: str, onsite: str) -> None:
    on = {"none": SAT_ON, "due": DEADLINE, "over": OVERDUE}[column]
    assert state_of(first_sittings(row, onsite), on) is STATES[cell]


@pytest.mark.parametrize("onsite", ["failed", "declined", "passed"])
@pytest.mark.parametrize(
    ("subject", "row", "column", "cell"),
    [(THEORY, *cell) for cell in cells(THEORY_RETAKE)] + [(PRACTICAL, *cell) for cell in cells(PRACTICAL_RETAKE)],
)
def test_a_free_retake(subject: Subject, row: str, column: str, cell: str, onsite: str) -> None:
    attempts = first_sittings(row, onsite)
    sat_on = OVERDUE if column == "L" else DEADLINE
    event = attempt(subject, RESULTS.get(column[0], "60"), kind=FREE, on=sat_on)
    refusal = hand_in(attempts, event)
    assert (refusal is not None) == cell.startswith("!")
    assert refusal is None or refusal.rule == "R3.7"
    assert state_of(attempts, OVERDUE if column == "e>" else sat_on) is STATES[cell[-1]]
    # Handed to decide all the same, a refused attempt changes nothing.
    assert state_of([*first_sittings(row, onsite), event], sat_on) is state_of(attempts, sat_on)


@pytest.mark.parametrize(("row", "column", "cell"), list(cells(BOTH_RETAKES)))
def test_two_free_retakes(row: str, column: str, cell: str) -> None:
    attempts = first_sittings(row)
    later = date(2025, 9, 11) if ">" in column else RETAKEN
    for text in column.replace("x", "").replace("=", " ").replace(">", " ").split():
        subject = THEORY if text[0] == "T" else PRACTICAL
        on = RETAKEN if subject is THEORY else later
        hand_in(attempts, attempt(subject, RESULTS[text[1]], kind=FREE, on=on))
    assert state_of(attempts, OVERDUE if "x" in column else later) is STATES[cell]


@pytest.mark.parametrize(("row", "column", "cell"), list(cells(LATER_FIRST)))
def test_a_later_first_attempt(row: str, column: str, cell: str) -> None:
    attempts = first_sittings(row)
    on = date(2025, 4, 24)
    refusal = hand_in(attempts, attempt(THEORY if column[0] == "T" else PRACTICAL, RESULTS[column[1]], on=on))
    assert (refusal is not None) == cell.startswith("!")
    if refusal is not None:
        assert refusal.rule == ("R4.2" if row == "aa" else "R3.7")
    assert state_of(attempts, on) is STATES[cell[-1]]


ONSITE_CELLS = """
row +  -  0  e  v  m
pf  P  R  R  R  R  F
ff  R  R  R  R  R  F
af  R  R  R  R  R  F
nf  I  I  I  I  I  F
pp  !P !P !P !P P  !P
pa  !R !R !R !R R  !R
aa  !V !V !V !V V  !V
pn  !I !I !I !I I  !I
"""


@pytest.mark.parametrize(("row", "column", "cell"), list(cells(ONSITE_CELLS)))
def test_an_onsite_retake(row: str, column: str, cell: str) -> None:
    attempts = first_sittings(row, "declined")
    refusal = hand_in(attempts, attempt(PRACTICAL, RESULTS[column], kind=ONSITE))
    assert (refusal is not None) == cell.startswith("!")
    assert state_of(attempts, SAT_ON) is STATES[cell[-1]]


@pytest.mark.parametrize("onsite", ["failed", "absent", "declined"])
@pytest.mark.parametrize(
    ("row", "state"), [("ff", "F"), ("fp", "R"), ("pf", "R"), ("af", "R"), ("fa", "R"), ("aa", "V")]
)
def test_the_scheme_may_close_an_enrolment_failed_in_both(row: str, state: str, onsite: str) -> None:
    scheme = changed("qinghai-2025", ('both_failed = "retake"', 'both_failed = "failed"'))
    assert decide(ENROLMENT, first_sittings(row, onsite), scheme, SAT_ON).state is STATES[state]


def test_a_failed_absence_make_up_is_not_a_failed_first_go() -> None:
    """With a second free retake the make-up is not the last chance, and the switch looks at first attempts only."""
    scheme = changed(
        "qinghai-2025", ('both_failed = "retake"', 'both_failed = "failed"'), ("free_retakes = 1", "free_retakes = 2")
    )
    attempts = [
        attempt(THEORY, Outcome.ABSENT),
        attempt(THEORY, "40", kind=FREE, on=date(2025, 4, 1)),
        attempt(PRACTICAL, "40", on=date(2025, 4, 2)),
    ]
    assert decide(ENROLMENT, attempts, scheme, date(2025, 4, 2)).state is EnrolmentState.RETAKE_OPEN


def test_a_fail_and_a_passed_free_retake_are_not_failed_in_both() -> None:
    scheme = changed("qinghai-2025", ('both_failed = "retake"', 'both_failed = "failed"'))
    attempts = [
        attempt(THEORY, "40"),
        attempt(THEORY, "80", kind=FREE, on=date(2025, 4, 1)),
        attempt(PRACTICAL, "40", on=date(2025, 4, 2)),
    ]
    assert decide(ENROLMENT, attempts, scheme, date(2025, 4, 2)).state is EnrolmentState.RETAKE_OPEN
