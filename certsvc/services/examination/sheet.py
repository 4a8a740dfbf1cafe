"""The scoring sheet of a sitting as it stands: what counts of each ticket, its total, the digest of the whole (R2.1).

Of a ticket's entries of one kind the one with the highest sequence counts; one that was withdrawn counts no more. A
confirmation names the digest of the sheet that was seen. Not here: taking entries in, confirming them (`scores`).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.grading import grade
from certsvc.rules.terms import Item, Scheme, Subject, SubjectRules
from certsvc.rules.wording import score_text
from certsvc.services.context import Services
from certsvc.services.examination.draw import items_of, schemes_of
from certsvc.services.examination.sittings import Seat, found, roll, seed_of
from certsvc.store import ScoreEntryRecord, SeatRecord, SittingRecord

WITHDRAWN: Final = "withdrawn"


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One ticket on the scoring sheet: what it drew, the entries that count, and the highest sequence, by kind."""

    seat: Seat
    subject: Subject
    scheme: Scheme
    drawn: tuple[Item, ...]
    entries: Mapping[str, ScoreEntryRecord]
    newest: Mapping[str, int]
    entered: int  # entries in all, history included

    @property
    def rules(self) -> SubjectRules:
        return self.scheme.subjects[self.subject]

    @property
    def items(self) -> tuple[Item, ...]:
        """What the candidate is scored by; nothing where the subject has no items, or none was drawn yet."""
        return self.rules.required + self.drawn if len(self.drawn) == len(self.rules.drawn) else ()

    @property
    def may_sit_again(self) -> bool:
        """Whether an on-site retake can follow at all (R3.2)."""
        return self.rules.onsite_retakes > 0 and self.seat.kind is AttemptKind.FIRST

    def total(self, kind: str) -> str | None:
        """The score that the entry of this kind makes; None for another outcome than a score."""
        made = self._total(kind)
        return None if made is None else score_text(made)

    def passed(self, kind: str) -> bool:
        made = self._total(kind)
        return made is not None and made >= self.rules.pass_mark

    def counts(self, kind: str) -> dict[str, object] | None:
        """The entry of this kind as a client is told it; None where there is none."""
        row = self.entries.get(kind)
        return None if row is None else _told(row) | {"total": self.total(kind)}

    def as_json(self) -> dict[str, object]:
        return {
            **self.seat.as_json(),
            "drawn": [item.code for item in self.drawn],
            "entered": self.entered,
            "entries": {kind: _told(row) for kind, row in self.entries.items()},
        }

    def _total(self, kind: str) -> Decimal | None:
        row = self.entries.get(kind)
        if row is None:
            return None
        items = {code: Decimal(text) for code, text in items_in(row).items()}
        score = None if row.score is None else Decimal(row.score)
        return grade(self.subject, score, items, Outcome.of(row.outcome), self.scheme)


def sheet(services: Services, sitting_id: int) -> list[SheetLine]:
    """Every ticket with what was entered; what is drawn is left out before the draw was shown. Raises `NotFound`.

    As many questions to the register however long the roll.
    """
    with services.database.reading() as session:
        return lines_of(services, session, found(session, sitting_id))


def lines_of(services: Services, session: Session, row: SittingRecord) -> list[SheetLine]:
    """The same, within a transaction."""
    counting, numbers, newest = _counting(session, row)
    schemes, seats = schemes_of(session, row), roll(session, row)
    drawn = drawn_by(services, row, seats, schemes) if row.drawn_at is not None else {}
    return [
        SheetLine(
            seat,
            Subject.of(row.subject),
            schemes[seat.enrolment_id],
            drawn.get(seat.enrolment_id, ()),
            counting.get(seat.id, {}),
            newest.get(seat.id, {}),
            numbers.get(seat.id, 0),
        )
        for seat in seats
    ]


def digest_of(sitting_id: int, lines: Sequence[SheetLine]) -> str:
    """SHA-256 in hex over all that a confirmation locks: the roll, what counts of each ticket, and who entered it."""
    content = [
        [line.seat.ticket, line.seat.enrolment_id, line.seat.name]
        + [[kind, *_content(row), row.entered_by] for kind, row in sorted(line.entries.items())]
        for line in lines
    ]
    said = json.dumps(["certsvc-sheet-v1", sitting_id, content], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def drawn_by(
    services: Services, row: SittingRecord, seats: Sequence[Seat], schemes: Mapping[int, Scheme]
) -> Mapping[int, tuple[Item, ...]]:
    """What each enrolment of the roll has drawn; nothing where the subject has no draw."""
    if row.seed_sealed is None:
        return {}
    seed, subject = seed_of(services, row), Subject.of(row.subject)
    return {
        seat.enrolment_id: items_of(seed, seat.ticket, schemes[seat.enrolment_id].subjects[subject].drawn)
        for seat in seats
    }


def entries_of(session: Session, row: SittingRecord) -> Iterable[ScoreEntryRecord]:
    """Every entry of those on the roll, history included; of a ticket and kind, in the order of their sequence."""
    query = (
        select(ScoreEntryRecord)
        .join(SeatRecord, SeatRecord.id == ScoreEntryRecord.seat_id)
        .where(SeatRecord.sitting_id == row.id, SeatRecord.removed_at.is_(None))
        .order_by(ScoreEntryRecord.seat_id, ScoreEntryRecord.kind, ScoreEntryRecord.sequence)
    )
    return session.scalars(query)


def items_in(row: ScoreEntryRecord) -> dict[str, str]:
    """The items of an entry, by their codes, as text."""
    items: dict[str, str] = json.loads(row.items_json) if row.items_json else {}
    return items


def _counting(
    session: Session, row: SittingRecord
) -> tuple[Mapping[int, dict[str, ScoreEntryRecord]], Mapping[int, int], Mapping[int, dict[str, int]]]:
    """By seat, the entries that count, how many there are, and the highest sequence of each kind."""
    counting: defaultdict[int, dict[str, ScoreEntryRecord]] = defaultdict(dict)
    numbers: defaultdict[int, int] = defaultdict(int)
    newest: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for entry in entries_of(session, row):
        counting[entry.seat_id][entry.kind] = entry
        newest[entry.seat_id][entry.kind] = entry.sequence
        numbers[entry.seat_id] += 1
    kept = {
        seat: {kind: entry for kind, entry in by_kind.items() if entry.outcome != WITHDRAWN}
        for seat, by_kind in counting.items()
    }
    return kept, numbers, newest


def _content(row: ScoreEntryRecord) -> list[object]:
    return [row.client_id, row.sequence, row.outcome, row.score, items_in(row)]


def _told(row: ScoreEntryRecord) -> dict[str, object]:
    return {
        "id": row.client_id,
        "sequence": row.sequence,
        "outcome": row.outcome,
        "score": row.score,
        "items": items_in(row),
        "entered_by": row.entered_by,
        "entered_at": row.entered_at.isoformat(),
    }
