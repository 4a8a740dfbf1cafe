"""Import a roster of candidates: each row a person and one enrolment, pinned to the scheme of its day (R0, R1).

A row is new, unchanged, or refused; the key is person, occupation, level and registration date. Not here: the form of
cells (`roster.candidates`), who may register (`rules.registration`). Source: R1.1–R1.5, R9; formats.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from certsvc.errors import CellError, Conflict, PhotoRefused, Refused, RegistrationRefused
from certsvc.roster.candidates import CandidateRow, read_candidates
from certsvc.roster.parsed import Parsed
from certsvc.rules.enrolment import Registration
from certsvc.rules.registration import check_registration
from certsvc.rules.terms import Scheme
from certsvc.services.attempts import attempts_of, decision_on
from certsvc.services.context import Services
from certsvc.services.imports import ImportReport, Tally, all_or_nothing, chunks, report
from certsvc.services.photos import IncomingPhotos, incoming
from certsvc.services.schemes import Pinning, scheme_of
from certsvc.store import EnrolmentRecord, PersonRecord


def import_candidates(
    services: Services,
    path: Path,
    *,
    by: str,
    scheme_key: str | None = None,
    dry_run: bool = False,
    ignore_unknown: bool = False,
) -> ImportReport:
    """Import the roster at `path`, all of it or nothing. Raises `FileRefused`, `ImportRefused`."""
    parsed = read_candidates(path, filename=path.name, ignore_unknown=ignore_unknown)
    with (
        incoming(services.folders) as photos,
        all_or_nothing(services, parsed, path, action="candidates.import", by=by, dry_run=dry_run) as (session, tally),
    ):
        desk = _Desk(
            services,
            session,
            tally,
            parsed=parsed,
            pinning=Pinning(session, scheme_key),
            photos=photos,
            folder=path.parent,
            by=by,
        )
        for chunk in chunks(iter(parsed)):
            desk.take(chunk)
        if tally.new and not tally.errors and not parsed.errors and not dry_run:
            photos.keep()
    return report(tally, parsed, dry_run=dry_run)


@dataclass(slots=True)
class _Entry:
    """A row that passed the rules, with what it will be stored under."""

    row: CandidateRow
    lookup: bytes
    scheme_id: int
    scheme: Scheme
    photo_sha256: str | None


class _Desk:
    """Takes the rows chunk by chunk, within one transaction."""

    def __init__(
        self,
        services: Services,
        session: Session,
        tally: Tally,
        *,
        parsed: Parsed[CandidateRow],
        pinning: Pinning,
        photos: IncomingPhotos,
        folder: Path,
        by: str,
    ) -> None:
        self._vault = services.vault
        self._now = services.now()
        self._today = services.today()
        self._session = session
        self._parsed = parsed
        self._pinning = pinning
        self._photos = photos
        self._folder = folder
        self._by = by
        self._tally = tally

    def take(self, rows: Iterable[CandidateRow]) -> None:
        entries = [entry for row in rows if (entry := self._enter(row)) is not None]
        persons = self._persons(entries)
        enrolments = self._enrolments(persons.values())
        added: list[tuple[PersonRecord, EnrolmentRecord]] = []
        for entry in entries:
            known = persons.get(entry.lookup)
            errors = list(self._person_conflicts(entry, known)) if known is not None else []
            mine = enrolments.setdefault(entry.lookup, [])
            same = next((one for one in mine if one.registered_on == entry.row.registered_on), None)
            if same is not None:
                errors += self._enrolment_conflicts(entry, known, same)
            elif not errors:
                errors += self._second_enrolment(entry, mine)
            if errors:
                for error in errors:
                    self._tally.refuse(error)
            elif same is not None:
                self._tally.unchanged += 1
            else:
                person = known or self._new_person(entry)
                persons[entry.lookup] = person
                if known is not None:
                    self._renew_phone(known, entry)
                enrolment = self._new_enrolment(entry)
                mine.append(enrolment)
                added.append((person, enrolment))
                self._tally.new += 1
        self._store(added)

    def _enter(self, row: CandidateRow) -> _Entry | None:
        """The row by the rules that need no register; every fault of it is told."""
        errors: list[CellError] = []
        photo_sha256 = None
        try:
            scheme_id, scheme = self._pinning.on(row.registered_on)
            self._check_occupation(row, scheme)
            check_registration(_registration(row, scheme), scheme)
        except RegistrationRefused as refused:
            errors.append(self._error(row, refused.where or "registered_on", refused))
        if row.photo is not None:
            try:
                photo_sha256 = self._photos.take(self._folder, row.photo)
            except PhotoRefused as refused:
                errors.append(self._error(row, "photo", refused))
        if errors:
            for error in errors:
                self._tally.refuse(error)
            return None
        if row.registered_on > self._today:
            self._tally.warn_of_future(self._parsed, row.row, "registered_on", row.registered_on)
        return _Entry(row, self._vault.lookup(row.identity), scheme_id, scheme, photo_sha256)

    def _check_occupation(self, row: CandidateRow, scheme: Scheme) -> None:
        occupation = scheme.occupation
        if row.occupation is not None and row.occupation not in (
            occupation.code,
            occupation.name_zh,
            occupation.name_en,
        ):
            raise RegistrationRefused(
                f"方案 {scheme.key} 的职业是{occupation.name_zh}",
                f"the occupation of scheme {scheme.key} is {occupation.name_en}",
                rule="R1.3",
                where="occupation",
            )

    def _persons(self, entries: list[_Entry]) -> dict[bytes, PersonRecord]:
        lookups = {entry.lookup for entry in entries}
        query = select(PersonRecord).where(PersonRecord.id_lookup.in_(lookups))
        return {person.id_lookup: person for person in self._session.scalars(query)}

    def _enrolments(self, persons: Iterable[PersonRecord]) -> dict[bytes, list[EnrolmentRecord]]:
        lookups = {person.id: person.id_lookup for person in persons}
        scheme = self._pinning.any_scheme
        query = select(EnrolmentRecord).where(
            EnrolmentRecord.person_id.in_(lookups),
            EnrolmentRecord.occupation_code == scheme.occupation.code,
            EnrolmentRecord.level == scheme.level,
        )
        found: dict[bytes, list[EnrolmentRecord]] = {}
        for enrolment in self._session.scalars(query):
            found.setdefault(lookups[enrolment.person_id], []).append(enrolment)
        return found

    def _person_conflicts(self, entry: _Entry, person: PersonRecord) -> Iterable[CellError]:
        row = entry.row
        personal = self._vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        yield from self._differing(
            row,
            ("name", person.name, row.name),
            ("sex", person.sex, row.sex.value),
            ("birth_date", personal["birth_date"], row.birth_date.isoformat()),
        )

    def _enrolment_conflicts(
        self, entry: _Entry, person: PersonRecord | None, same: EnrolmentRecord
    ) -> Iterable[CellError]:
        row = entry.row
        assert person is not None
        personal = self._vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        yield from self._differing(
            row,
            ("phone", personal["phone"], row.phone),
            ("institution", same.institution, row.institution),
            ("health_declared", same.health_declared, row.health_declared),
            ("batch", same.batch, row.batch),
            ("photo", same.photo_sha256, entry.photo_sha256),
            ("registered_on", same.scheme_id, entry.scheme_id),
        )

    def _differing(self, row: CandidateRow, *triples: tuple[str, object, object]) -> Iterable[CellError]:
        for column, stored, given in triples:
            if stored != given:
                yield self._error(
                    row,
                    column,
                    Conflict(
                        "与已登记的内容冲突(同一人、同一报名)",
                        "conflict: differs from what is on record of this person and registration",
                        rule="R1.5",
                    ),
                )

    def _second_enrolment(self, entry: _Entry, mine: list[EnrolmentRecord]) -> Iterable[CellError]:
        """R1.5: at most one open enrolment per person, occupation and level."""
        on = entry.row.registered_on
        for other in mine:
            if other.registered_on > on:
                zh, en = f"{other.registered_on} 已有更晚的报名", f"registered again later, on {other.registered_on}"
            elif not self._closed(other, on):
                zh, en = (
                    f"{other.registered_on} 的报名到 {on} 尚未结束",
                    f"the enrolment of {other.registered_on} is still open on {on}",
                )
            else:
                continue
            yield self._error(entry.row, "registered_on", RegistrationRefused(zh, en, rule="R1.5"))

    def _closed(self, enrolment: EnrolmentRecord, on: date) -> bool:
        if not inspect(enrolment).has_identity:  # registered by this very file: nothing has been sat yet
            return False
        attempts = attempts_of(self._session, [enrolment.id])[enrolment.id]
        return decision_on(enrolment, attempts, scheme_of(self._session, enrolment.scheme_id), on).state.closed

    def _new_person(self, entry: _Entry) -> PersonRecord:
        row = entry.row
        sealed = self._vault.seal(
            {"id_number": row.identity.number, "birth_date": row.birth_date.isoformat(), "phone": row.phone},
            entry.lookup,
        )
        return PersonRecord(
            id_type=row.identity.type.value,
            id_lookup=entry.lookup,
            sealed=sealed.content,
            sealed_kid=sealed.kid,
            name=row.name,
            sex=row.sex.value,
        )

    def _renew_phone(self, person: PersonRecord, entry: _Entry) -> None:
        """A new registration may come with a new telephone number; the newest is kept."""
        personal = self._vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        if entry.row.phone is not None and entry.row.phone != personal["phone"]:
            sealed = self._vault.seal({**personal, "phone": entry.row.phone}, person.id_lookup)
            person.sealed, person.sealed_kid = sealed.content, sealed.kid

    def _new_enrolment(self, entry: _Entry) -> EnrolmentRecord:
        row = entry.row
        return EnrolmentRecord(
            scheme_id=entry.scheme_id,
            occupation_code=entry.scheme.occupation.code,
            level=entry.scheme.level,
            registered_on=row.registered_on,
            institution=row.institution,
            health_declared=row.health_declared,
            batch=row.batch,
            photo_sha256=entry.photo_sha256,
            recorded_at=self._now,
            recorded_by=self._by,
        )

    def _store(self, added: list[tuple[PersonRecord, EnrolmentRecord]]) -> None:
        self._session.add_all({id(person): person for person, _ in added}.values())
        self._session.flush()
        for person, enrolment in added:
            enrolment.person_id = person.id
        self._session.add_all(enrolment for _, enrolment in added)
        self._session.flush()
        self._session.expunge_all()  # a long roster must not gather in memory

    def _error(self, row: CandidateRow, column: str, error: Refused) -> CellError:
        return self._parsed.cell_error(row.row, column, _shown(row, column), error)


def _registration(row: CandidateRow, scheme: Scheme) -> Registration:
    return Registration(
        name=row.name,
        identity=row.identity,
        sex=row.sex,
        birth_date=row.birth_date,
        health_declared=row.health_declared,
        registered_on=row.registered_on,
        level=scheme.level if row.level is None else row.level,
    )


def _shown(row: CandidateRow, column: str) -> str:
    """The cell as the file has it, or nearly: what the operator looks for."""
    value = row.identity.number if column == "id_number" else getattr(row, column)
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(value)
