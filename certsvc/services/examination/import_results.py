"""Import exam results: each row an attempt of the person's latest enrolment on or before its date (R1.5, R2, R3).

Rows come in any order and an attempt's entitlement depends on the others, so there are two passes within the one
transaction: every row is put into a staging table by enrolment, then each enrolment's attempts are judged together. The
staging table is what keeps memory flat: a file of any length costs the same.
Not here: the form of cells (`roster.results`), scores (`rules.grading`), entitlement (`rules.admission`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Column, Date, Integer, MetaData, Row, String, Table, Text, and_, func, select
from sqlalchemy.orm import Session, aliased

from certsvc.errors import AttemptRefused, CellError, Conflict, InvalidScore, NotFound, Refused
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.person.name import same_name
from certsvc.roster.parsed import Parsed
from certsvc.roster.results import ResultRow, read_results
from certsvc.rules.admission import admit_all, not_counted
from certsvc.rules.decide import decide
from certsvc.rules.enrolment import Attempt, Enrolment
from certsvc.rules.grading import grade, parse_score
from certsvc.rules.registration_review import RegistrationState
from certsvc.rules.terms import Scheme
from certsvc.rules.wording import score_text
from certsvc.services.context import Services
from certsvc.services.imports import (
    CHUNK_ROWS,
    ImportReport,
    Progress,
    Tally,
    all_or_nothing,
    chunks,
    report,
    silent,
)
from certsvc.services.records.attempts import (
    CorrectedAttempt,
    RecordedAttempt,
    StoredAttempt,
    attempt_of,
    effective_of,
    hundredths,
    items_text,
)
from certsvc.services.records.due import mark_due
from certsvc.services.records.schemes import parsed as parsed_scheme
from certsvc.services.vault import Vault
from certsvc.store import AttemptRecord, EarlierDocumentRecord, EnrolmentRecord, PersonRecord, SchemeRecord
from certsvc.store.bulk import insert_rows

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
_ATTEMPTS = cast("Table", AttemptRecord.__table__)
T = TypeVar("T")
_Key: TypeAlias = tuple[object, ...]
Allowed: TypeAlias = Callable[[ResultRow, int], None]
"""Is told a row and its enrolment, and raises `Refused` where it may not come in this way."""
_KEY = ("subject", "sat_on", "kind")
_CONTENT = ("outcome", "score_hundredths", "items_json")

_staging = Table(
    "incoming_result",
    MetaData(),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("enrolment_id", Integer, index=True),
    Column("subject", String(20)),
    Column("sat_on", Date),
    Column("kind", String(20)),
    Column("outcome", String(20)),
    Column("score_hundredths", Integer),
    Column("items_json", Text),
    prefixes=["TEMPORARY"],
)


def import_results(
    services: Services,
    path: Path,
    *,
    by: str,
    dry_run: bool = False,
    ignore_unknown: bool = False,
    progress: Progress = silent,
) -> ImportReport:
    """Import the results at `path`, all of them or nothing. Raises `FileRefused`, `ImportRefused`."""
    parsed = read_results(path, filename=path.name, ignore_unknown=ignore_unknown)
    with all_or_nothing(services, parsed, path, action="results.import", by=by, dry_run=dry_run) as (session, tally):
        record_results(services, session, parsed, tally, by=lambda _: by, progress=progress)
    return report(tally, parsed, dry_run=dry_run)


def record_results(
    services: Services,
    session: Session,
    parsed: Parsed[ResultRow],
    tally: Tally,
    *,
    by: Callable[[int], str],
    allowed: Allowed | None = None,
    progress: Progress = silent,
) -> None:
    """Turn rows into attempts, in the caller's `all_or_nothing`: files, sittings and signed calls by the same rules.

    `by` names who recorded a row, `allowed` refuses one by whose it is. What is refused stands in the tally.
    """
    _staging.create(session.connection())
    try:
        placing = _Placing(services, session, parsed, tally, allowed)
        read = 0
        for chunk in chunks(iter(parsed)):
            placing.take(chunk)
            read += len(chunk)
            progress("read", read, 0)
        recording = _Recording(services, session, parsed, by, tally)
        staged = _staged_enrolments(session)
        for done, enrolment_ids in enumerate(chunks(iter(staged))):
            progress("record", done * CHUNK_ROWS, len(staged))
            recording.take(enrolment_ids)
        progress("record", len(staged), len(staged))
    finally:
        # A temporary table outlives the transaction that filled it; the next import starts from none.
        _staging.drop(session.connection())


class _Placing:
    """First pass: whose attempt each row is, and what it scores."""

    def __init__(
        self,
        services: Services,
        session: Session,
        parsed: Parsed[ResultRow],
        tally: Tally,
        allowed: Allowed | None,
    ) -> None:
        self._allowed = allowed
        self._vault = services.vault
        self._today = services.today()
        self._session = session
        self._parsed = parsed
        self._tally = tally
        self._schemes: dict[int, Scheme] = {}

    def take(self, rows: list[ResultRow]) -> None:
        candidates = candidates_of(self._vault, self._session, {row.identity_number for row in rows})
        enrolments = enrolments_of(self._session, {person.id for people in candidates.values() for person in people})
        staged = []
        for row in rows:
            try:
                enrolment = enrolment_of(row, candidates[row.identity_number], enrolments)
                if self._allowed is not None:
                    self._allowed(row, enrolment.id)
                staged.append({"row": row.row, "enrolment_id": enrolment.id, **self._staged(row, enrolment)})
                if row.sat_on > self._today:
                    self._tally.warn_of_future(self._parsed, row.row, "sat_on", row.sat_on)
            except Refused as refused:
                self._tally.refuse(error_of(self._parsed, row, refused))
        if staged:
            insert_rows(self._session, _staging, staged)

    def _staged(self, row: ResultRow, enrolment: AnyRow) -> dict[str, object]:
        scheme = _scheme(self._session, self._schemes, enrolment.scheme_id)
        return {
            "subject": row.subject.value,
            "sat_on": row.sat_on,
            "kind": row.kind.value,
            "outcome": row.outcome.value,
            **graded(row, scheme),
        }


class _Recording:
    """Second pass: the attempts of an enrolment judged together, with those on record."""

    def __init__(
        self,
        services: Services,
        session: Session,
        parsed: Parsed[ResultRow],
        by: Callable[[int], str],
        tally: Tally,
    ) -> None:
        self._now = services.now()
        self._session = session
        self._parsed = parsed
        self._by = by
        self._tally = tally
        self._schemes: dict[int, Scheme] = {}
        self._again_on: Mapping[int, date] = {}

    def take(self, enrolment_ids: list[int]) -> None:
        staged: defaultdict[int, list[AnyRow]] = defaultdict(list)
        query = select(_staging).where(_staging.c.enrolment_id.in_(enrolment_ids)).order_by(_staging.c.row)
        for row in self._session.execute(query):
            staged[row.enrolment_id].append(row)
        recorded = effective_of(self._session, enrolment_ids)
        on_record = _by_key(recorded)
        self._again_on = registered_again(self._session, enrolment_ids)
        existing = {key: [attempt_of(row) for row in rows] for key, rows in recorded.items()}
        enrolments = self._session.execute(
            select(EnrolmentRecord.id, EnrolmentRecord.registered_on, EnrolmentRecord.scheme_id).where(
                EnrolmentRecord.id.in_(enrolment_ids)
            )
        )
        accepted: list[AnyRow] = []
        for enrolment in enrolments:
            fresh = list(self._fresh(staged[enrolment.id], on_record))
            accepted += self._admitted(enrolment, existing.get(enrolment.id, []), fresh)
        if accepted:
            insert_rows(self._session, _ATTEMPTS, [self._record(row) for row in accepted])
            mark_due(self._session, (row.enrolment_id for row in accepted))
        self._tally.new += len(accepted)

    def _fresh(self, rows: list[AnyRow], on_record: Mapping[_Key, Sequence[StoredAttempt]]) -> Iterator[AnyRow]:
        """The rows whose key is not on record; one that is must say the same, as it was imported or as corrected."""
        for row in rows:
            known = on_record.get((row.enrolment_id, *_values(row, _KEY)))
            if known is None:
                yield row
            elif any(_values(one, _CONTENT) == _values(row, _CONTENT) for one in known):
                self._tally.unchanged += 1
            else:
                conflict = Conflict(
                    "与已登记的成绩冲突：该次考试已登记，内容不同；须更正的，请用 certsvc results correct",
                    "conflict: this attempt is on record with another result; to put it right: certsvc results correct",
                    rule="R2.2",
                )
                self._refuse(row, _differing(row, known[-1]), conflict)

    def _admitted(self, enrolment: AnyRow, existing: list[Attempt], rows: list[AnyRow]) -> list[AnyRow]:
        scheme = _scheme(self._session, self._schemes, enrolment.scheme_id)
        attempts = [attempt_of(row) for row in rows]
        refusals = admit_all(Enrolment(enrolment.registered_on), existing, attempts, scheme)
        refused = {id(attempt): refusal for attempt, refusal in refusals}
        for row, attempt in zip(rows, attempts, strict=True):
            if id(attempt) in refused:
                self._refuse(row, _column_of(refused[id(attempt)]), refused[id(attempt)])
        if rows and not refused:
            self._refuse_reopened(enrolment, existing, attempts, rows, scheme)
            self._warn_of_uncounted(Enrolment(enrolment.registered_on), existing, attempts, rows, scheme)
        return [row for row, attempt in zip(rows, attempts, strict=True) if id(attempt) not in refused]

    def _refuse_reopened(
        self, enrolment: AnyRow, existing: list[Attempt], new: list[Attempt], rows: list[AnyRow], scheme: Scheme
    ) -> None:
        """R1.5: a late result may not reopen an enrolment whose end has let the person register again."""
        again_on = self._again_on.get(enrolment.id)
        if again_on is None:
            return
        registration = Enrolment(enrolment.registered_on)
        before = decide(registration, existing, scheme, again_on).state
        after = decide(registration, [*existing, *new], scheme, again_on).state
        if not before.closed or after.closed:
            return
        for row in rows:
            reopened = AttemptRefused(
                f"该成绩使 {enrolment.registered_on} 的报名重新未结束（{before.zh}→{after.zh}），而 {again_on} 已另报",
                f"it would reopen the enrolment of {enrolment.registered_on} ({before.en} → {after.en}), after which "
                f"the person registered again on {again_on}",
                rule="R1.5",
            )
            self._refuse(row, "sat_on", reopened)

    def _warn_of_uncounted(
        self, enrolment: Enrolment, existing: list[Attempt], new: list[Attempt], rows: list[AnyRow], scheme: Scheme
    ) -> None:
        """R3.8: what is recorded without effect, in the new rows or, by what they say, among those on record."""
        before = {id(attempt) for attempt in not_counted(enrolment, existing, scheme)}
        for attempt in not_counted(enrolment, [*existing, *new], scheme):
            if id(attempt) in before:
                continue
            row = next((row for row, one in zip(rows, new, strict=True) if one is attempt), rows[0])
            named = f"{attempt.subject.zh}{attempt.kind.zh}({attempt.sat_on})"
            uncounted = Refused(
                f"{named}时本次报名已因另一科结束，已登记，不计入",
                f"the {attempt.subject.en}'s {attempt.kind.en} of {attempt.sat_on} came after the other subject had "
                "closed the enrolment: it is on record and is not counted",
                rule="R3.8",
            )
            self._tally.warn(self._parsed.cell_error(row.row, "sat_on", str(row.sat_on), uncounted))

    def _refuse(self, row: AnyRow, column: str, error: Refused) -> None:
        attempt = attempt_of(row)
        shown = {
            "score": _score_shown(row.score_hundredths),
            "outcome": attempt.outcome.zh,
            "kind": attempt.kind.zh,
            "sat_on": str(row.sat_on),
        }
        value = shown[column] if column in shown else _items(row).get(column, "")
        self._tally.refuse(self._parsed.cell_error(row.row, column, value, error))

    def _record(self, row: AnyRow) -> dict[str, object]:
        values = row._asdict()
        by = self._by(values.pop("row"))
        # Not published: without that column, a role that may add results still cannot publish one (web-role.sql).
        return {**values, "recorded_at": self._now, "recorded_by": by}


def candidates_of(vault: Vault, session: Session, id_numbers: set[str]) -> Mapping[str, list[AnyRow]]:
    """The persons (id, id_lookup, name) of each identity number. A file names no type of document, so each is tried."""
    numbers: dict[bytes, str] = {}
    for number in id_numbers:
        for id_type in IdType:
            numbers[vault.lookup(IdentityDocument(id_type, number))] = number
    found: defaultdict[str, list[AnyRow]] = defaultdict(list)
    lookups = list(numbers)
    for start in range(0, len(lookups), 500):
        query = select(PersonRecord.id, PersonRecord.id_lookup, PersonRecord.name).where(
            PersonRecord.id_lookup.in_(lookups[start : start + 500])
        )
        for person in session.execute(query):
            found[numbers[person.id_lookup]].append(person)
        # Results from before a number was corrected name the earlier one (R8.4); whose they are the name says.
        earlier = (
            select(PersonRecord.id, EarlierDocumentRecord.id_lookup, PersonRecord.name)
            .join(PersonRecord, PersonRecord.id == EarlierDocumentRecord.person_id)
            .where(EarlierDocumentRecord.id_lookup.in_(lookups[start : start + 500]))
        )
        for person in session.execute(earlier):
            found[numbers[person.id_lookup]].append(person)
    return found


def enrolments_of(session: Session, person_ids: set[int]) -> Mapping[int, list[AnyRow]]:
    """The enrolments of each person (at most some thousand), the earliest first."""
    query = (
        select(
            EnrolmentRecord.id,
            EnrolmentRecord.person_id,
            EnrolmentRecord.registered_on,
            EnrolmentRecord.scheme_id,
            EnrolmentRecord.review_state,
        )
        .where(EnrolmentRecord.person_id.in_(person_ids))
        .order_by(EnrolmentRecord.registered_on, EnrolmentRecord.id)
    )
    found: defaultdict[int, list[AnyRow]] = defaultdict(list)
    for enrolment in session.execute(query):
        found[enrolment.person_id].append(enrolment)
    return found


def graded(row: ResultRow, scheme: Scheme) -> dict[str, Any]:
    """What a row scores by the scheme, as an attempt's columns hold it. Raises `InvalidScore`."""
    items = {code: parse_score(text) for code, text in row.items.items()}
    total = parse_score(row.score) if row.score is not None else None
    score = grade(row.subject, total, items, row.outcome, scheme)
    return {"score_hundredths": hundredths(score), "items_json": items_text(items)}


