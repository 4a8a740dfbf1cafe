"""The proof that a certificate is in the public log, to be kept with it (`transparency.receipt`).

It needs no network and no register to check. The opening in it says which credential the leaf is about, so it goes to
the holder and to nobody else.
"""

from __future__ import annotations

from certsvc.errors import LogMismatch
from certsvc.services.certificates.change_status import newest_version
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.publish import Published, publish_log
from certsvc.services.publishing.static import published_folder
from certsvc.services.records.secrets import open_secrets
from certsvc.store import CertificateRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.proofs import ReadHash, prove_inclusion
from certsvc.transparency.receipt import Opening, Receipt


def prove(services: Services, number: str) -> Receipt:
    """The receipt of the newest version under a number, under a checkpoint signed now. Raises `NotFound`."""
    published = publish_log(services, published_folder(services) / "log")
    with services.database.reading() as session:
        row = newest_version(session, number)
        assert row.leaf_index is not None
        content = log_read.leaf_content(session, row.leaf_index)
        return receipt_of(services, row, content, published=published, read_hash=log_read.hash_reader(session))


def receipt_of(
    services: Services, row: CertificateRecord, content: bytes, *, published: Published, read_hash: ReadHash
) -> Receipt:
    """The receipt of one issued row whose leaf's content is given; raises `LogMismatch` where they do not belong."""
    opening = Opening(leaves.decode(content), open_secrets(services.vault, row).leaf_salt)
    if row.credential is None or row.leaf_index is None or not opening.opens(row.credential):
        raise LogMismatch("日志叶不属于该证书", "the leaf is not about this certificate", where=row.number)
    size = published.checkpoint.size
    return Receipt(opening, row.leaf_index, prove_inclusion(row.leaf_index, size, read_hash), published.signed)
