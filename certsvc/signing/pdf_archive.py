"""Raising a stamped PDF (B-T) to PAdES B-LTA, and proving such a file: what B-LT asks for is really in it, and holds.

The steps, in order, each with the attack it stops:

1. form: the update is the one that follows from its own parts (`pdf_update`; overlays, anything else appended)
2. stamp: the document time stamp is of the whole file, under a pinned root, no older than the seal's (a changed list)
3. certificates: just the chains of seal and stamp up to the pinned roots, in one order (anything brought along)
4. lists: for every certificate of both chains but the roots, a list by its issuer, in force when the file was stamped;
   nothing besides (a lower level passed off as higher; an old list shown in place of a new one)
5. revoked: no certificate was revoked before the seal's stamp proved the seal to exist (a stolen seal)

Not here: the bytes (`pdf_update`), where lists come from (`services.archive`). Source: ETSI EN 319 142-1, 6.3;
RFC 5280, 5 and 6.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import CRLEntryExtensionOID

from certsvc.errors import ListMissing, SealRefused
from certsvc.signing.pdf import Stamper, seal_of
from certsvc.signing.pdf_cms import SealParts
from certsvc.signing.pdf_trust import path_of
from certsvc.signing.pdf_update import Update, draft_update, first_revision, read_update
from certsvc.signing.stamp import Stamp, read_stamp

LARGEST_LIST = 2 * 1024 * 1024
CLOCK_SKEW = timedelta(minutes=10)

Roots = Sequence[x509.Certificate]
Lister = Callable[[x509.Certificate], Iterable[bytes]]
"""The lists (DER) that may speak of a certificate, whoever they are by; raises `Unavailable`."""
_BY_ANOTHER = "the list is not by the certificate's issuer"
_Pair = tuple[x509.Certificate, x509.Certificate]


def add_archive(
    pdf: bytes, *, roots: Roots, stamp_roots: Roots, lists: Lister, stamper: Stamper, now: datetime
) -> bytes:
    """A stamped file (B-T) with its update (B-LTA); the first revision stands as it is.

    Raises `ListMissing` without a list in force for each certificate, `SealRefused` where the file, a certificate or a
    list does not allow it; what `lists` and `stamper` raise goes through.
    """
    parts = seal_of(pdf)[1]
    if not parts.token or first_revision(pdf) is not pdf:
        raise SealRefused("只有 B-T 级文件可升级归档", "only a file at B-T can be raised to B-LTA")
    try:
        stamp = read_stamp(parts.token, parts.signature, stamp_roots)
        chains = path_of(parts.chain, roots), path_of(stamp.chain, stamp_roots)
        chosen: list[bytes] = []
        for pair in _pairs(chains):
            der = _choose(pair, lists, stamp.at, now)
            if der not in chosen:
                chosen.append(der)
        draft = draft_update(pdf, _certificates(chains), chosen)
    except ValueError as error:
        raise SealRefused(f"无法归档:{error}", f"it cannot be archived: {error}") from error
    archived = draft.fill(stamper(draft.covered))
    try:
        # Proven before it leaves: what our own verifiers would refuse is not put in place of what they accept.
        check_archive(read_update(archived, pdf), parts, stamp, roots, stamp_roots)
    except ValueError as error:
        raise SealRefused(f"归档结果不成立:{error}", f"the archived file does not hold: {error}") from error
    return archived


def check_archive(update: Update, parts: SealParts, stamp: Stamp, roots: Roots, stamp_roots: Roots) -> datetime:
    """Steps 2 to 5, for a seal and stamp that are proven; the time of the document stamp, or ValueError."""
    at = read_stamp(update.token, update.covered, stamp_roots).at
    _demand(at >= stamp.at, "the document time stamp is older than the seal's")
    roots, stamp_roots = _named(roots, update), _named(stamp_roots, update)
    chains = path_of(parts.chain, roots), path_of(stamp.chain, stamp_roots)
    _demand(list(update.certificates) == _certificates(chains), "the update holds other certificates than it must")
    loaded = [(der, _load(der)) for der in update.lists]
    by_name = {pair[1].subject for pair in _pairs(chains)}
    _demand(all(found.issuer in by_name for _, found in loaded), "the update holds a list of a stranger")
    used: list[bytes] = []
    for pair in _pairs(chains):
        faults = {
            der: fault_of_list(found, pair, stamp.at, at) for der, found in loaded if found.issuer == pair[1].subject
        }
        matching = [der for der, fault in faults.items() if fault is None]
        reason = next(iter(faults.values()), "no list by its issuer is there")
        _demand(len(matching) == 1, f"{pair[0].subject.rfc4514_string()}: {reason or 'two lists of one issuer'}")
        used += [der for der in matching if der not in used]
    _demand(used == list(update.lists), "the update holds other revocation lists than it must")
    return at


def _named(roots: Roots, update: Update) -> list[x509.Certificate]:
    """The pinned roots that the update holds: a root that is pinned later, of the same key, changes nothing."""
    return [root for root in roots if root.public_bytes(Encoding.DER) in update.certificates]


def fault_of_list(found: x509.CertificateRevocationList, pair: _Pair, proven_at: datetime, at: datetime) -> str | None:
    """Why a list does not show, at `at`, that the first of the pair was good at `proven_at`; None when it does.

    The second of the pair issued the first, and must have signed the list itself.
    """
    entry, issuer = pair
    if found.issuer != issuer.subject or not _signed(found, issuer):
        return _BY_ANOTHER
    if not _speaks_of(found, entry):
        return "the list does not speak of this certificate, or not for every reason"
    return _fault_in_time(found, entry, proven_at, at)


def _fault_in_time(
    found: x509.CertificateRevocationList, entry: x509.Certificate, proven_at: datetime, at: datetime
) -> str | None:
    if found.next_update_utc is None or not found.last_update_utc - CLOCK_SKEW <= at <= found.next_update_utc:
        return "the list was not in force when the file was archived"
    if at > entry.not_valid_after_utc:
        return "the certificate had expired before the file was archived"  # lists may leave it out then
    revoked = found.get_revoked_certificate_by_serial_number(entry.serial_number)
    if revoked is not None and _since(revoked) <= proven_at:
        return "the certificate was revoked before the seal was proven to exist"
    return None


def _speaks_of(found: x509.CertificateRevocationList, entry: x509.Certificate) -> bool:
    """Whether a list covers that certificate for every reason (RFC 5280, 5.2.5 and 6.3.3 b 2)."""
    # A list of changes only (delta) says so in a critical extension.
    critical = [extension.value for extension in found.extensions if extension.critical]
    if not critical:
        return True
    scope = critical[0]
    if len(critical) > 1 or not isinstance(scope, x509.IssuingDistributionPoint) or scope.relative_name:
        return False
    if scope.only_some_reasons or scope.indirect_crl or scope.only_contains_attribute_certs:
        return False
    if scope.only_contains_user_certs if _is_authority(entry) else scope.only_contains_ca_certs:
        return False
    return scope.full_name is None or any(name in scope.full_name for name in _list_names(entry))


def _is_authority(entry: x509.Certificate) -> bool:
    try:
        return entry.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _list_names(entry: x509.Certificate) -> list[x509.GeneralName]:
    """Where a certificate says that its list for every reason is."""
    try:
        points = entry.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return [name for point in points if not point.reasons for name in point.full_name or ()]


def _since(revoked: x509.RevokedCertificate) -> datetime:
    """From when a revoked certificate is not to be trusted: the day of the theft, where the list tells it."""
    try:
        stolen = revoked.extensions.get_extension_for_oid(CRLEntryExtensionOID.INVALIDITY_DATE).value
    except x509.ExtensionNotFound:
        return revoked.revocation_date_utc
    assert isinstance(stolen, x509.InvalidityDate)
    return min(stolen.invalidity_date_utc, revoked.revocation_date_utc)


def _signed(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether that certificate may sign lists, and signed this one."""
    key = issuer.public_key()
    try:
        allowed = issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        allowed = True
    if not allowed or not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return False
    try:
        return found.is_signature_valid(key)
    except (TypeError, UnsupportedAlgorithm):
        return False


