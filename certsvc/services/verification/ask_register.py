"""What the register says of something genuine: steps V7 to V10 of docs/verification.md.

V7 entry      the register holds just this credential      (a stolen key: signed, but never issued)
V8 file       the file is the one that was issued          (a second file sealed for one certificate)
V9 log        the leaf is about it and stands in the log   (a certificate slipped in, or dated back)
V10 status    valid, suspended, revoked, superseded        (a genuine certificate that no longer holds)

A register that cannot be read, or contradicts what was signed, says nothing about the certificate (R10).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.checked import digest8
from certsvc.credential.reasons import reason_of
from certsvc.credential.status import Status
from certsvc.credential.verdict import CheckName
from certsvc.errors import CertsvcError, KeyMissing
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.append import frontier
from certsvc.services.log.last_word import OnRecord
from certsvc.services.log.proven import proven_index
from certsvc.services.records.erased import open_stub
from certsvc.services.records.secrets import open_secrets
from certsvc.services.verification.examine import Examined, Kind, code_is_of
from certsvc.services.verification.genuine import check_row, genuine_claims, repeats
from certsvc.services.verification.public_record import FORGED, erased_record
from certsvc.services.verification.standing import standing
from certsvc.signing.proofs import CredentialCheck
from certsvc.store import ISSUED, CertificateRecord, PdfFileRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.proofs import prove_inclusion, verify_inclusion
from certsvc.transparency.tree import leaf_hash


@dataclass(frozen=True, slots=True)
class Entry:
    """The register's word, or the lists' `as_of` their signing. `status` is None where it is not to be believed.
    `seen`: it was within its life, and so can clear a certificate."""

    status: Status | None
    changed_on: date | None = None
    reason: str | None = None
    successor: str | None = None
    as_of: str | None = None
    seen: bool = True


def prove_index(services: Services, session: Session, subject: bytes | str) -> int | None:
    """The log index that is proven for a credential's bytes, or for the credential under a token; see `log.proven`."""
    query = select(CertificateRecord).where(CertificateRecord.stage == ISSUED)
    if isinstance(subject, str):
        query = query.where(CertificateRecord.token == subject)
    else:
        query = query.where(CertificateRecord.credential_sha256 == hashlib.sha256(subject).hexdigest())
    row = session.scalar(query)
    return None if row is None else proven_index(services, session, row)


def has_file(session: Session, pdf_sha256: str) -> bool:
    """Whether an issued certificate's PDF has this hash."""
    return session.get(PdfFileRecord, pdf_sha256) is not None


def ask_register(services: Services, session: Session, found: Examined) -> Entry | None:
    """Steps V7 to V10; adds its checks to `found`, fills in the claims of a bare code. None: no such entry."""
    row = _row_of(session, found)
    if row is None:
        found.say(CheckName.REGISTER_ENTRY, False, "登记中没有该证书", "the register has no such certificate")
        return None
    ask = _ask_whole if row.erased_on is None else _ask_erased
    return ask(services, session, row, found)


def _ask_whole(services: Services, session: Session, row: CertificateRecord, found: Examined) -> Entry | None:
    # SQLite keeps whatever type a hand-made UPDATE writes.
    stored = check_row(services, row) if isinstance(row.credential, bytes) else None
    if stored is None or stored.claims is None or not repeats(row, stored.claims):
        return _contradicted(found)
    if not _is_this(row, stored, found):
        if found.credential is None and not _is_code_of(stored, found):
            # One certificate's address with the signed part of another: somebody put them together.
            found.say(
                CheckName.PARTS_AGREE,
                False,
                "网址与签名内容不属于同一证书",
                "the address and the signed part are of two certificates",
            )
            return None
        found.say(
            CheckName.REGISTER_ENTRY, False, "登记的是另一份证书", "the register holds another certificate in its place"
        )
        return None
    found.claims, found.credential = stored.claims, row.credential
    found.say(CheckName.REGISTER_ENTRY, True, "登记中有该证书", "the register holds this certificate")
    _check_file(session, row, found)
    if _check_log(services, session, row, found) and not _is_borne_out(services, session, row):
        return _contradicted(found)
    return _status_of(session, row, found)


def _ask_erased(services: Services, session: Session, row: CertificateRecord, found: Examined) -> Entry | None:
    """V7 to V10 for a certificate whose holder's data were erased: what is brought is held against what was kept, the
    digests of its credential, its code and its files; what it says of its holder is the brought credential's word."""
    try:
        stub = open_stub(services.vault, row)
    except KeyMissing:
        return _contradicted(found)
    record = erased_record(services, session, row)
    if record.state == FORGED or record.standing is None:
        return _contradicted(found)
    digest = None if found.credential is None else hashlib.sha256(found.credential).hexdigest()
    code = None if found.compact is None else found.compact.credential_digest8.hex()
    if digest not in {None, stub.credential_sha256} or code not in {None, stub.digest8}:
        found.say(
            CheckName.REGISTER_ENTRY, False, "登记的是另一份证书", "the register holds another certificate in its place"
        )
        return None
    found.say(
        CheckName.REGISTER_ENTRY,
        True,
        f"登记中有该证书；持证人的个人信息已应其要求于 {stub.erased_on} 抹除",
        f"the register holds this certificate; its holder's data were erased at their wish on {stub.erased_on}",
    )
    if found.kind is Kind.PDF:
        _check_file(session, row, found)
    found.say(CheckName.LOG_INCLUSION, True, "已记入公开日志", "in the public log")
    return _status_of(session, row, found)