def named(row: ResultRow, candidates: Iterable[AnyRow]) -> list[AnyRow]:
    """Those of the candidates under a row's number that bear its name. Raises `NotFound`, `Conflict`."""
    people = list(candidates)
    if not people:
        raise NotFound(
            "没有该证件号码的报名", "no candidate is registered under this number", rule="R1.5", where="id_number"
        )
    found = [person for person in people if same_name(person.name, row.name)]
    if not found:
        raise Conflict("姓名与报名时的不符", "the name is not the one registered", rule="R9", where="name")
    return found


def enrolment_of(row: ResultRow, candidates: Iterable[AnyRow], enrolments: Mapping[int, list[AnyRow]]) -> AnyRow:
    """The enrolment that a row's attempt belongs to (R1.5). Raises `NotFound`, `Conflict`, `AttemptRefused`."""
    mine = [one for person in named(row, candidates) for one in enrolments.get(person.id, [])]
    before = [one for one in mine if one.registered_on <= row.sat_on]
    if not before:
        raise AttemptRefused(
            f"早于报名日期 {min(one.registered_on for one in mine)}" if mine else "没有报名",
            "dated before the registration",
            rule="R3.7",
            where="sat_on",
        )
    # A rejected registration never counted; what was sat belongs to the one before it, if there is one.
    latest = max(before, key=lambda one: (one.review_state != RegistrationState.REJECTED, one.registered_on, one.id))
    if latest.review_state != RegistrationState.APPROVED:
        state = RegistrationState.of(latest.review_state)
        raise AttemptRefused(
            f"{latest.registered_on} 的报名{state.zh}，不能登记成绩",
            f"the registration of {latest.registered_on} is {state.value}, not approved",
            rule="R1.6",
            where="id_number",
        )
    return latest


