"""What is kept of a certificate whose holder's data were erased, and who is not to come back (R10).

Number, status, log and counts stay whole; name, credential and identity number are gone. What anyone is still told of
the certificate is sealed at the erasure together with the log's name for it, bound to its token: who writes rows alone
makes no erased certificate of another one, nor of nothing. Not here: erasing (`services.persons`), what a look-up
answers (`verification.public_record`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import KeyMissing, Refused, RegistrationRefused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.context import SHANGHAI
from certsvc.services.records.approvals import ApprovalState, opened
from certsvc.services.records.secrets import open_secrets
from certsvc.services.vault import Sealed, Vault
from certsvc.store import ApprovalRecord, CertificateRecord, EarlierDocumentRecord, ErasureRecord, PersonRecord
from certsvc.transparency import leaf as leaves

ERASURE: Final = "person.erase"
"""The kind of request that erases a person's data (R10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """What stays of an erased certificate: of its face all but whose it was. Days are ISO text, `sample` and `level`
    text. `commitment` is the log's name for it, `credential_sha256` and `digest8` (hex) tell its file and its code."""

    erased_on: str
    number: str
    version: str
    occupation_code: str
    occupation_zh: str
    occupation_en: str
    level: str
    level_zh: str
    level_en: str
    issuer_zh: str
    issuer_en: str
    issued_on: str
    reissued_on: str | None
    valid_until: str | None
    sample: str
    status_list: str | None
    status_index: str
    list_name: str
    commitment: str
    credential_sha256: str
    digest8: str

    def repeated_by(self, row: CertificateRecord) -> bool:
        """Whether the row's columns are still those that were sealed."""
        return (
            (row.number, str(row.version)) == (self.number, self.version)
            and (row.occupation_code, str(row.level)) == (self.occupation_code, self.level)
            and row.issued_on.isoformat() == self.issued_on
            and _text(row.reissued_on) == self.reissued_on
            and _text(row.valid_until) == self.valid_until
            and _text(row.erased_on) == self.erased_on
            and row.credential_sha256 == self.credential_sha256
            and not (row.credential or row.document or row.cose or row.holder_name or row.holder_name_folded)
        )


def seal_stub(vault: Vault, token: str, stub: Stub) -> Sealed:
    """Seal for the row with this token, in place of its secrets."""
    return vault.seal(asdict(stub), token.encode())


def open_stub(vault: Vault, row: CertificateRecord) -> Stub:
    """What stays of an erased row; raises `KeyMissing` where it does not open or is not of this form."""
    opened = vault.open(row.sealed, row.sealed_kid, row.token.encode())
    if opened.keys() != {field.name for field in fields(Stub)}:
        raise KeyMissing("不是已抹除证书的记录", "not the record of an erased certificate", where="vault")
    return Stub(**opened)  # type: ignore[arg-type]  # which of them may be None is fixed where it is sealed


def log_name(vault: Vault, row: CertificateRecord) -> str:
    """What the log calls an issued certificate, erased or not. Raises `KeyMissing`."""
    if row.erased_on is not None:
        return open_stub(vault, row).commitment
    assert row.credential is not None
    return leaves.commit_credential(open_secrets(vault, row).leaf_salt, row.credential)


def erased_by_two(vault: Vault, session: Session) -> set[str]:
    """The numbers of the certificates that were erased by one person's request and another's approval, as sealed."""
    numbers: set[str] = set()
    query = select(ApprovalRecord).where(ApprovalRecord.kind == ERASURE, ApprovalRecord.state == ApprovalState.APPROVED)
    for row in session.scalars(query):
        try:
            asked = opened(vault, row)
        except Refused:
            continue
        if is_second_person(asked.decided_by, asked.asked_by):
            numbers |= set((asked.content.get("erased_numbers") or "").split())
    return numbers


def last_erasure(session: Session, lookups: Collection[bytes]) -> dict[bytes, ErasureRecord]:
    """Of the people under these look-ups, those of whom data were erased: the erasure that reaches furthest."""
    query = select(ErasureRecord).where(ErasureRecord.id_lookup.in_(lookups))
    return {one.id_lookup: one for one in session.scalars(query.order_by(ErasureRecord.through, ErasureRecord.id))}


def erased_refusal(erasure: ErasureRecord) -> RegistrationRefused:
    """What to say to a file that would bring data back."""
    day = erasure.at.astimezone(SHANGHAI).date()
    return RegistrationRefused(
        f"此人的个人信息已于 {day} 抹除，不能由旧名册带回；抹除之后重新报名的，须另有报名日期",
        f"the data of this person were erased on {day}: an old roster does not bring them back; who registered again "
        "since has a later registration date",
        rule="R10",
    )


def now_under(session: Session, lookups: Collection[bytes]) -> dict[bytes, PersonRecord]:
    """Who was on record under these look-ups before a correction, as they are on record now."""
    query = (
        select(EarlierDocumentRecord.id_lookup, PersonRecord)
        .join(PersonRecord, PersonRecord.id == EarlierDocumentRecord.person_id)
        .where(EarlierDocumentRecord.id_lookup.in_(lookups))
        .order_by(EarlierDocumentRecord.id)
    )
    return dict(session.execute(query).all())


def note_earlier(session: Session, lookup: bytes, person_id: int, on: date) -> None:
    """Keep that the person was on record under this document until the day."""
    known = select(EarlierDocumentRecord.id).where(
        EarlierDocumentRecord.id_lookup == lookup, EarlierDocumentRecord.person_id == person_id
    )
    if session.scalar(known) is None:
        session.add(EarlierDocumentRecord(id_lookup=lookup, person_id=person_id, replaced_on=on))
        session.flush()


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
