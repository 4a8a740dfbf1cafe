"""Where the log leaves a certificate, and whether its row says the same: rows can be rewritten, the log cannot unseen.

A certificate stands in the log by the leaf that made it, and by the leaf of the last thing that happened to it. Here

W1 its own leaf is stored as it was hashed, and repeats event, date and evidence that the signed credential states;
W2 the leaf of the last change on record is of the event that leads to the row's status, and names the certificate by
   the same commitment as its own leaf does;
W3 where anything happened, both leaves lead to the head: the signed one where it covers them, else the stored one;
W4 a row with no change on record is valid, and one that is replaced names the certificate that replaced it.

Who writes the database can still hide a change altogether, together with its leaf, as long as no signed head has
it; then the published lists contradict (`verification.standing`), and `publish` refuses (`publishing.logged_status`).
Not here: the credential's signature (`verification.genuine`), and the log as a whole (`audit.check_register`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.public_claims import PublicClaims
from certsvc.credential.status import Status
from certsvc.errors import CertsvcError, LogMismatch, Unavailable
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.append import frontier
from certsvc.services.log.proven import signed_head
from certsvc.store import CertificateRecord, LogLeafRecord, StatusChangeRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Event, Leaf
from certsvc.transparency.proofs import prove_inclusion, verify_inclusion
from certsvc.transparency.tree import leaf_hash

CHANGES: Final[Mapping[Status, Event]] = MappingProxyType(
    {
        Status.SUSPENDED: Event.SUSPEND,
        Status.VALID: Event.REINSTATE,
        Status.REVOKED: Event.REVOKE,
        Status.SUPERSEDED: Event.CORRECT,
    }
)
"""The event whose leaf leads to each status."""

_CHUNK: Final = 500


class StoredLeaf(NamedTuple):
    content: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class LastWord:
    """`since` is the day of the last change, None where nothing happened since the certificate was made."""

    status: Status
    since: date | None


class OnRecord:
    """The leaves of some certificates and what happened to them since, read for all of them at once."""

    def __init__(self, session: Session, rows: Sequence[CertificateRecord]) -> None:
        self.session = session
        self._changes: defaultdict[int, list[StatusChangeRecord]] = defaultdict(list)
        for some in _chunks([row.id for row in rows]):
            query = select(StatusChangeRecord).where(StatusChangeRecord.certificate_id.in_(some))
            for change in session.scalars(query.order_by(StatusChangeRecord.id)):
                self._changes[change.certificate_id].append(change)
        self._leaves = self._read([row.leaf_index for row in rows])
        self._leaves |= self._read([one.leaf_index for changes in self._changes.values() for one in changes])

    def changes(self, row: CertificateRecord) -> Sequence[StatusChangeRecord]:
        """The changes of one of the certificates, oldest first."""
        return self._changes.get(row.id, ())

    def leaf(self, index: int | None) -> StoredLeaf | None:
        """The leaf as stored; None where it is not there."""
        return None if index is None else self._leaves.get(index)

    def _read(self, indexes: Sequence[int | None]) -> dict[int, StoredLeaf]:
        found: dict[int, StoredLeaf] = {}
        for some in _chunks([index for index in indexes if index is not None]):
            query = select(LogLeafRecord.index, LogLeafRecord.content, LogLeafRecord.hash)
            for index, content, digest in self.session.execute(query.where(LogLeafRecord.index.in_(some))):
                found[index] = StoredLeaf(log_read.octets(content), log_read.octets(digest))
        return found


def last_word(services: Services, row: CertificateRecord, claims: PublicClaims, on_record: OnRecord) -> LastWord:
    """Where the log leaves a genuine certificate; `LogMismatch`, naming it, where its row says otherwise (W1 to W4)."""
    own = on_record.leaf(row.leaf_index)
    if own is None or not is_own_leaf(own, claims):
        raise _mismatch(row, "日志中没有签发它的那一叶", "the log has no leaf that made it")
    return _changed(services, row, own, on_record)


def require_last_word(services: Services, row: CertificateRecord, commitment: str, on_record: OnRecord) -> LastWord:
    """Before a deed that the log is to hear of, and for an erased certificate: raises `LogMismatch`, naming it, where
    its row says otherwise than the log. `commitment` is the log's name for its signed bytes, opened by the caller."""
    own = on_record.leaf(row.leaf_index)
    if own is None or leaf_hash(own.content) != own.hash or leaves.decode(own.content).credential != commitment:
        raise _mismatch(row, "日志中没有签发它的那一叶", "the log has no leaf that made it")
    return _changed(services, row, own, on_record)


