"""Scores of a sitting: entered by one person, confirmed by a second, then locked and turned into attempts (R2, R1.6).

An entry has an id and a sequence that its client made, so it may be sent again, late and in any order: the same id is
the same entry, and of a ticket's entries of one kind the highest sequence counts; the others are kept as history. A
mistaken entry is taken back by one whose outcome is `withdrawn`. Confirming records everyone's attempts in one
transaction, by the rules of any import. Not here: those rules (`import_results`), the roll (`sittings`), the sheet as
it stands (`sheet`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import CellError, Conflict, ImportRefused, InvalidScore, Refused
from certsvc.roster.parsed import Parsed
from certsvc.roster.results import ResultRow
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.four_eyes import is_second_person
from certsvc.rules.grading import grade, parse_score
from certsvc.rules.terms import Scheme, Subject
from certsvc.rules.wording import score_text
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.examination.draw import schemes_of
from certsvc.services.examination.import_results import record_results
from certsvc.services.examination.sheet import (
    WITHDRAWN,
    SheetLine,
    digest_of,
    drawn_by,
    entries_of,
    items_in,
    lines_of,
)
from certsvc.services.examination.sittings import Seat, found, roll, seat_of
from certsvc.services.imports import ImportReport, all_or_nothing, report
from certsvc.services.records.attempts import items_text
from certsvc.store import EnrolmentRecord, PersonRecord, ScoreEntryRecord, SeatRecord, SittingRecord

MOST_ENTRIES: Final = 1_000
_LONGEST_ID: Final = 64
_KEYS: Final = frozenset({"id", "sequence", "ticket", "kind", "outcome", "score", "items"})
_OUTCOMES: Final = frozenset({*(one.value for one in Outcome if one is not Outcome.VOID), WITHDRAWN})


@dataclass(frozen=True, slots=True)
class ScoreEntry:
    """One entry as its client sends it. `outcome` is an attempt's or `withdrawn`; scores are text, as typed."""

    id: str
    sequence: int
    ticket: str
    kind: AttemptKind
    outcome: str
    score: str | None = None
    items: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of an entry: `taken`, `unchanged` (sent before), `superseded` (kept, a later one counts) or
    `refused`. `total` is the score that it makes."""

    id: str
    state: str
    total: str | None = None
    error: Refused | None = None

    def as_json(self) -> dict[str, object]:
        told: dict[str, object] = {"id": self.id, "state": self.state, "total": self.total}
        if self.error is not None:
            error = self.error
            told |= {"rule": error.rule, "where": error.where, "zh": error.zh, "en": error.en}
        return told


def read_entries(content: bytes) -> list[ScoreEntry]:
    """Entries from JSON `{"entries": [{"id", "sequence", "ticket", "kind", "outcome", "score", "items"}]}`; the kind is
    `first` or `free_retake` as the ticket says, or `onsite_retake`. Raises `Refused` with the place of what is amiss.
    """
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        said = None
    rows = said.get("entries") if isinstance(said, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ENTRIES:
        raise Refused(
            f'应为 JSON：{{"entries": […]}}，1 至 {MOST_ENTRIES} 条',
            f'expected JSON {{"entries": […]}} with 1 to {MOST_ENTRIES} entries',
        )
    return [read_entry(row, f"entries[{place}]") for place, row in enumerate(rows)]


def read_entry(row: Any, where: str) -> ScoreEntry:
    """One entry from its members as JSON has them. Raises `Refused` with the place of what is amiss."""
    if not isinstance(row, dict):
        raise _misshapen(where)
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        raise _misshapen(f"{where}.{unknown[0]}"[:80])
    items = row.get("items") or {}
    if not isinstance(items, dict) or not all(isinstance(text, str) for text in items.values()):
        raise _misshapen(f"{where}.items")
    for name, kind in (("id", str), ("sequence", int), ("ticket", str), ("kind", str)):
        if not isinstance(row.get(name), kind) or isinstance(row.get(name), bool):
            raise _misshapen(f"{where}.{name}")
    outcome, score = row.get("outcome", Outcome.SCORED.value), row.get("score")
    if not 0 < len(row["id"]) <= _LONGEST_ID or not row["id"].isprintable():
        raise _misshapen(f"{where}.id")
    if not 0 < len(row["ticket"]) <= _LONGEST_ID or not row["ticket"].isprintable():
        raise _misshapen(f"{where}.ticket")
    if not 0 < row["sequence"] < 2**31:
        raise _misshapen(f"{where}.sequence")
    if row["kind"] not in {kind.value for kind in AttemptKind}:
        raise _misshapen(f"{where}.kind")
    if outcome not in _OUTCOMES:
        raise _misshapen(f"{where}.outcome")
    if score is not None and not isinstance(score, str):
        raise _misshapen(f"{where}.score")
    return ScoreEntry(
        row["id"], row["sequence"], row["ticket"], AttemptKind.of(row["kind"]), outcome, score or None, dict(items)
    )


def enter(services: Services, sitting_id: int, entries: Sequence[ScoreEntry], *, by: str) -> list[Entered]:
    """Take the entries in, each on its own: what is wrong with one keeps no other back.

    Raises `NotFound` for the sitting; once it is confirmed every new entry is refused.
    """
    with services.database.writing() as session:
        desk = _Desk(services, session, found(session, sitting_id), by)
        return [desk.take(entry) for entry in entries]


def confirm(services: Services, sitting_id: int, *, by: str, digest: str | None = None) -> ImportReport:
    """Confirm what another person entered: every ticket's attempts are recorded at once, and the sitting is locked.

    `digest`, where given, is of the sheet that was seen (`sheet.digest_of`). Raises `NotFound`, `Refused` (confirmed
    already, tickets without an entry, the same person), `Conflict` where the sheet is another since, `ImportRefused`
    naming what the rules refuse, by the ticket's place on the roll.
    """
    rows: list[ResultRow] = []
    places: dict[int, tuple[Seat, AttemptKind]] = {}
    parsed = Parsed(lambda _: iter(rows), {})
    place = Path(str(sitting_id))

    def allowed(result: ResultRow, enrolment_id: int) -> None:
        if enrolment_id != places[result.row][0].enrolment_id:
            raise Refused(
                "此人此后另有报名，成绩不属于本场的报名",
                "the person registered again since: the result would not be this seat's",
                rule="R1.5",
                where="id_number",
            )

    confirming = all_or_nothing(services, parsed, place, "sitting", action="results.record", by=by, dry_run=False)
    try:
        with confirming as (session, tally):
            row = found(session, sitting_id)
            lines = lines_of(services, session, row)
            counted = _to_confirm(session, row, lines, by=by, digest=digest)
            places |= {number: (seat, AttemptKind.of(entry.kind)) for number, (seat, entry) in counted.items()}
            rows += [
                _result(services, session, row, seat, entry, number=number) for number, (seat, entry) in counted.items()
            ]
            recorders = {number: entry.entered_by for number, (_, entry) in counted.items()}
            record_results(services, session, parsed, tally, by=recorders.__getitem__, allowed=allowed)
            row.confirmed_at, row.confirmed_by = services.now(), by
            _note(services, session, row, by, entries=len(counted))
    except ImportRefused as refused:
        raise ImportRefused([_of_ticket(cell, places) for cell in refused.errors]) from refused
    done = report(tally, parsed, dry_run=False)
    return replace(done, warnings=tuple(_of_ticket(cell, places) for cell in done.warnings))


def _of_ticket(cell: CellError, places: Mapping[int, tuple[Seat, AttemptKind]]) -> CellError:
    """What was found in a row, told of the ticket that it is of."""
    seat, kind = places[cell.row]
    return replace(
        cell, row=seat.number, zh=f"{seat.ticket} {kind.zh}：{cell.zh}", en=f"{seat.ticket}, {kind.en}: {cell.en}"
    )


class _Desk:
    """Takes entries of one sitting in."""

    def __init__(self, services: Services, session: Session, row: SittingRecord, by: str) -> None:
        self._services, self._session, self._row, self._by = services, session, row, by
        self._subject = Subject.of(row.subject)
        self._schemes = schemes_of(session, row)
        self._drawn = drawn_by(services, row, roll(session, row), self._schemes)

    def take(self, entry: ScoreEntry) -> Entered:
        try:
            return self._take(entry)
        except Refused as error:
            return Entered(entry.id, "refused", error=error)

    def _take(self, entry: ScoreEntry) -> Entered:
        seat = seat_of(self._session, self._row, entry.ticket)
        row, total = self._checked(seat, entry)
        former = self._session.scalar(select(ScoreEntryRecord).where(ScoreEntryRecord.client_id == entry.id))
        if former is not None:
            if _content(former) != _content(row):
                raise Conflict("同一标识的登记内容不同", "the same id came before with another content", where=entry.id)
            return Entered(entry.id, "unchanged", total)
        if self._row.confirmed_at is not None:
            raise Refused(
                "本场成绩已确认并锁定；更改须走成绩更正",
                "the sitting's scores are confirmed and locked: a change is a correction of results",
                rule="R2.4",
                where=entry.ticket,
            )
        there = self._at(seat, entry)
        if there is not None:
            raise Conflict(
                f"{there.entered_by} 已有同序号的登记；请先取得最新登记再录入",
                f"{there.entered_by} entered something under the same sequence: fetch what is there, then enter again",
                where=entry.ticket,
            )
        newest = self._newest(seat, entry.kind)
        self._session.add(row)
        self._session.flush()
        late = newest is not None and newest.sequence > entry.sequence
        return Entered(entry.id, "superseded" if late else "taken", total)

    def _checked(self, seat: SeatRecord, entry: ScoreEntry) -> tuple[ScoreEntryRecord, str | None]:
        """The row of an entry and the score it makes. Raises `Refused` for what the rules do not allow."""
        if entry.kind is AttemptKind.ONSITE_RETAKE:
            self._check_onsite(seat)
        elif entry.kind.value != seat.kind:
            raise Refused(
                f"该准考证为{AttemptKind.of(seat.kind).zh}",
                f"the ticket is for a {AttemptKind.of(seat.kind).en}",
                rule="R3.7",
                where="kind",
            )
        items = {code: parse_score(text) for code, text in entry.items.items()}
        total = parse_score(entry.score) if entry.score is not None else None
        made = None
        if entry.outcome == WITHDRAWN:
            if items or total is not None:
                raise InvalidScore("撤回时不应有成绩", "what is withdrawn has no score", rule="R2.2", where="score")
        else:
            made = grade(self._subject, total, items, Outcome.of(entry.outcome), self._scheme(seat))
            self._check_drawn(seat, items)
        row = ScoreEntryRecord(
            seat_id=seat.id,
            kind=entry.kind.value,
            client_id=entry.id,
            sequence=entry.sequence,
            outcome=entry.outcome,
            score=None if total is None else score_text(total),
            items_json=items_text(items),
            entered_at=self._services.now(),
            entered_by=self._by,
        )
        return row, None if made is None else score_text(made)

    def _check_onsite(self, seat: SeatRecord) -> None:
        rules = self._scheme(seat).subjects[self._subject]
        if rules.onsite_retakes == 0 or seat.kind != AttemptKind.FIRST.value:
            raise Refused(
                "现场补考只在技能初考当日",
                "an on-site retake follows a first attempt of the practical alone",
                rule="R3.2",
                where="kind",
            )

    def _check_drawn(self, seat: SeatRecord, items: Mapping[str, Decimal]) -> None:
        drawn = self._drawn.get(seat.enrolment_id, ())
        for item in drawn:
            if items and item.code not in items:
                raise InvalidScore(
                    f"该考生抽中{item.zh}，须登记此项",
                    f"the candidate drew {item.en}: that item is scored",
                    rule="R2.1",
                    where=item.code,
                )

    def _scheme(self, seat: SeatRecord) -> Scheme:
        return self._schemes[seat.enrolment_id]

    def _newest(self, seat: SeatRecord, kind: AttemptKind) -> ScoreEntryRecord | None:
        query = select(ScoreEntryRecord).filter_by(seat_id=seat.id, kind=kind.value)
        return self._session.scalar(query.order_by(ScoreEntryRecord.sequence.desc()).limit(1))

    def _at(self, seat: SeatRecord, entry: ScoreEntry) -> ScoreEntryRecord | None:
        query = select(ScoreEntryRecord).filter_by(seat_id=seat.id, kind=entry.kind.value, sequence=entry.sequence)
        return self._session.scalar(query)


def _to_confirm(
    session: Session, row: SittingRecord, lines: Sequence[SheetLine], *, by: str, digest: str | None
) -> dict[int, tuple[Seat, ScoreEntryRecord]]:
    """The entries that count with their seats, numbered from 1. Raises `Refused` where they cannot be confirmed, or not
    by this person."""
    where = str(row.id)
    if row.confirmed_at is not None:
        raise Refused("本场成绩已确认", "the sitting's scores are confirmed already", where=where)
    if not lines:
        raise Refused("本场没有考生", "no one is on the roll of this sitting", where=where)
    _refuse_missing(lines, where)
    if not is_second_person(by, *_hands(session, row)):
        raise Refused(
            "须由登记人以外的人确认",
            "another person than those who entered the scores confirms them",
            rule="R1.6",
            where=where,
        )
    if digest is not None and digest != digest_of(row.id, lines):
        raise Conflict(
            "评分表在您查看后有变动，请重新看过再确认",
            "the scoring sheet is another since you looked at it: look again, then confirm",
            where=where,
        )
    counted = [(line.seat, entry) for line in lines for entry in line.entries.values()]
    return dict(enumerate(counted, 1))


def _refuse_missing(lines: Sequence[SheetLine], where: str) -> None:
    missing = [line.seat.ticket for line in lines if line.seat.kind.value not in line.entries]
    if missing:
        named = "、".join(missing[:10])
        raise Refused(
            f"{len(missing)} 人尚未登记（未到的登记缺考或缓考）：{named}",
            f"{len(missing)} tickets have no entry (who did not come is absent or excused): {', '.join(missing[:10])}",
            rule="R2.3",
            where=where,
        )


def _result(
    services: Services, session: Session, row: SittingRecord, seat: Seat, entry: ScoreEntryRecord, *, number: int
) -> ResultRow:
    """An entry as a row of a results file."""
    enrolment = session.get_one(EnrolmentRecord, seat.enrolment_id)
    person = session.get_one(PersonRecord, enrolment.person_id)
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return ResultRow(
        number,
        str(personal["id_number"]),
        person.name,
        Subject.of(row.subject),
        row.sat_on,
        AttemptKind.of(entry.kind),
        Outcome.of(entry.outcome),
        entry.score,
        items_in(entry),
    )


def _hands(session: Session, row: SittingRecord) -> set[str]:
    """Everyone who entered something that stands on the sheet, or stood there."""
    return {entry.entered_by for entry in entries_of(session, row)}


def _content(row: ScoreEntryRecord) -> tuple[object, ...]:
    return row.seat_id, row.kind, row.sequence, row.outcome, row.score, row.items_json


def _note(services: Services, session: Session, row: SittingRecord, by: str, **detail: object) -> None:
    trail.note(
        session,
        at=services.now(),
        by=by,
        action="sitting.confirm",
        object_kind="sitting",
        object_key=str(row.id),
        **detail,
    )


def _misshapen(where: str) -> Refused:
    return Refused("登记内容的格式不对", "an entry has not the form that is documented", where=where)
