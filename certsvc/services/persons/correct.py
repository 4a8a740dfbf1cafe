"""Put right what is on record about a person and stands on no certificate: one person asks, another approves (R10; PIPL
46, GDPR 16).

Name or document (never both: that would be another person), birth date, sex, and of one registration the institution
and the batch. What a certificate says is corrected by its own deed, which issues a new version
(`certificates.correct`); the telephone likewise (`holders.contact`). A document that is replaced is kept as a keyed
look-up, so that an old roster makes no second person. Not here: what a roster may change (`registration.on_record`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Refused, RegistrationRefused
from certsvc.person.identity import IdentityDocument, IdType, Sex, parse_identity
from certsvc.person.name import parse_name
from certsvc.rules.enrolment import Registration
from certsvc.rules.registration import check_registration
from certsvc.services.context import Services
from certsvc.services.persons.dossier import Dossier, dossier
from certsvc.services.records.approvals import (
    ApprovalState,
    Asked,
    ask,
    decide,
    require_development,
    waiting,
    why,
)
from certsvc.services.records.erased import note_earlier
from certsvc.services.records.schemes import scheme_of
from certsvc.services.records.signed import signed_version
from certsvc.services.trail import note
from certsvc.store import ApprovalRecord, EnrolmentRecord, PersonRecord

KIND: Final = "person.correct"
_ON_CERTIFICATE: Final = ("name", "id_number", "birth_date", "sex")
_OF_REGISTRATION: Final = ("institution", "batch")


@dataclass(frozen=True, slots=True)
class Putting:
    """What is to be as given; what is None stays. `id_type` says how to read `id_number`; `registered_on` which
    registration `institution` and `batch` are of, where there are several."""

    name: str | None = None
    id_number: str | None = None
    id_type: IdType | None = None
    birth_date: date | None = None
    sex: Sex | None = None
    institution: str | None = None
    batch: str | None = None
    registered_on: date | None = None


@dataclass(frozen=True, slots=True)
class PutRight:
    """A correction that waits, or was carried out, with the fields it changes."""

    approval_id: int
    state: str
    changed: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, "state": self.state, "changed": list(self.changed)}


@dataclass(frozen=True, slots=True)
class _Personal:
    """A person's own data as they are or shall be."""

    name: str
    identity: IdentityDocument
    birth_date: date
    sex: Sex


def propose(services: Services, identity: IdentityDocument, putting: Putting, *, reason: str, by: str) -> PutRight:
    """Ask for it. Raises `NotFound`, `Refused`, `InvalidName`, `InvalidIdentity`."""
    with services.database.writing() as session:
        row, changed = _propose(services, session, identity, putting, reason=reason, by=by)
        return PutRight(row.id, row.state, changed)


def approve(services: Services, approval_id: int, *, by: str) -> PutRight:
    """Carry it out. Raises what `propose` raises, and `Refused` for the one who asked."""
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        return _carry_out(services, session, row, asked, by)


def correct(
    services: Services, identity: IdentityDocument, putting: Putting, *, reason: str, by: str, approved_by: str
) -> PutRight:
    """Both in one act, in a home with development keys. Raises what they raise."""
    require_development(services)
    with services.database.writing() as session:
        row, _ = _propose(services, session, identity, putting, reason=reason, by=by)
        row, asked = waiting(services, session, row.id, approved_by)
        return _carry_out(services, session, row, asked, approved_by)


def _propose(
    services: Services, session: Session, identity: IdentityDocument, putting: Putting, *, reason: str, by: str
) -> tuple[ApprovalRecord, tuple[str, ...]]:
    text = why(reason)
    found = dossier(session, services.vault.lookup(identity))
    changed = _check(services, session, found, putting)
    was = _personal(services, _person(found))
    content = {name: None if value is None else str(value) for name, value in _given(putting).items()}
    content |= {"lookup": found.lookups[0].hex(), "was": was.name, "was_id_number": was.identity.number}
    return ask(services, session, KIND, found.key, content, reason=text, by=by), changed


