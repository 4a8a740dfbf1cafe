"""Archived PDFs to test with: a seal under a made-up root, an authority with revocation lists, a time for each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.rendering.press import ROOM_FOR_STAMP, Attachment, open_press
from certsvc.signing.pdf import PdfSeal, add_stamp, seal
from certsvc.signing.pdf_archive import Archived, Means, Pinned, add_archive, renew_archive
from certsvc.signing.pdf_examination import PdfExamination, examine_pdf
from certsvc.signing.pdf_update import Extendable, Update, draft_update, extendable, first_revision, read_updates
from certsvc.signing.stamp_authority import StampAuthority
from tests.rendering.faces import face
from tests.signing.seals import SIGNED_AT, issue
from tests.signing.tsa import FIRST, SECOND, Authority

STAMPED_AT = SIGNED_AT + timedelta(minutes=1)
ARCHIVED_AT = SIGNED_AT + timedelta(days=2)
RENEWED_AT = SIGNED_AT + timedelta(days=500)
FIRST_ENDS = SIGNED_AT + timedelta(days=550)
ROOT_KEY, KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ROOT = issue("Example root", "Example root", ROOT_KEY.public_key(), ROOT_KEY, ca=True, signs=True)
LEAF = issue("Example seal", "Example root", KEY.public_key(), ROOT_KEY, ca=False)
OURS = PdfSeal(lambda message: KEY.sign(message, ec.ECDSA(SHA256())), (LEAF, ROOT))


def revocation_list(
    *,
    start: datetime = SIGNED_AT + timedelta(days=1),
    days: float = 30,
    revoked_at: datetime | None = None,
    stolen_at: datetime | None = None,
    key: ec.EllipticCurvePrivateKey = ROOT_KEY,
    scope: dict[str, bool] | None = None,
) -> bytes:
    """A list of the root above the seal."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.subject)
        .last_update(start)
        .next_update(start + timedelta(days=days))
    )
    if revoked_at is not None:
        entry = x509.RevokedCertificateBuilder().serial_number(LEAF.serial_number).revocation_date(revoked_at)
        if stolen_at is not None:
            entry = entry.add_extension(x509.InvalidityDate(stolen_at), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    if scope is not None:
        limits = dict.fromkeys(("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl"), False) | scope
        builder = builder.add_extension(
            x509.IssuingDistributionPoint(
                full_name=None,
                relative_name=None,
                only_some_reasons=None,
                only_contains_attribute_certs=False,
                **limits,
            ),
            critical=True,
        )
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


LIST = revocation_list()


def sealed(credential: bytes = b"{}") -> bytes:
    """A file at B-B, with room for a stamp."""
    attached = [Attachment("credential.json", "x/y", credential, "Source")]
    pressed = open_press(room=ROOM_FOR_STAMP).press(face(), attached)
    return seal(pressed, OURS, signed_at=SIGNED_AT)


@dataclass
class World:
    """The authority, which can be moved in time, and a file at each step: stamped, archived, renewed (once)."""

    authority: Authority
    stamps: StampAuthority
    stamped: bytes
    archived: bytes = b""
    renewed: bytes = b""

    @property
    def pinned(self) -> Pinned:
        return Pinned([ROOT], self.authority.roots)

    def means(self, ours: Iterable[bytes] = (LIST,), *, stamper: Callable[[bytes], bytes] | None = None) -> Means:
        """`ours` are the lists of the root above the seal."""

        def lists(entry: x509.Certificate) -> Iterable[bytes]:
            return ours if entry.issuer == ROOT.subject else self.stamps.revocation_lists(entry)

        assert self.authority.at is not None
        return Means(self.pinned, lists, stamper or self.stamps.stamp, self.authority.at)

    def archive(self, pdf: bytes | None = None, ours: Iterable[bytes] = (LIST,)) -> bytes:
        return add_archive(self.stamped if pdf is None else pdf, self.means(ours)).content

    def renew(self, pdf: bytes | None = None) -> Archived:
        return renew_archive(self.archived if pdf is None else pdf, self.means())

    def at(self, moment: datetime, *, under: str | None = None) -> None:
        """Moves the authority, and forgets that it failed a moment ago."""
        self.authority.at, self.authority.lists_at, self.authority.fault = moment, None, ""
        self.authority.under = under or self.authority.under
        self.authority.revoked = {}
        self.stamps = self.authority.direct()

    def examine(self, pdf: bytes) -> PdfExamination:
        return examine_pdf(pdf, [ROOT], stamp_roots=self.authority.roots)

    def forge(self, before: bytes, certificates: list[bytes], lists: list[bytes]) -> bytes:
        """An update of the right form over chosen content, under a genuine document time stamp."""
        draft = draft_update(last_of(before), certificates, lists)
        return draft.fill(self.stamps.stamp(draft.covered)).content


def make_world(folder: Path) -> World:
    """Stamped and archived under the authority's first certificate, renewed under the second, shortly before the first
    one's end."""
    return world_of(Authority(folder, at=STAMPED_AT, lists=True, until=FIRST_ENDS), sealed())


def world_of(authority: Authority, pdf: bytes) -> World:
    """The same of a sealed file."""
    made = World(authority, authority.direct(), b"")
    made.at(STAMPED_AT, under=FIRST)
    made.stamped = add_stamp(pdf, made.stamps.stamp)
    made.at(ARCHIVED_AT)
    made.archived = made.archive()
    made.at(RENEWED_AT, under=SECOND)
    made.renewed = made.renew().content
    return made


def updates_of(pdf: bytes) -> list[Update]:
    return list(read_updates(pdf, first_revision(pdf)))


def last_of(pdf: bytes) -> Extendable:
    """A genuine file as the next update would be added to it."""
    updates = updates_of(pdf) if first_revision(pdf) is not pdf else []
    return updates[-1].after if updates else extendable(pdf)
