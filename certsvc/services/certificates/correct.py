"""Correct a certificate: a new version supersedes the earlier one; one person asks, another approves (R8.4, R8.4a).

The name or the identity document changes, never both: that would hand the certificate to someone else. Number,
original date, scheme and photo stay; the date of the correction is added as 补发日期. Approving carries it out: in one
transaction the new version is made from the verified one before, reserved, signed and logged (CORRECT, naming the old
one and what was changed), and the old one becomes superseded: its QR then says "replaced by a newer version", never
"invalid". The person's own entry is corrected with it, so that the holder is found under the right number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.status import Status, check_change
from certsvc.errors import Refused, StatusChangeRefused
from certsvc.person.identity import IdentityDocument, IdType, parse_identity
from certsvc.person.name import parse_name
from certsvc.rendering.names import check_drawable
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.certificates.change_status import check_reason, record_change
from certsvc.services.certificates.next_of import before, commitment_of, next_of
from certsvc.services.context import Services
from certsvc.services.issuing.evidence import correction_evidence
from certsvc.services.issuing.next_version import issue_version
from certsvc.services.log.clock import time_to_sign
from certsvc.services.log.publish import publish_log
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_certificates
from certsvc.services.records.approvals import (
    CORRECTION,
    ApprovalState,
    Asked,
    ask,
    decide,
    opened,
    require_development,
    waiting,
)
from certsvc.services.records.erased import note_earlier
from certsvc.services.records.signed import SignedVersion
from certsvc.services.records.versions import newest_version
from certsvc.services.trail import note
from certsvc.store import ApprovalRecord, PersonRecord
from certsvc.transparency.leaf import Changed, Event


@dataclass(frozen=True, slots=True)
class Correction:
    """What is to be changed; what is None stays. `id_type` alone changes nothing: it says how to read `id_number`."""

    name: str | None = None
    id_number: str | None = None
    id_type: IdType | None = None


@dataclass(frozen=True, slots=True)
class Proposed:
    """A correction that waits for a second person."""

    approval_id: int
    number: str
    changed: str

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, "state": "waiting", "number": self.number, "changed": [self.changed]}


@dataclass(frozen=True, slots=True)
class Corrected:
    """The new version."""

    certificate_id: int
    approval_id: int
    number: str
    version: int
    token: str
    reissued_on: date
    changed: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "approval": self.approval_id,
            "number": self.number,
            "version": self.version,
            "token": self.token,
            "reissued_on": self.reissued_on.isoformat(),
            "changed": list(self.changed),
        }


def propose(services: Services, number: str, correction: Correction, *, reason: str, by: str) -> Proposed:
    """Ask for a correction. Raises `NotFound`, `StatusChangeRefused`, `InvalidName`, `InvalidIdentity`, and what
    `next_of.before` raises."""
    publish_log(services, services.folders.published / "log")
    with services.database.writing() as session:
        row, changed = _propose(services, session, number, correction, reason=reason, by=by)
        return Proposed(row.id, row.object_key, changed.value)


def approve(services: Services, approval_id: int, *, by: str) -> Corrected:
    """Carry a correction out. Raises `NotFound`, `Refused` (R8.4a: not by the one who asked), what `propose` raises,
    and whatever refuses an issue."""
    publish_log(services, services.folders.published / "log")
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        return _carry_out(services, session, row, asked, by)


def correct(
    services: Services, number: str, correction: Correction, *, reason: str, by: str, approved_by: str
) -> Corrected:
    """Both in one act, in a home with development keys. Raises what they raise."""
    require_development(services)
    if not is_second_person(approved_by, by):
        raise StatusChangeRefused("批准人不能是经办人本人", "the one who asks for it may not approve it", rule="R8.4a")
    publish_log(services, services.folders.published / "log")
    with services.database.writing() as session:
        row, _ = _propose(services, session, number, correction, reason=reason, by=by)
        return _carry_out(services, session, row, opened(services.vault, row), approved_by)


def _propose(
    services: Services, session: Session, number: str, correction: Correction, *, reason: str, by: str
) -> tuple[ApprovalRecord, Changed]:
    why = check_reason(reason)
    old = _correctable(services, session, number)
    name, _, changed = _corrected(correction, old)
    check_drawable(name)
    content = {
        "name": correction.name,
        "id_number": correction.id_number,
        "id_type": None if correction.id_type is None else correction.id_type.value,
        "version": str(old.claims.version),
        "was": old.claims.holder_name,
        "was_id_number": old.kept.id_number,
    }
    return ask(services, session, CORRECTION, old.claims.number, content, reason=why, by=by), changed


def _correctable(services: Services, session: Session, number: str) -> SignedVersion:
    old = before(services, session, newest_version(session, number))
    check_change(Status(old.row.status), Status.SUPERSEDED)
    return old


def _carry_out(services: Services, session: Session, row: ApprovalRecord, asked: Asked, by: str) -> Corrected:
    old = _correctable(services, session, asked.object_key)
    if str(old.claims.version) != asked.content["version"]:
        raise StatusChangeRefused(
            f"申请后已有第 {old.claims.version} 版，请重新申请",
            f"there is a version {old.claims.version} since; ask for it again",
            rule="R8.4",
            where=old.claims.number,
        )
    kind = asked.content["id_type"]
    correction = Correction(
        asked.content["name"], asked.content["id_number"], None if kind is None else IdType.of(kind)
    )
    name, identity, changed = _corrected(correction, old)
    intended = next_of(
        services,
        session,
        old,
        evidence=correction_evidence(old, changed, asked, by),
        holder_name=name,
        identity=identity,
    )
    new = issue_version(services, session, intended, event=Event.CORRECT, replaces=commitment_of(old), changed=changed)
    at = time_to_sign(services, session)
    assert new.leaf_index is not None
    assert new.reissued_on is not None
    record_change(
        session, old.row, Status.SUPERSEDED, at=at, by=asked.asked_by, reason=asked.reason, leaf_index=new.leaf_index
    )
    old.row.superseded_by_id = new.id
    new.person_id = _correct_person(services, session, old, name, identity)
    session.flush()  # the person may stand under another document now
    tell_certificates(services, session, NoticeKind.CORRECTED, [new])
    decide(services, session, row, ApprovalState.APPROVED, by=by)
    note(
        session,
        at=at,
        by=asked.asked_by,
        action="certificate.correct",
        object_kind="certificate",
        object_key=f"{new.number}-v{new.version}",
        changed=[changed.value],
        approved_by=by,
        approval=row.id,
        leaf=new.leaf_index,
    )
    return Corrected(new.id, row.id, new.number, new.version, new.token, new.reissued_on, (changed.value,))


def _corrected(correction: Correction, old: SignedVersion) -> tuple[str, IdentityDocument, Changed]:
    claims, was = old.claims, IdentityDocument(old.claims.id_type, old.kept.id_number)
    name = claims.holder_name if correction.name is None else parse_name(correction.name).text
    identity = was
    if correction.id_number is not None:
        # A birth date or sex on the certificate must still be the one in the number (R9).
        identity = parse_identity(
            correction.id_type or was.type, correction.id_number, birth_date=claims.birth_date, sex=claims.sex
        )
    if name != claims.holder_name and identity != was:
        raise StatusChangeRefused(
            "一次只能更正姓名或证件号码之一：两者都改等于把证书换给他人",
            "a correction changes the name or the identity number, never both: that would be another person's",
            rule="R8.4a",
            where=claims.number,
        )
    if name == claims.holder_name and identity == was:
        raise Refused("没有要更正的内容", "nothing is to be corrected", rule="R8.4", where=claims.number)
    return name, identity, Changed.IDENTITY if identity != was else Changed.NAME


def _correct_person(
    services: Services, session: Session, old: SignedVersion, name: str, identity: IdentityDocument
) -> int | None:
    """The person's entry under the corrected name and document; the one already there, if the document has one.

    An entry that does not stand under the document that was signed is another's, or corrected before: it stays.
    """
    if old.row.person_id is None:
        return None
    person = session.get_one(PersonRecord, old.row.person_id)
    was = IdentityDocument(old.claims.id_type, old.kept.id_number)
    lookup = services.vault.lookup(identity)
    if identity != was:
        other = session.scalar(select(PersonRecord).where(PersonRecord.id_lookup == lookup))
        if other is not None:
            note_earlier(session, services.vault.lookup(was), other.id, services.today())
            return other.id
    if person.id_lookup != services.vault.lookup(was):
        return person.id
    if identity != was:
        personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        if identity.type is IdType.RESIDENT_ID:
            birth_date = date(int(identity.number[6:10]), int(identity.number[10:12]), int(identity.number[12:14]))
            personal["birth_date"] = birth_date.isoformat()
        sealed = services.vault.seal({**personal, "id_number": identity.number}, lookup)
        note_earlier(session, person.id_lookup, person.id, services.today())
        person.id_type, person.id_lookup = identity.type.value, lookup
        person.sealed, person.sealed_kid = sealed.content, sealed.kid
    person.name = name
    return person.id
