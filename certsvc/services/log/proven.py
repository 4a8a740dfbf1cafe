"""Where in the log a stored certificate provably stands, under a head that the log's own key signed.

What a stolen credential key signs looks genuine; only the log says what was there before the theft. So an index counts
here only where the leaf commits to these very bytes and leads to the signed checkpoint published last: the register's
own word for it (`leaf_index`) is not enough, and neither is a head that stands in the database alone.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from certsvc.errors import CertsvcError, LogMismatch, Unavailable
from certsvc.services.context import Services
from certsvc.services.log import publish as log_publish
from certsvc.services.log import read as log_read
from certsvc.services.log.stated import stated_by
from certsvc.services.records.secrets import open_secrets
from certsvc.store import CertificateRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.checkpoint import open_checkpoint
from certsvc.transparency.leaf import Event
from certsvc.transparency.proofs import ReadHash, prove_inclusion
from certsvc.transparency.receipt import Opening, Receipt, check_receipt

MAKERS: Final = frozenset({Event.ISSUE, Event.REISSUE, Event.CORRECT})


def signed_head(services: Services) -> log_publish.Published:
    """The checkpoint published last, its signature checked; raises `Unavailable` where there is none to believe."""
    try:
        signed = (services.folders.published / "log" / log_publish.CHECKPOINT).read_bytes()
        opened = open_checkpoint(signed, log_publish.origin(services), log_publish.log_keys(services))
    except (OSError, CertsvcError) as error:
        raise Unavailable(
            "没有可信的已公布日志头，暂时无法证明记入日志的先后",
            "no published checkpoint to be believed: what was logged when cannot be proven just now",
            where="published/log/checkpoint",
        ) from error
    return log_publish.Published(opened.checkpoint, signed, 0)


def proven_index(services: Services, session: Session, row: CertificateRecord) -> int | None:
    """The row's place in the log where that is proven, else None; raises `Unavailable` as `signed_head`."""
    head = signed_head(services)
    if row.leaf_index is None or row.credential is None:
        return None
    try:
        content = log_read.leaf_content(session, row.leaf_index)
        receipt = receipt_of(services, row, content, published=head, read_hash=log_read.hash_reader(session))
        check_receipt(
            receipt,
            row.credential,
            log_publish.origin(services),
            log_publish.log_keys(services),
            stated=stated_by(row.credential),
        )
    except CertsvcError:
        return None
    return row.leaf_index if receipt.opening.leaf.event in MAKERS else None


def receipt_of(
    services: Services, row: CertificateRecord, content: bytes, *, published: log_publish.Published, read_hash: ReadHash
) -> Receipt:
    """The receipt of one issued row whose leaf's content is given; raises `LogMismatch` where they do not belong."""
    opening = Opening(leaves.decode(content), open_secrets(services.vault, row).leaf_salt)
    if row.credential is None or row.leaf_index is None or not opening.opens(row.credential):
        raise LogMismatch("日志叶不属于该证书", "the leaf is not about this certificate", where=row.number)
    size = published.checkpoint.size
    return Receipt(opening, row.leaf_index, prove_inclusion(row.leaf_index, size, read_hash), published.signed)
