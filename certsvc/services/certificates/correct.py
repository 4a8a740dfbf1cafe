"""Correct a certificate: a new version supersedes the earlier one (R8.4).

Number, original date, scheme and photo stay; the name or the identity document changes; the date of the correction is
added as 补发日期. In one transaction the new version is reserved, signed and logged (CORRECT, naming the old one), and
the old one becomes superseded: its QR then says "replaced by a newer version", never "invalid". The person's own entry
is corrected with it, so that the holder is found under the right number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.canonical import load_strict
from certsvc.credential.document import CertificateClaims, credential_id, read_claims
from certsvc.credential.status import Status, check_change
from certsvc.errors import Refused, StatusChangeRefused
from certsvc.person.identity import IdentityDocument, IdType, parse_identity
from certsvc.person.name import parse_name
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.certificates.change_status import check_reason, record_change
from certsvc.services.context import Services
from certsvc.services.issuing.intended import Intended
from certsvc.services.issuing.next_version import issue_version
from certsvc.services.log.append import clock
from certsvc.services.log.last_word import OnRecord, require_last_word
from certsvc.services.records.photos import signed_photo
from certsvc.services.records.schemes import scheme_of
from certsvc.services.records.secrets import open_secrets
from certsvc.services.records.versions import newest_version
from certsvc.services.trail import note
from certsvc.store import PersonRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Event


@dataclass(frozen=True, slots=True)
class Correction:
    """What is to be changed; what is None stays. `id_type` alone changes nothing: it says how to read `id_number`."""

    name: str | None = None
    id_number: str | None = None
    id_type: IdType | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """The new version."""

    certificate_id: int
    number: str
    version: int
    token: str
    reissued_on: date
    changed: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "version": self.version,
            "token": self.token,
            "reissued_on": self.reissued_on.isoformat(),
            "changed": list(self.changed),
        }


def correct(
    services: Services, number: str, correction: Correction, *, reason: str, by: str, approved_by: str | None = None
) -> Corrected:
    """Issue the corrected version. Raises `NotFound`, `StatusChangeRefused`, `InvalidName`, `InvalidIdentity`, and
    whatever refuses an issue. `approved_by`, where given, is another person than `by`."""
    why = check_reason(reason)
    if approved_by is not None and not is_second_person(approved_by, by):
        raise StatusChangeRefused("批准人不能是经办人本人", "the one who records it may not approve it", rule="R8.4")
    with services.database.writing() as session:
        old = newest_version(session, number)
        assert old.credential is not None
        kept = open_secrets(services.vault, old)
        replaced = leaves.commit_credential(kept.leaf_salt, old.credential)
        require_last_word(services, old, replaced, OnRecord(session, [old]))
        check_change(Status(old.status), Status.SUPERSEDED)
        claims = read_claims(load_strict(old.document))
        before = IdentityDocument(claims.id_type, kept.id_number)
        name, identity, changed = _corrected(correction, claims, before)
        assert old.scheme_id is not None
        intended = Intended(
            holder_name=name,
            identity=identity,
            scheme=scheme_of(session, old.scheme_id),
            scheme_id=old.scheme_id,
            issued_on=old.issued_on,
            evidence=("correct", str(old.credential_sha256), ",".join(changed), by, approved_by or "", why),
            person_id=old.person_id,
            enrolment_id=old.enrolment_id,
            paper_id=old.paper_id,
            number=old.number,
            version=old.version + 1,
            photo_sha256=signed_photo(claims.portrait_digest),
            sex=claims.sex,
            birth_date=claims.birth_date,
            scores=claims.scores,
            reissued_on=services.today(),
            replaces=credential_id(services.base_url, old.token),
            replaces_paper=claims.replaces_paper,
        )
        new = issue_version(services, session, intended, event=Event.CORRECT, replaces=replaced)
        at = clock(session, services.now())
        assert new.leaf_index is not None
        record_change(session, old, Status.SUPERSEDED, at=at, by=by, reason=why, leaf_index=new.leaf_index)
        old.superseded_by_id = new.id
        new.person_id = _correct_person(services, session, old.person_id, name, before=before, identity=identity)
        note(
            session,
            at=at,
            by=by,
            action="certificate.correct",
            object_kind="certificate",
            object_key=f"{new.number}-v{new.version}",
            changed=list(changed),
            approved_by=approved_by,
            leaf=new.leaf_index,
        )
        return Corrected(new.id, new.number, new.version, new.token, intended.reissued_on or old.issued_on, changed)


def _corrected(
    correction: Correction, claims: CertificateClaims, before: IdentityDocument
) -> tuple[str, IdentityDocument, tuple[str, ...]]:
    name = claims.holder_name if correction.name is None else parse_name(correction.name).text
    identity = before
    if correction.id_number is not None:
        # A birth date or sex on the certificate must still be the one in the number (R9).
        identity = parse_identity(
            correction.id_type or before.type, correction.id_number, birth_date=claims.birth_date, sex=claims.sex
        )
    changed = (("name",) if name != claims.holder_name else ()) + (("identity",) if identity != before else ())
    if not changed:
        raise Refused("没有要更正的内容", "nothing is to be corrected", rule="R8.4", where=claims.number)
    return name, identity, changed


def _correct_person(
    services: Services,
    session: Session,
    person_id: int | None,
    name: str,
    *,
    before: IdentityDocument,
    identity: IdentityDocument,
) -> int | None:
    """The person's entry under the corrected name and document; the one already there, if the document has one."""
    if person_id is None:
        return None
    person = session.get_one(PersonRecord, person_id)
    if identity != before:
        lookup = services.vault.lookup(identity)
        other = session.scalar(select(PersonRecord).where(PersonRecord.id_lookup == lookup))
        if other is not None and other.id != person.id:
            return other.id
        personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        if identity.type is IdType.RESIDENT_ID:
            birth_date = date(int(identity.number[6:10]), int(identity.number[10:12]), int(identity.number[12:14]))
            personal["birth_date"] = birth_date.isoformat()
        sealed = services.vault.seal({**personal, "id_number": identity.number}, lookup)
        person.id_type, person.id_lookup = identity.type.value, lookup
        person.sealed, person.sealed_kid = sealed.content, sealed.kid
    person.name = name
    return person.id
