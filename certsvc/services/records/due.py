"""Whom the next issue has to decide: marked in the transaction of whatever may have made an enrolment due (R7.1).

`issue` decides those that are marked and no others, so its cost is that of what is new. Who adds a door by which
an enrolment can come to pass calls `mark_due` there, in the same transaction:

    mark_due(session, [enrolment.id])

The doors are: a result that is recorded (`examination.import_results`), one that is corrected or annulled, and a
registration that comes to count (`registration.review`). Not doors are: a new registration, under which nothing has
been sat; a scheme put in force, since each enrolment keeps the one it was registered under (R0); a status, a name, a
portrait; and time. A day that passes closes an enrolment and passes none: a deadline ends a retake (R3.3), and what
has passed stays passed (R3.7). A result dated ahead passes on its day, so an enrolment that will pass keeps its mark
until then. A mark too many costs one decision. One that is missing is found by `log check` (G9), and `issue --all`
decides everyone. Not here: deciding (`records.decisions`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, cast

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from certsvc.store import ToDecideRecord
from certsvc.store.bulk import insert_rows

AT_ONCE: Final = 500
_MARKS = cast("Table", ToDecideRecord.__table__)

Marks = Mapping[int, Sequence[int]]
"""The ids of the marks on each enrolment, by its id."""


def mark_due(session: Session, enrolment_ids: Iterable[int]) -> None:
    """Have these enrolments (any number; they are there) decided by the next issue. The caller commits."""
    insert_rows(session, _MARKS, [{"enrolment_id": one} for one in sorted(set(enrolment_ids))])


def marked(session: Session) -> Iterator[Marks]:
    """Every enrolment that is marked, in the order of their ids, at most `AT_ONCE` at a time."""
    after = 0
    while True:
        query = select(ToDecideRecord.enrolment_id).where(ToDecideRecord.enrolment_id > after).distinct()
        ids = list(session.scalars(query.order_by(ToDecideRecord.enrolment_id).limit(AT_ONCE)))
        if not ids:
            return
        yield marks_of(session, ids)
        after = ids[-1]


def marks_of(session: Session, enrolment_ids: Collection[int]) -> Marks:
    """The marks on some enrolments (at most some hundred)."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    query = select(ToDecideRecord.enrolment_id, ToDecideRecord.id).where(ToDecideRecord.enrolment_id.in_(enrolment_ids))
    for enrolment_id, mark in session.execute(query.order_by(ToDecideRecord.enrolment_id)):
        found[enrolment_id].append(mark)
    return found


def unmark(session: Session, marks: Iterable[int]) -> None:
    """Take away marks that were seen and decided; those that came since stay."""
    for some in _batches(marks):
        session.execute(delete(ToDecideRecord).where(ToDecideRecord.id.in_(some)))


def unmark_issued(session: Session, enrolment_ids: Collection[int]) -> None:
    """Enrolments (at most some hundred) whose certificate is signed in this transaction are due no more."""
    session.execute(delete(ToDecideRecord).where(ToDecideRecord.enrolment_id.in_(enrolment_ids)))


def _batches(ids: Iterable[int]) -> Iterator[list[int]]:
    waiting = iter(ids)
    while some := list(islice(waiting, AT_ONCE)):
        yield some