def _carry_out(services: Services, session: Session, row: ApprovalRecord, asked: Asked, by: str) -> PutRight:
    found = dossier(session, bytes.fromhex(str(asked.content["lookup"])))
    if found.key != asked.object_key:
        raise Refused("申请所指的人已变动，请重新申请", "it is about another entry by now: ask again", rule="R10")
    putting = _read(asked.content)
    changed = _check(services, session, found, putting)
    person = _person(found)
    _put(services, session, person, _as_given(_personal(services, person), putting))
    if set(changed) & set(_OF_REGISTRATION):
        enrolment = _enrolment(found, putting)
        enrolment.institution = putting.institution or enrolment.institution
        enrolment.batch = putting.batch or enrolment.batch
    decide(services, session, row, ApprovalState.APPROVED, by=by)
    note(
        session,
        at=services.now(),
        by=row.asked_by,
        action="person.correct",
        object_kind="person",
        object_key=found.key,
        changed=list(changed),
        approved_by=by,
        approval=row.id,
    )
    return PutRight(row.id, row.state, changed)


def _given(putting: Putting) -> Mapping[str, object]:
    return {field.name: getattr(putting, field.name) for field in fields(putting)}


def _read(content: Mapping[str, str | None]) -> Putting:
    def day(name: str) -> date | None:
        text = content.get(name)
        return None if text is None else date.fromisoformat(text)

    kind, sex = content.get("id_type"), content.get("sex")
    return Putting(
        name=content.get("name"),
        id_number=content.get("id_number"),
        id_type=None if kind is None else IdType.of(kind),
        birth_date=day("birth_date"),
        sex=None if sex is None else Sex.of(sex),
        institution=content.get("institution"),
        batch=content.get("batch"),
        registered_on=day("registered_on"),
    )


def _check(services: Services, session: Session, found: Dossier, putting: Putting) -> tuple[str, ...]:
    """The fields that would change; raises where the rules, or a certificate, stand against it."""
    person = _person(found)
    was = _personal(services, person)
    now = _as_given(was, putting)
    changed = [name for name, before, after in _pairs(was, now) if before != after]
    for name in changed:
        _refuse_certified(services, found, name)
    if now.name != was.name and now.identity != was.identity:
        raise Refused(
            "一次只能更正姓名或证件号码之一：两者都改等于换成他人",
            "a correction changes the name or the identity number, never both: that would be another person",
            rule="R8.4a",
        )
    lookup = services.vault.lookup(now.identity)
    if now.identity != was.identity and session.scalar(select(PersonRecord.id).where(PersonRecord.id_lookup == lookup)):
        raise Refused("该证件号码已登记在另一人名下", "another person is on record under this number", rule="R9")
    for enrolment in found.enrolments if changed else ():
        _check_registration(session, enrolment, now)
    if putting.institution or putting.batch:
        changed += _changes_of_registration(found, putting)
    if not changed:
        raise Refused("没有要更正的内容", "nothing is to be corrected", rule="R10")
    return tuple(changed)


def _pairs(was: _Personal, now: _Personal) -> list[tuple[str, object, object]]:
    return [
        ("name", was.name, now.name),
        ("id_number", was.identity, now.identity),
        ("birth_date", was.birth_date, now.birth_date),
        ("sex", was.sex, now.sex),
    ]


def _refuse_certified(services: Services, found: Dossier, name: str) -> None:
    """What stands on a certificate is put right by a new version of it (R8.4)."""
    for row in found.certificates:
        if row.erased_on is not None:
            continue
        claims = signed_version(services, row).claims if row.credential else None
        shown = name in {"name", "id_number"} or claims is None or getattr(claims, name) is not None
        if shown:
            raise Refused(
                f"证书 {row.number} 上有此项：姓名、证件号码请用 certsvc certificate correct {row.number} 更正；"
                "出生日期、性别印在证书上的，请先撤销再重新签发",
                f"it stands on certificate {row.number}: name and number are corrected by certsvc certificate correct "
                f"{row.number}; a birth date or sex printed there, by revoking it and issuing again",
                rule="R8.4",
                where=name,
            )


