"""The receipt each certificate carries in its PDF: what lets it outlive the theft of the key that signed it.

Attached when the PDF is drawn (step 7), so a signed head that covers the leaf must be out first: the drawing publishes
the log where no one has yet. Every receipt is checked against that head before it is attached. Not here: proving it to
those who ask later (`log.proven`), believing a receipt (`examine`, V3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from certsvc.errors import LogMismatch, Unavailable
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.proven import receipt_of, signed_head
from certsvc.services.log.publish import Published, publish_log
from certsvc.store import CertificateRecord
from certsvc.transparency.leaf import encode
from certsvc.transparency.proofs import ReadHash, prove_inclusion, verify_inclusion
from certsvc.transparency.tree import HASH_BYTES, leaf_hash


class Receipts:
    """Makes receipts under one signed head after another. Hashes of complete subtrees never change, so they are kept,
    and those that a batch is short of are read together."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._head: Published | None = None
        self._hashes: dict[tuple[int, int], bytes] = {}

    def of(self, session: Session, row: CertificateRecord) -> bytes:
        """The receipt of an issued row. Raises `LogMismatch`, `ProofRefused`, `ClockWentBack`, `KeyMissing`."""
        return self.of_all(session, [row])[0]

    def of_all(self, session: Session, rows: Sequence[CertificateRecord]) -> list[bytes]:
        """The receipts of some hundred issued rows at most, in order, by three queries. Raises as `of`."""
        indexes = [row.leaf_index for row in rows if row.leaf_index is not None]
        assert len(indexes) == len(rows)
        if not rows:
            return []
        head = self._covering(max(indexes))
        contents = log_read.leaf_contents(session, indexes)
        self._read_ahead(session, indexes, head.checkpoint.size)
        read_hash = self._kept(session)
        return [
            self._receipt(row, contents.get(index), head, read_hash) for row, index in zip(rows, indexes, strict=True)
        ]

    def _receipt(self, row: CertificateRecord, content: bytes | None, head: Published, read_hash: ReadHash) -> bytes:
        if content is None:
            raise LogMismatch(f"日志缺少第 {row.leaf_index} 叶", f"the log lacks leaf {row.leaf_index}")
        receipt = receipt_of(self._services, row, content, published=head, read_hash=read_hash)
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

    def _read_ahead(self, session: Session, indexes: Iterable[int], size: int) -> None:
        """Read what the proofs of these leaves will ask for and is not kept yet."""
        wanted: set[tuple[int, int]] = set()

        def note(level: int, index: int) -> bytes:
            wanted.add((level, index))
            return bytes(HASH_BYTES)

        for index in indexes:
            prove_inclusion(index, size, note)
        self._hashes |= log_read.hashes_at(session, wanted - self._hashes.keys())

    def _kept(self, session: Session) -> ReadHash:
        stored = log_read.hash_reader(session)

        def read_hash(level: int, index: int) -> bytes:
            place = level, index
            if place not in self._hashes:
                self._hashes[place] = stored(level, index)
            return self._hashes[place]

        return read_hash
