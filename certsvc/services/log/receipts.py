"""The receipt each certificate carries in its PDF: what lets it outlive the theft of the key that signed it.

Attached when the PDF is drawn (step 7), so a signed head that covers the leaf must be out first: the drawing publishes
the log where no one has yet. Every receipt is checked against that head before it is attached. Not here: proving it to
those who ask later (`log.proven`), believing a receipt (`examine`, V3).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from certsvc.errors import Unavailable
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.proven import receipt_of, signed_head
from certsvc.services.log.publish import Published, publish_log
from certsvc.store import CertificateRecord
from certsvc.transparency.leaf import encode
from certsvc.transparency.proofs import ReadHash, verify_inclusion
from certsvc.transparency.tree import leaf_hash


class Receipts:
    """Makes receipts under one signed head after another. Hashes of complete subtrees never change, so they are kept:
    a batch of neighbours reads about two for each certificate in place of one for each level."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._head: Published | None = None
        self._hashes: dict[tuple[int, int], bytes] = {}

    def of(self, session: Session, row: CertificateRecord) -> bytes:
        """The receipt of an issued row. Raises `LogMismatch`, `ProofRefused`, `ClockWentBack`, `KeyMissing`."""
        assert row.leaf_index is not None
        head = self._covering(row.leaf_index)
        content = log_read.leaf_content(session, row.leaf_index)
        receipt = receipt_of(self._services, row, content, published=head, read_hash=self._kept(session))
        leaf = leaf_hash(encode(receipt.opening.leaf))
        verify_inclusion(leaf, receipt.index, head.checkpoint.size, receipt.hashes, head.checkpoint.root)
        return receipt.encode()

    def _covering(self, index: int) -> Published:
        """A published head with the leaf of this index in it, signed by a key that is not distrusted."""
        if self._head is None or self._head.checkpoint.size <= index:
            try:
                self._head = signed_head(self._services)
            except Unavailable:
                self._head = None
        if self._head is None or self._head.checkpoint.size <= index:
            self._head = publish_log(self._services, self._services.folders.published / "log")
        return self._head

    def _kept(self, session: Session) -> ReadHash:
        stored = log_read.hash_reader(session)

        def read_hash(level: int, index: int) -> bytes:
            place = level, index
            if place not in self._hashes:
                self._hashes[place] = stored(level, index)
            return self._hashes[place]

        return read_hash
