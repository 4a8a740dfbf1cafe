"""A file of corrections becomes a request that waits for a second person: all of its rows, or nothing (R2.4).

Each row names an attempt on record, by the day it was imported under or the one it was corrected to; a row that says
what is on record already changes nothing. Not here: the form of cells (`roster.corrections`), what follows (`follows`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from certsvc.errors import CellError, Conflict, NotFound, Refused
from certsvc.roster.corrections import CORRECTED_SAT_ON, CorrectionRow, read_corrections
from certsvc.roster.parsed import Parsed
from certsvc.rules.enrolment import Outcome
from certsvc.rules.result_correction import reason_code
from certsvc.services.context import Services
from certsvc.services.examination.import_results import (
    AnyRow,
    candidates_of,
    enrolment_of,
    enrolments_of,
    error_of,
    graded,
    named,
)
from certsvc.services.imports import Tally, all_or_nothing, chunks
from certsvc.services.records.approvals import LONGEST_NOTE, require_development
from certsvc.services.records.attempts import CorrectedAttempt, RecordedAttempt, effective_of
from certsvc.services.records.result_changes import Change, Said, changed
from certsvc.services.records.schemes import scheme_of
from certsvc.services.results.carry_out import ResultsChanged, approve_in, propose_in
from certsvc.services.results.follows import enrolments_with
from certsvc.transparency.leaf import Act

_LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a file came to: `request` is None where every row says what is on record already, and for a dry run."""

    new: int
    unchanged: int
    dry_run: bool
    warnings: tuple[CellError, ...]
    request: ResultsChanged | None

    def as_json(self) -> dict[str, object]:
        return {
            "new": self.new,
            "unchanged": self.unchanged,
            "dry_run": self.dry_run,
            "warnings": [warning.as_json() for warning in self.warnings],
            **({} if self.request is None else self.request.as_json()),
            **({"approval": None} if self.dry_run or self.request is None else {}),
        }


def propose(
    services: Services,
    path: Path,
    *,
    by: str,
    approved_by: str | None = None,
    dry_run: bool = False,
    ignore_unknown: bool = False,
) -> Proposed:
    """Ask for the corrections at `path`; with `approved_by`, in a home with development keys, carry them out at once.

    Raises `FileRefused`, `ImportRefused`, and what `carry_out` raises.
    """
    if approved_by is not None:
        require_development(services)
    parsed = read_corrections(path, filename=path.name, ignore_unknown=ignore_unknown)
    request = None
    with all_or_nothing(services, parsed, path, action="results.propose", by=by, dry_run=dry_run) as (session, tally):
        found = _Found(services, session, parsed, tally)
        for some in chunks(iter(parsed)):
            found.take(some)
        found.refuse_collisions()
        tally.new = len(found.changes)
        if found.changes and not tally.errors and not parsed.errors:
            label = path.name[:_LONGEST_LABEL]
            reason = _reason(found.changes)
            request = propose_in(services, session, Act.CORRECTED, label, found.changes, reason=reason, by=by)
            if approved_by is not None:
                request = approve_in(services, session, request.approval_id, by=approved_by)
    warnings = sorted([*parsed.warnings, *tally.warnings], key=lambda warning: warning.row)
    return Proposed(tally.new, tally.unchanged, dry_run, tuple(warnings), request)


def _reason(changes: Sequence[Change]) -> str:
    """Why, as the list of what waits shows it: every reason once."""
    return "；".join(dict.fromkeys(one.reason for one in changes))[:LONGEST_NOTE]