def _choose(pair: _Pair, lists: Lister, proven_at: datetime, now: datetime) -> bytes:
    """The newest list that does; raises `ListMissing` saying which certificate has none."""
    best: tuple[datetime, bytes] | None = None
    fault = "there is none"
    for der in lists(pair[0]):
        try:
            found = _load(der)
            reason = fault_of_list(found, pair, proven_at, now)
        except ValueError as error:
            reason = str(error)
        if reason is not None:
            fault = reason if reason != _BY_ANOTHER else fault
        elif best is None or found.last_update_utc > best[0]:
            best = found.last_update_utc, der
    if best is None:
        name = pair[0].subject.rfc4514_string()
        raise ListMissing(f"没有可依据的吊销列表:{name}", f"no revocation list to go by ({fault})", where=name)
    return best[1]


def _load(der: bytes) -> x509.CertificateRevocationList:
    _demand(len(der) <= LARGEST_LIST, "a revocation list is too large")
    return x509.load_der_x509_crl(der)


def _certificates(chains: Iterable[Sequence[x509.Certificate]]) -> list[bytes]:
    """All of them in order, each once."""
    return list(dict.fromkeys(entry.public_bytes(Encoding.DER) for chain in chains for entry in chain))


def _pairs(chains: Iterable[Sequence[x509.Certificate]]) -> list[_Pair]:
    """Each certificate below a root, and its issuer."""
    return [pair for chain in chains for pair in pairwise(chain)]


def _demand(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)
