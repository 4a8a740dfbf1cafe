"""Import a roster of candidates: each row a person and one enrolment, pinned to the scheme of its day (R0, R1).

A row is new, unchanged, or refused; the key is person, occupation, level and registration date. A roster was reviewed
before it comes here, so its rows count as approved: at once with development keys, otherwise once a second person has
approved the whole file (`whole_file`); `for_review` puts them to review one by one instead (R1.6). Not here: the form
of cells (`roster.candidates`), who may register (`rules.registration`), what a row may change of what is on record
(`on_record`), the review (`review`). Source: R1.1–R1.6, R9; formats.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from certsvc.errors import CellError, PhotoRefused, Refused, RegistrationRefused
from certsvc.person.name import same_name
from certsvc.roster.candidates import CandidateRow, read_candidates
from certsvc.roster.parsed import Parsed
from certsvc.rules.enrolment import Registration
from certsvc.rules.registration import check_registration
from certsvc.rules.registration_review import Move, RegistrationState, Review, ReviewStep, take
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.imports import ImportReport, Progress, Tally, all_or_nothing, chunks, report, silent
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import Told, tell
from certsvc.services.records.decisions import with_what_they_rest_on
from certsvc.services.records.erased import erased_refusal, last_erasure, now_under
from certsvc.services.records.photos import IncomingPhotos, incoming
from certsvc.services.records.reviews import row_of
from certsvc.services.records.schemes import Pinning, scheme_of
from certsvc.services.registration.on_record import Entry, OnRecord
from certsvc.services.registration.whole_file import ask_for
from certsvc.store import EnrolmentRecord, ErasureRecord, PersonRecord


def import_candidates(
    services: Services,
    path: Path,
    *,
    by: str,
    scheme_key: str | None = None,
    dry_run: bool = False,
    ignore_unknown: bool = False,
    for_review: bool = False,
    progress: Progress = silent,
    institution: str | None = None,
) -> ImportReport:
    """Import the roster at `path`, all of it or nothing; as approved, or put to review. `institution`, where given, is
    the one that hands it in: its rows name no other, and change no other's registrations.

    Raises `FileRefused`, `ImportRefused`.
    """
    entered = {"for_review": True} if for_review else {}
    waits = not for_review and not services.keystore.development
    approval = None
    parsed = read_candidates(path, filename=path.name, ignore_unknown=ignore_unknown)
    with (
        incoming(services.folders) as photos,
        all_or_nothing(services, parsed, path, action="candidates.import", by=by, dry_run=dry_run, **entered) as (
            session,
            tally,
        ),
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
            for_review=for_review,
            waits=waits,
            institution=institution,
        )
        read = 0
        for chunk in chunks(iter(parsed)):
            desk.take(chunk)
            read += len(chunk)
            progress("read", read, 0)
        if (tally.new or tally.resubmitted) and not tally.errors and not parsed.errors and not dry_run:
            if waits:
                approval = ask_for(services, session, path, desk.entered, by=by)
            photos.keep()
    done = replace(report(tally, parsed, dry_run=dry_run), approval=approval)
    return replace(done, resubmitted=tally.resubmitted) if for_review else done


_NOT_OURS = RegistrationRefused(
    "只能登记本机构的考生，培训机构须与账户的所属机构写法一致",
    "an institution registers its own candidates: write it as the account has it",
    rule="R1.6",
)
_ANOTHERS = RegistrationRefused(
    "这一天的报名由另一机构登记，请与发证机构联系",
    "another institution entered the registration of that day; ask the issuer",
    rule="R1.6",
)


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
        for_review: bool,
        waits: bool,
        institution: str | None,
    ) -> None:
        self.entered: list[int] = []
        self._state = RegistrationState.APPROVED
        if for_review or waits:
            self._state = RegistrationState.SUBMITTED if for_review else RegistrationState.DRAFT
        self._services = services
        self._vault = services.vault
        self._now = services.now()
        self._today = services.today()
        self._session = session
        self._parsed = parsed
        self._pinning = pinning
        self._photos = photos
        self._folder = folder
        self._by = by
        self._for_review = for_review
        self._institution = institution
        self._tally = tally
        self._on_record = OnRecord(services.vault, session, tally, parsed, for_review, self._now)
        self._error = self._on_record.error
        self._erased: Mapping[bytes, ErasureRecord] = {}
        self._corrected: Mapping[bytes, PersonRecord] = {}

    def take(self, rows: Iterable[CandidateRow]) -> None:
        entries = [entry for row in rows if (entry := self._enter(row)) is not None]
        persons = self._persons(entries)
        self._erased = last_erasure(self._session, {entry.lookup for entry in entries})
        enrolments = self._enrolments(persons)
        added: list[tuple[PersonRecord, EnrolmentRecord]] = []
        for entry in entries:
            known = persons.get(entry.lookup)
            mine = enrolments.setdefault(entry.lookup, [])
            same = next((one for one in mine if one.registered_on == entry.row.registered_on), None)
            if entry.lookup in self._corrected:
                self._take_corrected(entry, same)
            elif same is not None and not self._is_ours(same.institution):
                self._tally.refuse(self._error(entry.row, "registered_on", _ANOTHERS))
            elif same is not None:
                assert known is not None
                self._take_known(entry, known, same)
            elif not self._refused(self._faults_of_new(entry, known, mine)):
                person = known or self._new_person(entry)
                persons[entry.lookup] = person
                if known is not None:
                    self._on_record.renew_person(known, entry.row)
                enrolment = self._new_enrolment(entry)
                mine.append(enrolment)
                added.append((person, enrolment))
                self._tally.new += 1
        self._store(added)

    def _take_known(self, entry: Entry, person: PersonRecord, same: EnrolmentRecord) -> None:
        """A row whose registration is on record: the same, or handed in again (R1.6)."""
        if self._on_record.is_returned(same):
            if not self._refused(self._on_record.faults_of_person(entry, person, same)):
                self._on_record.submit_again(entry, person, same, by=self._by, at=self._now)
        elif not self._refused(self._on_record.faults_of_registration(entry, person, same)):
            self._on_record.leave(entry.row, person, same)

    def _faults_of_new(self, entry: Entry, known: PersonRecord | None, mine: list[EnrolmentRecord]) -> list[CellError]:
        erasure = self._erased.get(entry.lookup)
        if erasure is not None and entry.row.registered_on <= erasure.through:
            return [self._error(entry.row, "id_number", erased_refusal(erasure))]
        faults = [] if known is None else self._on_record.faults_of_person(entry, known, None)
        return faults or list(self._second_enrolment(entry, mine))

    def _refused(self, faults: list[CellError]) -> bool:
        for fault in faults:
            self._tally.refuse(fault)
        return bool(faults)

    def _enter(self, row: CandidateRow) -> Entry | None:
        """The row by the rules that need no register; every fault of it is told."""
        errors: list[CellError] = []
        photo_sha256 = None
        try:
            scheme_id, scheme = self._pinning.on(row.registered_on)
            self._check_occupation(row, scheme)
            check_registration(_registration(row, scheme), scheme)
        except RegistrationRefused as refused:
            errors.append(self._error(row, refused.where or "registered_on", refused))
        if not self._is_ours(row.institution):
            errors.append(self._error(row, "institution", _NOT_OURS))
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
        self._tally.warn_of_undrawable(self._parsed, row.row, row.name)
        return Entry(row, self._vault.lookup(row.identity), scheme_id, scheme, photo_sha256)

    def _is_ours(self, institution: str | None) -> bool:
        return self._institution is None or institution == self._institution

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

    def _persons(self, entries: list[Entry]) -> dict[bytes, PersonRecord]:
        lookups = {entry.lookup for entry in entries}
        query = select(PersonRecord).where(PersonRecord.id_lookup.in_(lookups))
        found = {person.id_lookup: person for person in self._session.scalars(query)}
        earlier = now_under(self._session, lookups - found.keys())
        # Another name under a number that was corrected is another person's own (R8.4).
        self._corrected = {
            entry.lookup: person
            for entry in entries
            if (person := earlier.get(entry.lookup)) is not None and same_name(person.name, entry.row.name)
        }
        return {**self._corrected, **found}

    def _take_corrected(self, entry: Entry, same: EnrolmentRecord | None) -> None:
        """A row from before its number was corrected (R8.4): it makes no second person, and changes nothing. What is
        not on record yet is to be registered under the right number."""
        if same is None:
            anew = RegistrationRefused(
                "该证件号码已更正，请用更正后的号码报名",
                "this number was corrected since: register under the right one",
                rule="R8.4",
            )
            self._tally.refuse(self._error(entry.row, "id_number", anew))
            return
        self._tally.unchanged += 1
        was = Refused(
            "该证件号码已更正，登记不变",
            "this number was corrected since: what is on record stays",
            rule="R8.4",
        )
        self._tally.warn(self._error(entry.row, "id_number", was))

    def _enrolments(self, persons: Mapping[bytes, PersonRecord]) -> dict[bytes, list[EnrolmentRecord]]:
        """By the look-up that a row has: two of them may lead to one person, whose registrations are then one list."""
        lookups: defaultdict[int, list[bytes]] = defaultdict(list)
        for lookup, person in persons.items():
            lookups[person.id].append(lookup)
        scheme = self._pinning.any_scheme
        query = select(EnrolmentRecord).where(
            EnrolmentRecord.person_id.in_(lookups.keys()),
            EnrolmentRecord.occupation_code == scheme.occupation.code,
            EnrolmentRecord.level == scheme.level,
        )
        found: dict[bytes, list[EnrolmentRecord]] = {}
        for same in lookups.values():
            mine: list[EnrolmentRecord] = []
            found |= dict.fromkeys(same, mine)
        for enrolment in self._session.scalars(query):
            found[lookups[enrolment.person_id][0]].append(enrolment)
        return found

    def _second_enrolment(self, entry: Entry, mine: list[EnrolmentRecord]) -> Iterable[CellError]:
        """R1.5: at most one open enrolment per person, occupation and level."""
        on = entry.row.registered_on
        if not self._for_review and _was_turned_down(mine):
            again = RegistrationRefused(
                "曾审核未通过，不能作为已审核的名册导入；请送审（--for-review）",
                "rejected before: it does not come in as reviewed elsewhere; put it to review (--for-review)",
                rule="R1.6",
            )
            yield self._error(entry.row, "registered_on", again)
            return
        for other in mine:
            if other.review_state == RegistrationState.REJECTED:
                continue  # closed: it never came to count
            if other.registered_on > on:
                zh, en = f"{other.registered_on} 已有更晚的报名", f"registered again later, on {other.registered_on}"
            elif other.review_state != RegistrationState.APPROVED:
                state = RegistrationState.of(other.review_state)
                zh = f"{other.registered_on} 的报名还在审核中（{state.zh}）"
                en = f"the registration of {other.registered_on} is still under review ({state.value})"
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
        schemes = {enrolment.scheme_id: scheme_of(self._session, enrolment.scheme_id)}
        decision = with_what_they_rest_on(self._session, [enrolment], schemes)[enrolment.id].decided(on)
        return decision is not None and decision.state.closed

    def _new_person(self, entry: Entry) -> PersonRecord:
        row = entry.row
        sealed = self._vault.seal(
            {
                "id_number": row.identity.number,
                "birth_date": row.birth_date.isoformat(),
                "phone": row.phone,
                **({} if row.email is None else {"email": row.email}),
            },
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

    def _new_enrolment(self, entry: Entry) -> EnrolmentRecord:
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
            review_state=self._state.value,
        )

    def _store(self, added: list[tuple[PersonRecord, EnrolmentRecord]]) -> None:
        self._session.add_all({id(person): person for person, _ in added}.values())
        self._session.flush()
        for person, enrolment in added:
            enrolment.person_id = person.id
        self._session.add_all(enrolment for _, enrolment in added)
        self._session.flush()
        if self._for_review:
            submitted = ReviewStep(Move.SUBMIT, self._by, self._now)
            take(Review(), submitted)
            self._session.add_all(row_of(enrolment.id, submitted) for _, enrolment in added)
            self._session.flush()
        if self._state is not RegistrationState.DRAFT:  # those are told when the file is approved
            told = (Told(person.id_lookup, str(enrolment.id)) for person, enrolment in added)
            tell(self._services, self._session, NoticeKind.REGISTERED, told)
        self.entered += [enrolment.id for _, enrolment in added]
        self._session.expunge_all()  # a long roster must not gather in memory


def _was_turned_down(mine: list[EnrolmentRecord]) -> bool:
    """Whether the last registration that a review decided was rejected: no date makes another of it (R1.6)."""
    undecided = (RegistrationState.DRAFT, RegistrationState.SUBMITTED)
    decided = [one for one in mine if one.review_state not in undecided and one.id is not None]
    newest = max(decided, key=lambda one: one.id, default=None)
    return newest is not None and newest.review_state == RegistrationState.REJECTED


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