def _changed(services: Services, row: CertificateRecord, own: StoredLeaf, on_record: OnRecord) -> LastWord:
    """W2 to W4."""
    changes = on_record.changes(row)
    if not changes:
        if row.status != Status.VALID.value or row.superseded_by_id is not None:
            raise _mismatch(
                row, f"登记为 {row.status}，日志中没有变更", f"marked {row.status}, and no change is logged"
            )
        return LastWord(Status.VALID, None)
    last = max(changes, key=lambda one: -1 if one.leaf_index is None else one.leaf_index)
    leaf = _change_leaf(row, own, last, on_record)
    for index in (row.leaf_index, last.leaf_index):
        _check_in_head(services, row, on_record, index)
    _check_successor(row, last, on_record.session)
    return LastWord(Status(row.status), leaf.day)


def is_own_leaf(own: StoredLeaf, claims: PublicClaims) -> bool:
    """W1, over the leaf's bytes, since it is asked with every look-up: one form alone is a leaf (`leaf.encode`)."""
    content, digest = own
    if leaf_hash(content) != digest:
        return False
    text = content.decode("latin-1")  # what is looked for is ASCII
    event = "correct" if claims.replaces is not None else "issue" if claims.replaces_paper is None else "reissue"
    dated = claims.reissued_on or claims.issued_on
    return f'"event":"{event}","evidence":"{claims.evidence}"' in text and f'"dated":"{dated}"' in text


def _change_leaf(row: CertificateRecord, own: StoredLeaf, last: StatusChangeRecord, on_record: OnRecord) -> Leaf:
    """W2: the leaf of the last change."""
    stored = on_record.leaf(last.leaf_index)
    if stored is None or leaf_hash(stored.content) != stored.hash:
        raise _mismatch(row, f"第 {last.leaf_index} 叶缺失或被改动", f"leaf {last.leaf_index} is gone or changed")
    leaf, made = leaves.decode(stored.content), leaves.decode(own.content)
    named = leaf.replaces if leaf.event is Event.CORRECT else leaf.credential
    if row.status != last.to_status or leaf.event is not _event_of(row.status) or named != made.credential:
        raise _mismatch(
            row,
            f"登记为 {row.status}，日志最后一叶为 {leaf.event.value}",
            f"marked {row.status}, and its last leaf says {leaf.event.value}",
        )
    return leaf


def _event_of(status: str) -> Event | None:
    return next((event for to, event in CHANGES.items() if to.value == status), None)


def _check_in_head(services: Services, row: CertificateRecord, on_record: OnRecord, index: int | None) -> None:
    """W3, by the stored subtrees, which need not be believed: a proof made of wrong ones leads to another root."""
    leaf = on_record.leaf(index)
    assert index is not None
    assert leaf is not None
    try:
        size, root = _head_over(services, on_record.session, index)
        proof = prove_inclusion(index, size, log_read.hash_reader(on_record.session))
        verify_inclusion(leaf.hash, index, size, proof, root)
    except CertsvcError as error:
        raise _mismatch(row, f"第 {index} 叶不在日志头之下", f"leaf {index} is not under the log's head") from error


def _head_over(services: Services, session: Session, index: int) -> tuple[int, bytes]:
    try:
        signed = signed_head(services).checkpoint
    except Unavailable:  # nothing was published yet, or not here
        signed = None
    if signed is not None and index < signed.size:
        return signed.size, signed.root
    stored = frontier(session)
    return stored.size, stored.root()


def _check_successor(row: CertificateRecord, last: StatusChangeRecord, session: Session) -> None:
    """W4."""
    replaced = row.status == Status.SUPERSEDED.value
    if not replaced and row.superseded_by_id is None:
        return
    successor = session.get(CertificateRecord, row.superseded_by_id) if row.superseded_by_id is not None else None
    if not replaced or successor is None or successor.leaf_index != last.leaf_index:
        raise _mismatch(row, "替代它的版本与日志不符", "what replaced it is not what the log says")


def _mismatch(row: CertificateRecord, zh: str, en: str) -> LogMismatch:
    return LogMismatch(zh, en, where=f"{row.number}-v{row.version}")


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