def _check_registration(session: Session, enrolment: EnrolmentRecord, now: _Personal) -> None:
    registration = Registration(
        name=now.name,
        identity=now.identity,
        sex=now.sex,
        birth_date=now.birth_date,
        health_declared=enrolment.health_declared,
        registered_on=enrolment.registered_on,
        level=enrolment.level,
    )
    check_registration(registration, scheme_of(session, enrolment.scheme_id))


def _changes_of_registration(found: Dossier, putting: Putting) -> list[str]:
    enrolment = _enrolment(found, putting)
    if any(row.enrolment_id == enrolment.id for row in found.certificates):
        raise Refused(
            "该次报名已签发证书，是证书的依据，不再更改",
            "a certificate rests on this registration: it is changed no more",
            rule="R10",
            where=str(enrolment.registered_on),
        )
    wanted = {name: getattr(putting, name) for name in _OF_REGISTRATION}
    return [name for name, value in wanted.items() if value is not None and getattr(enrolment, name) != value]


def _enrolment(found: Dossier, putting: Putting) -> EnrolmentRecord:
    named = [one for one in found.enrolments if putting.registered_on in {None, one.registered_on}]
    if len(named) != 1:
        days = "、".join(str(one.registered_on) for one in found.enrolments) or "—"
        raise RegistrationRefused(
            f"请指明哪一次报名（--registered-on）：{days}",
            f"say which registration (--registered-on): {days}",
            rule="R1.5",
            where="registered_on",
        )
    return named[0]


def _person(found: Dossier) -> PersonRecord:
    if found.person is None:
        raise Refused(
            "登记中只有纸质证书：请按 R8.2 补发后再更正",
            "there is paper alone on record: it is corrected after a reissue",
            rule="R8.2",
        )
    return found.person


def _personal(services: Services, person: PersonRecord) -> _Personal:
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return _Personal(
        person.name,
        IdentityDocument(IdType.of(person.id_type), str(personal["id_number"])),
        date.fromisoformat(str(personal["birth_date"])),
        Sex.of(person.sex),
    )


def _as_given(was: _Personal, putting: Putting) -> _Personal:
    """As it shall be; a resident number that is corrected brings its own birth date and sex (R9)."""
    name = was.name if putting.name is None else parse_name(putting.name).text
    identity, birth_date, sex = was.identity, putting.birth_date or was.birth_date, putting.sex or was.sex
    if putting.id_number is not None:
        identity = parse_identity(putting.id_type or was.identity.type, putting.id_number)
        if identity.type is IdType.RESIDENT_ID:
            number = identity.number
            birth_date = putting.birth_date or date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
            sex = putting.sex or (Sex.MALE if int(number[16]) % 2 else Sex.FEMALE)
    parse_identity(identity.type, identity.number, birth_date=birth_date, sex=sex)
    return replace(was, name=name, identity=identity, birth_date=birth_date, sex=sex)


def _put(services: Services, session: Session, person: PersonRecord, now: _Personal) -> None:
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    lookup = services.vault.lookup(now.identity)
    if lookup != person.id_lookup:
        note_earlier(session, person.id_lookup, person.id, services.today())
    personal |= {"id_number": now.identity.number, "birth_date": now.birth_date.isoformat()}
    sealed = services.vault.seal(personal, lookup)
    person.id_type, person.id_lookup = now.identity.type.value, lookup
    person.sealed, person.sealed_kid = sealed.content, sealed.kid
    person.name, person.sex = now.name, now.sex.value
    session.flush()