def _contradicted(found: Examined) -> Entry:
    # V7: who changed the register is not let speak for it.
    found.say(
        CheckName.REGISTER_ENTRY,
        None,
        "登记与所签内容不一致，无法采信",
        "the register contradicts what was signed: not believed",
    )
    return Entry(None)


def _row_of(session: Session, found: Examined) -> CertificateRecord | None:
    issued = select(CertificateRecord).where(CertificateRecord.stage == ISSUED)
    if found.credential is not None:
        digest = hashlib.sha256(found.credential).hexdigest()
        row = session.scalar(issued.where(CertificateRecord.credential_sha256 == digest))
        if row is not None:
            return row
    return None if found.token is None else session.scalar(issued.where(CertificateRecord.token == found.token))


def _is_this(row: CertificateRecord, stored: CredentialCheck, found: Examined) -> bool:
    """V7: the same bytes, and the code that was drawn for them."""
    if found.credential is not None and found.credential != row.credential:
        return False
    return found.compact is None or (_is_code_of(stored, found) and row.cose in {None, found.cose})


def _is_code_of(stored: CredentialCheck, found: Examined) -> bool:
    assert found.compact is not None
    assert stored.claims is not None
    return code_is_of(found.compact, stored.claims, digest8(canonical_bytes(stored.document)))


def _check_file(session: Session, row: CertificateRecord, found: Examined) -> None:
    # V8: a thief of the seal's key could seal a second file; the hashes of those that were issued are on record: the
    # newest, and those from before a time stamp came in.
    if found.kind is not Kind.PDF:
        return
    if row.pdf_sha256 is None and row.erased_on is None:
        found.say(CheckName.FILE_HASH, None, "尚未登记文件散列", "no file hash is on record yet")
        return
    record = session.get(PdfFileRecord, found.sha256)
    same = record is not None and record.certificate_id == row.id
    found.say(
        CheckName.FILE_HASH,
        same,
        "文件与登记的散列一致" if same else "文件与登记的散列不符",
        "the file is the one on record" if same else "the file is not the one on record",
    )


def _check_log(services: Services, session: Session, row: CertificateRecord, found: Examined) -> bool:
    # V9: recomputed from the leaf's content up to the head, with the salt that only issuer and holder have.
    try:
        assert row.leaf_index is not None
        assert row.credential is not None
        content = log_read.leaf_content(session, row.leaf_index)
        leaf = leaves.decode(content)
        commitment = leaves.commit_credential(open_secrets(services.vault, row).leaf_salt, row.credential)
        edge = frontier(session)
        proof = prove_inclusion(row.leaf_index, edge.size, log_read.hash_reader(session))
        verify_inclusion(leaf_hash(content), row.leaf_index, edge.size, proof, edge.root())
        holds = leaf.credential == commitment
        where_zh, where_en = f"第 {row.leaf_index} 叶，共 {edge.size} 叶", f"leaf {row.leaf_index} of {edge.size}"
    except (CertsvcError, AssertionError):
        holds, where_zh, where_en = False, "日志中没有该证书的叶", "the log has no leaf of this certificate"
    found.say(
        CheckName.LOG_INCLUSION,
        holds,
        f"已记入公开日志：{where_zh}" if holds else f"公开日志不能证明该证书：{where_zh}",
        f"in the public log: {where_en}" if holds else f"the public log does not bear it out: {where_en}",
    )
    return holds


def _is_borne_out(services: Services, session: Session, row: CertificateRecord) -> bool:
    """V10: whether the row's status is the log's last word about the certificate."""
    genuine = genuine_claims(services, row)
    return genuine is not None and standing(services, row, genuine.claims, OnRecord(session, [row])) is not None


def _status_of(session: Session, row: CertificateRecord, found: Examined) -> Entry:
    # V10: from the register, now; never from a cache.
    status = Status(row.status)
    successor = session.get(CertificateRecord, row.superseded_by_id) if row.superseded_by_id is not None else None
    named = None if successor is None else f"{successor.number} v{successor.version}"
    since_zh = f"自 {row.status_changed_on} 起：" if row.status_changed_on else ""
    since_en = f" since {row.status_changed_on}" if row.status_changed_on else ""
    why = reason_of(row.status_reason) if status in {Status.SUSPENDED, Status.REVOKED} else None
    why_zh, why_en = ("", "") if why is None else (f"({why.zh})", f" ({why.en})")
    by_zh, by_en = (f"，替代者 {named}", f", replaced by {named}") if named else ("", "")
    found.say(
        CheckName.STATUS,
        status is Status.VALID,
        f"{since_zh}{STATUS_ZH[status]}{why_zh}{by_zh}",
        f"{status.value}{since_en}{why_en}{by_en}",
    )
    return Entry(status, row.status_changed_on, None if why is None else why.value, named)


STATUS_ZH = {
    Status.VALID: "有效",
    Status.SUSPENDED: "暂停使用",
    Status.REVOKED: "已撤销",
    Status.SUPERSEDED: "已被新版本替代",
    Status.EXPIRED: "已过有效期",
}