@dataclass(slots=True)
class _Found:
    """The attempts that the rows name, and what is to become of them."""

    services: Services
    session: Session
    parsed: Parsed[CorrectionRow]
    tally: Tally
    changes: list[Change] = field(default_factory=list)
    _rows: dict[int, CorrectionRow] = field(default_factory=dict)  # by the attempt's id

    def take(self, rows: list[CorrectionRow]) -> None:
        people = candidates_of(self.services.vault, self.session, {row.result.identity_number for row in rows})
        enrolments = enrolments_of(self.session, {person.id for some in people.values() for person in some})
        ids = [one.id for some in enrolments.values() for one in some]
        attempts: dict[int, list[RecordedAttempt]] = {}
        for some in chunks(iter(ids)):
            attempts |= effective_of(self.session, some)
        for row in rows:
            try:
                self._take(row, people[row.result.identity_number], enrolments, attempts)
            except Refused as refused:
                self.tally.refuse(error_of(self.parsed, row.result, refused))

    def _take(
        self,
        row: CorrectionRow,
        people: Sequence[AnyRow],
        enrolments: Mapping[int, list[AnyRow]],
        attempts: Mapping[int, list[RecordedAttempt]],
    ) -> None:
        mine = {one.id: one for person in named(row.result, people) for one in enrolments.get(person.id, [])}
        one = _attempt(row, [each for key in mine for each in attempts.get(key, [])])
        if one.id in self._rows:
            raise Conflict(
                f"与第 {self._rows[one.id].row} 行是同一次考试",
                f"the same attempt as in row {self._rows[one.id].row}",
                rule="file.twice",
                where="sat_on",
            )
        self._rows[one.id] = row
        enrolment = mine[one.enrolment_id]
        says = self._says(row, one, enrolment)
        if says == Said.by(one):
            self.tally.unchanged += 1
            return
        if says.sat_on != one.sat_on:
            self._check_day(row, people, enrolments, enrolment)
        code = reason_code(row.reason, row.result.outcome)
        self.changes.append(Change(one.id, Said.by(one), says, code.value, row.reason, row.evidence))

    def _says(self, row: CorrectionRow, one: RecordedAttempt, enrolment: AnyRow) -> Said:
        # A row without a day of its own to put right leaves the day as it counts.
        sat_on = one.sat_on if row.sat_on == row.result.sat_on else row.sat_on
        scheme = scheme_of(self.session, enrolment.scheme_id)
        return Said(sat_on, row.result.outcome.value, **graded(row.result, scheme))

    def _check_day(
        self, row: CorrectionRow, people: Sequence[AnyRow], enrolments: Mapping[int, list[AnyRow]], enrolment: AnyRow
    ) -> None:
        """R1.5: on its new day it must still be of the same enrolment."""
        if row.sat_on > self.services.today():
            self.tally.warn_of_future(self.parsed, row.row, CORRECTED_SAT_ON, row.sat_on)
        try:
            due = enrolment_of(replace(row.result, sat_on=row.sat_on), people, enrolments)
        except Refused as error:
            self._refuse_day(row, error)
            return
        if due.id != enrolment.id:
            other = Refused(
                f"该日的考试属于 {due.registered_on} 的报名；请将本条更正为作废，再按该报名导入成绩",
                f"on that day it is of the registration of {due.registered_on}: annul it here, and import it there",
                rule="R1.5",
            )
            self._refuse_day(row, other)

    def _refuse_day(self, row: CorrectionRow, error: Refused) -> None:
        self.tally.refuse(self.parsed.cell_error(row.row, CORRECTED_SAT_ON, row.sat_on.isoformat(), error))

    def refuse_collisions(self) -> None:
        """Two attempts of one subject, day and kind cannot both have taken place; one that is annulled did not."""
        by_id = {one.attempt_id: one for one in self.changes}
        moved = {one.attempt_id for one in self.changes if one.says is not None and one.says.sat_on != one.was.sat_on}
        rows: dict[int, list[RecordedAttempt]] = {}
        for some in chunks(iter(sorted(enrolments_with(self.session, moved)))):
            rows |= effective_of(self.session, some)
        for attempts in rows.values():
            places: defaultdict[Any, list[int]] = defaultdict(list)
            for key, one in changed(attempts, by_id):
                if one.outcome != Outcome.VOID.value:
                    places[one.subject, one.kind, one.sat_on].append(key)
            for ids in places.values():
                for key in moved.intersection(ids) if len(ids) > 1 else ():
                    self._refuse_day(
                        self._rows[key],
                        Conflict(
                            "该日该科同性质的考试已有登记",
                            "another attempt of that subject, day and kind is on record",
                            rule="R3.7",
                        ),
                    )


def _attempt(row: CorrectionRow, attempts: Sequence[RecordedAttempt]) -> RecordedAttempt:
    """The attempt that a row names: by the day that counts, else by the day it was imported under; the newest first."""
    result = row.result
    alike = [one for one in attempts if (one.subject, one.kind) == (result.subject.value, result.kind.value)]
    for days in ([(one, one.sat_on) for one in alike], [(one, _imported_on(one)) for one in alike]):
        found = [one for one, day in days if day == result.sat_on]
        if found:
            # One that is annulled may stand beside the one that took its day.
            return max(found, key=lambda one: (one.outcome != Outcome.VOID.value, one.enrolment_id, one.id))
    raise NotFound(
        "没有该次考试的成绩，无从更正",
        "no such attempt is on record to be corrected",
        rule="R2.4",
        where="sat_on",
    )


def _imported_on(one: RecordedAttempt) -> object:
    return one.imported.sat_on if isinstance(one, CorrectedAttempt) else one.sat_on
