"""A roster's row beside what is on record: in what the two differ, and what of that the row may change (R1.5, R1.6).

A row and the registration of its key must say the same; only one that the review returned is handed in again with other
values. A person on whom another registration or a certificate stands keeps name, sex and birth date, and the telephone:
it opens a holder's record (R10), and changes by an act of its own (`holders.contact`); a row put to review is refused
for another one, a row reviewed elsewhere is taken without it, with a warning. Not here: `register`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import inspect, or_, select
from sqlalchemy.orm import Session

from certsvc.errors import CellError, Conflict, Refused, RegistrationRefused
from certsvc.person.name import same_name
from certsvc.roster.candidates import CandidateRow
from certsvc.roster.parsed import Parsed
from certsvc.rules.registration_review import Move, RegistrationState, ReviewStep, take
from certsvc.rules.terms import Scheme
from certsvc.services.imports import Tally
from certsvc.services.records.contacts import persons_changed, phone_of
from certsvc.services.records.reviews import review_on_record, row_of, steps_of
from certsvc.services.vault import Vault
from certsvc.store import CertificateRecord, EnrolmentRecord, PersonRecord


@dataclass(slots=True)
class Entry:
    """A row that passed the rules, with what it will be stored under."""

    row: CandidateRow
    lookup: bytes
    scheme_id: int
    scheme: Scheme
    photo_sha256: str | None


@dataclass(slots=True)
class OnRecord:
    """Holds rows against the register, within the import's transaction."""

    vault: Vault
    session: Session
    tally: Tally
    parsed: Parsed[CandidateRow]
    for_review: bool
    now: datetime
    _changed: frozenset[int] = field(init=False)  # whose telephone was changed by a request of its own

    def __post_init__(self) -> None:
        self._changed = persons_changed(self.session)

    def is_returned(self, enrolment: EnrolmentRecord) -> bool:
        """Whether a row of this file hands it in again."""
        return self.for_review and enrolment.review_state == RegistrationState.RETURNED

    def faults_of_registration(self, entry: Entry, person: PersonRecord, same: EnrolmentRecord) -> list[CellError]:
        """In what the row differs from the registration on record, which it must not."""
        faults = [*self._person_conflicts(entry, person), *self._enrolment_conflicts(entry, person, same)]
        if faults and same.review_state == RegistrationState.REJECTED:
            anew = Conflict(
                "该次报名审核未通过；重新报名须另有报名日期",
                "this registration was rejected; a new one has a registration date of its own",
                rule="R1.6",
            )
            return [self.error(entry.row, "registered_on", anew)]
        return faults

    def faults_of_person(self, entry: Entry, person: PersonRecord, same: EnrolmentRecord | None) -> list[CellError]:
        """In what the row differs from a person on whom another registration stands; otherwise it may."""
        faults = list(self._person_conflicts(entry, person))
        phone = entry.row.phone
        if self.for_review and phone is not None and phone != self._phone(person):
            kept = RegistrationRefused(
                "与已登记的电话不同；待审核的报名不能更改电话，请留空",
                "not the telephone on record; a registration under review does not change it: leave it empty",
                rule="R1.6",
            )
            faults.append(self.error(entry.row, "phone", kept))
        return faults if faults and self.is_settled(person, same) else []

    def leave(self, row: CandidateRow, person: PersonRecord, same: EnrolmentRecord) -> None:
        """The row says what is on record. That it does not count is said where the file would make one think so."""
        self.tally.unchanged += 1
        self._warn_of_spelling(person, row)
        self._warn_of_phone(person, row)
        state = RegistrationState.of(same.review_state)
        expected = (RegistrationState.APPROVED, *((RegistrationState.SUBMITTED,) if self.for_review else ()))
        if state not in expected:
            idle = Refused(f"该报名{state.zh}，不计入", f"it is {state.value}, and does not count", rule="R1.6")
            self.tally.warn(self.error(row, "registered_on", idle))

    def renew_person(self, person: PersonRecord, row: CandidateRow, same: EnrolmentRecord | None = None) -> bool:
        """Keep what the row says of the person; whether anything is another. An empty telephone takes none away,
        unless it stands on this registration alone."""
        personal = self._personal(person)
        phone = row.phone
        if phone != personal["phone"] and self._phone_stays(person, row, same):
            self._warn_of_phone(person, row)
            phone = personal["phone"]
        renewed = {**personal, "birth_date": row.birth_date.isoformat(), "phone": phone}
        if row.email is not None and not self._email_stays(person, row, same):
            renewed["email"] = row.email
        changed = renewed != personal
        if changed:
            sealed = self.vault.seal(renewed, person.id_lookup)
            person.sealed, person.sealed_kid = sealed.content, sealed.kid
        name = self._spelt(person, row, same)
        if (person.name, person.sex) != (name, row.sex.value):
            person.name, person.sex = name, row.sex.value
            changed = True
        return changed

    def submit_again(self, entry: Entry, person: PersonRecord, same: EnrolmentRecord, *, by: str, at: datetime) -> None:
        """R1.6: returned goes back to submitted, with the values it has now."""
        row = entry.row
        changed = self.renew_person(person, row, same)
        values = {
            "institution": row.institution,
            "health_declared": row.health_declared,
            "batch": row.batch,
            "photo_sha256": entry.photo_sha256,
            "scheme_id": entry.scheme_id,
        }
        for name, value in values.items():
            if getattr(same, name) != value:
                setattr(same, name, value)
                changed = True
        step = ReviewStep(Move.SUBMIT, by, at, changed=changed)
        try:
            review = take(review_on_record(same, steps_of(self.session, [same.id])[same.id]), step)
        except RegistrationRefused as refused:
            self.tally.refuse(self.error(row, "registered_on", refused))
            return
        same.review_state = review.state.value
        self.session.add(row_of(same.id, step))
        self.tally.resubmitted += 1

    def error(self, row: CandidateRow, column: str, error: Refused) -> CellError:
        return self.parsed.cell_error(row.row, column, _shown(row, column), error)

    def _spelt(self, person: PersonRecord, row: CandidateRow, same: EnrolmentRecord | None) -> str:
        """The name as it is to be kept: a person on whom another registration stands keeps its spelling (R9)."""
        if person.name == row.name or not self.is_settled(person, same):
            return row.name
        self._warn_of_spelling(person, row)
        return person.name

    def _warn_of_spelling(self, person: PersonRecord, row: CandidateRow) -> None:
        if person.name != row.name:
            zh, en = f"与已登记的“{person.name}”视为相同，登记的写法不变", f"the same as {person.name}, which stays"
            self.tally.warn(self.error(row, "name", Refused(zh, en, rule="R9")))

    def _warn_of_phone(self, person: PersonRecord, row: CandidateRow) -> None:
        if row.phone is not None and row.phone != self._phone(person):
            kept = Refused(
                "与登记的电话不同，登记的电话不变；更改须另行申请（certsvc holder contact）",
                "not the telephone on record, which stays: it changes by a request of its own (certsvc holder contact)",
                rule="R10",
            )
            self.tally.warn(self.error(row, "phone", kept))

    def _phone_stays(self, person: PersonRecord, row: CandidateRow, same: EnrolmentRecord | None) -> bool:
        """Whether the telephone on record stays, whatever the row says: empty, where it takes none away; another one,
        where it opens more than this registration, or was changed since by a request of its own."""
        if self.for_review:  # another one was refused before (`faults_of_person`)
            return row.phone is None and self._phone(person) is not None and self.is_settled(person, same)
        if row.phone is None and same is None:
            return True
        return person.id in self._changed or self.is_settled(person, same)

    def _email_stays(self, person: PersonRecord, row: CandidateRow, same: EnrolmentRecord | None) -> bool:
        """Whether the mailbox on record stays, which is said where the row names another: notices about whatever else
        stands on the person go there. One without a mailbox may be given one."""
        kept = self._personal(person).get("email")
        if kept is None or kept == row.email or not self.is_settled(person, same):
            return False
        said = Refused("与登记的邮箱不同，登记的邮箱不变", "not the mailbox on record, which stays", rule="R10")
        self.tally.warn(self.error(row, "email", said))
        return True

    def is_settled(self, person: PersonRecord, same: EnrolmentRecord | None) -> bool:
        """Whether a registration of the person stands that is not this one (a rejected one does not), or a certificate
        that is not of this one."""
        if not inspect(person).has_identity:  # made by this very file, which says one thing of a person
            return True
        certified = select(CertificateRecord.id).where(CertificateRecord.person_id == person.id)
        if same is not None:
            certified = certified.where(
                or_(CertificateRecord.enrolment_id.is_(None), CertificateRecord.enrolment_id != same.id)
            )
        if self.session.scalar(certified.limit(1)) is not None:
            return True
        others = select(EnrolmentRecord.id).where(
            EnrolmentRecord.person_id == person.id, EnrolmentRecord.review_state != RegistrationState.REJECTED.value
        )
        if same is not None:
            others = others.where(EnrolmentRecord.id != same.id)
        return self.session.scalar(others.limit(1)) is not None

    def _person_conflicts(self, entry: Entry, person: PersonRecord) -> Iterable[CellError]:
        row = entry.row
        yield from self._differing(
            row,
            ("name", person.name, person.name if same_name(person.name, row.name) else row.name),
            ("sex", person.sex, row.sex.value),
            ("birth_date", self._personal(person)["birth_date"], row.birth_date.isoformat()),
        )

    def _enrolment_conflicts(self, entry: Entry, person: PersonRecord, same: EnrolmentRecord) -> Iterable[CellError]:
        row = entry.row
        phone, email = self._phone(person), self._personal(person).get("email")
        if row.email is not None and self._email_stays(person, row, same):
            email = row.email
        stays = phone != row.phone and self._phone_stays(person, row, same)
        yield from self._differing(
            row,
            ("phone", phone, phone if stays else row.phone),
            ("email", email, email if row.email is None else row.email),
            ("institution", same.institution, row.institution),
            ("health_declared", same.health_declared, row.health_declared),
            ("batch", same.batch, row.batch),
            ("photo", same.photo_sha256, entry.photo_sha256),
            ("registered_on", same.scheme_id, entry.scheme_id),
        )

    def _differing(self, row: CandidateRow, *triples: tuple[str, object, object]) -> Iterable[CellError]:
        for column, stored, given in triples:
            if stored != given:
                yield self.error(
                    row,
                    column,
                    Conflict(
                        "与已登记的内容冲突（同一人、同一报名）",
                        "conflict: differs from what is on record of this person and registration",
                        rule="R1.5",
                    ),
                )

    def _phone(self, person: PersonRecord) -> str | None:
        if person.id not in self._changed:
            return self._personal(person)["phone"]
        return phone_of(self.vault, self.session, person, self.now)

    def _personal(self, person: PersonRecord) -> dict[str, str | None]:
        return self.vault.open(person.sealed, person.sealed_kid, person.id_lookup)


def _shown(row: CandidateRow, column: str) -> str:
    """The cell as the file has it, or nearly: what the operator looks for."""
    value = row.identity.number if column == "id_number" else getattr(row, column)
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(value)
