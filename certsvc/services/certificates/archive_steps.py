"""The three ways in which a PDF's bytes come further: a time stamp (B-T), an archive update (B-LTA), its renewal; and
where the revocation lists for them come from.

Not here: which files go which way, and putting them in place (`archive`); what an update must hold
(`signing.pdf_archive`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import ListMissing, SealRefused, Unavailable
from certsvc.services.context import Services
from certsvc.signing.pdf import Level, add_stamp
from certsvc.signing.pdf_archive import Archived, Means, Pinned, add_archive, read_archive, renew_archive
from certsvc.signing.stamp_authority import StampAuthority


@dataclass(frozen=True, slots=True)
class Further:
    """A file that came further, or, where it was not due, is as it was; its level, and until when its newest document
    time stamp proves it."""

    content: bytes
    level: Level
    proven_until: datetime | None = None


@dataclass(slots=True)
class Ways:
    """Lists that were fetched are kept for the run, and so is a failure to; so is the chain last stamped under."""

    services: Services
    stamps: StampAuthority
    _fetched: dict[bytes, list[bytes] | ListMissing] = field(default_factory=dict)
    _chain: tuple[x509.Certificate, ...] = ()

    def stamp(self, content: bytes) -> Further:
        """B-B to B-T; raises `Unavailable` and `SealRefused`, as the others do."""
        return Further(add_stamp(content, self.stamps.stamp), Level.STAMPED)

    def archive(self, content: bytes) -> Further:
        """B-T to B-LTA; raises `ListMissing` too."""
        return self._further(add_archive(content, self._means(), foreseen=self._chain))

    def renew(self, content: bytes, *, due_by: datetime | None) -> Further:
        """B-LTA with one more update, where the last one's chain ends by that time; None: in any case.

        Raises `Unavailable` where that would gain nothing.
        """
        means = self._means()
        try:
            before = read_archive(content, means.pinned)
        except ValueError as error:
            raise SealRefused(f"归档文件不成立：{error}", f"the archived file does not hold: {error}") from error
        if due_by is not None and before.proven_until > due_by:
            return self._further(before)
        after = renew_archive(content, means, foreseen=self._chain)
        if due_by is not None and after.proven_until <= before.proven_until:
            ends = f"{before.proven_until:%Y-%m-%d}"
            raise Unavailable(
                f"时间戳服务仍使用 {ends} 到期的证书，此时续期无益",
                f"the authority still stamps under a chain that ends on {ends}: renewing gains nothing yet",
                where="CERTSVC_TSA_URL",
            )
        return self._further(after)

    def _further(self, archived: Archived) -> Further:
        self._chain = archived.stamps[-1].chain
        return Further(archived.content, Level.ARCHIVED, archived.proven_until)

    def _means(self) -> Means:
        pinned = Pinned(self.services.trust.certificates(), self.services.stamp_roots)
        return Means(pinned, self._lists, self.stamps.stamp, self.services.now())

    def _lists(self, certificate: x509.Certificate) -> Iterable[bytes]:
        """Those imported (`key crl`) where one is by its issuer; else those that the certificate names."""
        kept = [content for _, content in self.services.keystore.revocation_lists()]
        ours = [content for content in kept if x509.load_der_x509_crl(content).issuer == certificate.issuer]
        return ours or self._fetch(certificate)

    def _fetch(self, certificate: x509.Certificate) -> list[bytes]:
        key = certificate.public_bytes(Encoding.DER)
        if key not in self._fetched:
            try:
                self._fetched[key] = self.stamps.revocation_lists(certificate)
            except ListMissing as error:
                self._fetched[key] = error
        found = self._fetched[key]
        if isinstance(found, ListMissing):
            raise found
        return found