def _staged_enrolments(session: Session) -> list[int]:
    """Every enrolment the file has results for; four bytes each would be too few to worry about."""
    query = select(_staging.c.enrolment_id).distinct().order_by(_staging.c.enrolment_id)
    return list(session.scalars(query))


def registered_again(session: Session, enrolment_ids: list[int]) -> Mapping[int, date]:
    """When the person of an enrolment next registered for the same occupation and level, where they did (R1.5)."""
    later = aliased(EnrolmentRecord)
    query = (
        select(EnrolmentRecord.id, func.min(later.registered_on))
        .join(
            later,
            and_(
                later.person_id == EnrolmentRecord.person_id,
                later.occupation_code == EnrolmentRecord.occupation_code,
                later.level == EnrolmentRecord.level,
                later.registered_on > EnrolmentRecord.registered_on,
                later.review_state != RegistrationState.REJECTED.value,
            ),
        )
        .where(EnrolmentRecord.id.in_(enrolment_ids))
        .group_by(EnrolmentRecord.id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _differing(row: AnyRow, known: StoredAttempt) -> str:
    """The column in which a row and what is on record of it differ."""
    if row.outcome != known.outcome:
        return "outcome"
    given, recorded = _items(row), _items(known)
    item = next((code for code in (*given, *recorded) if given.get(code) != recorded.get(code)), None)
    if item is None or not given or not recorded:
        return "score"
    return item


def _items(row: StoredAttempt) -> dict[str, str]:
    return json.loads(row.items_json) if row.items_json else {}


def _by_key(recorded: Mapping[int, Sequence[RecordedAttempt]]) -> Mapping[_Key, Sequence[StoredAttempt]]:
    """The attempts on record by enrolment, subject, day and kind, as they were imported and as they count now: the same
    file again is neither new nor a conflict, and undoes no correction."""
    found: defaultdict[_Key, list[StoredAttempt]] = defaultdict(list)
    for enrolment_id, rows in recorded.items():
        for one in rows:
            forms = (one.imported, one) if isinstance(one, CorrectedAttempt) else (one,)
            for key in dict.fromkeys((enrolment_id, *_values(form, _KEY)) for form in forms):
                found[key] += forms
    return found


def _values(row: StoredAttempt, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _scheme(session: Session, known: dict[int, Scheme], scheme_id: int) -> Scheme:
    if scheme_id not in known:
        known[scheme_id] = parsed_scheme(session.get_one(SchemeRecord, scheme_id).toml)
    return known[scheme_id]


def _column_of(refused: Refused) -> str:
    return refused.where or "sat_on"


def _score_shown(score_hundredths: int | None) -> str:
    return "" if score_hundredths is None else score_text(Decimal(score_hundredths).scaleb(-2))


def error_of(parsed: Parsed[T], row: ResultRow, error: Refused) -> CellError:
    """The cell of a row that a refusal is about."""
    column = error.where or ("score" if isinstance(error, InvalidScore) else "id_number")
    shown: dict[str, object] = {
        "id_number": row.identity_number,
        "name": row.name,
        "sat_on": row.sat_on.isoformat() if isinstance(row.sat_on, date) else row.sat_on,
        "score": row.score or "",
    }
    return parsed.cell_error(row.row, column, str(shown.get(column, row.items.get(column, ""))), error)
