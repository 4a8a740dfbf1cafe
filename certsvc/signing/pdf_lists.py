"""What a revocation list (CRL) proves of a certificate at a moment, and which of several is to be gone by.

A list counts when the certificate's own issuer signed it, it covers that certificate for every reason, and it was in
force at the moment asked. Where something was signed shortly before, it must have been made after that: an older list,
though in force, could not know of a theft in between.
Not here: which certificates are asked about (`pdf_archive`), where lists come from (`services.certificates.archive`).
OCSP answers are not read. Source: RFC 5280, 5 and 6.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import CRLEntryExtensionOID

from certsvc.errors import ListMissing

LARGEST_LIST = 2 * 1024 * 1024
_CLOCK_SKEW = timedelta(minutes=10)

Lister = Callable[[x509.Certificate], Iterable[bytes]]
"""The lists (DER) that may speak of a certificate, no matter who made them; raises `Unavailable`."""
_BY_ANOTHER = "the list is not by the certificate's issuer"


@dataclass(frozen=True, slots=True)
class Question:
    """Was `entry`, which `issuer` issued, good up to `until`, as known `at` a moment, by a list made `since` then?"""

    entry: x509.Certificate
    issuer: x509.Certificate
    at: datetime
    until: datetime
    since: datetime | None = None

    @property
    def about(self) -> str:
        return self.entry.subject.rfc4514_string()


def fault_of_list(found: x509.CertificateRevocationList, question: Question) -> str | None:
    """Why a list does not answer with yes; None when it does."""
    if found.issuer != question.issuer.subject or not _signed(found, question.issuer):
        return _BY_ANOTHER
    if not _speaks_of(found, question.entry):
        return "the list does not speak of this certificate, or not for every reason"
    return _fault_in_time(found, question)


def _fault_in_time(found: x509.CertificateRevocationList, question: Question) -> str | None:
    made, next_due = found.last_update_utc, found.next_update_utc
    if next_due is None or not made - _CLOCK_SKEW <= question.at <= next_due:
        return "the list was not in force when the file was archived"
    if question.at > question.entry.not_valid_after_utc:
        return "the certificate had expired before the file was archived"  # lists may leave it out then
    revoked = found.get_revoked_certificate_by_serial_number(question.entry.serial_number)
    if revoked is not None and _since(revoked) <= question.until:
        return "the certificate was revoked before what it signed was proven to exist"
    if question.since is not None and made < question.since:
        return f"the list was made before what it is to vouch for; the next one is due by {next_due:%Y-%m-%d %H:%M} UTC"
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


def choose_lists(questions: Iterable[Question], lists: Lister) -> list[bytes]:
    """For each question the newest list that answers it, each list once; raises `ListMissing` saying which has none."""
    chosen: list[bytes] = []
    for question in questions:
        if not any(fault_of_list(load_list(der), question) is None for der in chosen):
            chosen.append(_newest(question, lists))
    return chosen


def _newest(question: Question, lists: Lister) -> bytes:
    best: tuple[datetime, bytes] | None = None
    fault = "there is none"
    for der in lists(question.entry):
        try:
            found = load_list(der)
            reason = fault_of_list(found, question)
        except ValueError as error:
            reason = str(error)
        if reason is not None:
            fault = reason if reason != _BY_ANOTHER else fault
        elif best is None or found.last_update_utc > best[0]:
            best = found.last_update_utc, der
    if best is None:
        raise ListMissing(
            f"没有可依据的吊销列表：{question.about}", f"no revocation list to go by ({fault})", where=question.about
        )
    return best[1]


def check_lists(held: Sequence[bytes], questions: Iterable[Question]) -> None:
    """Demand that these lists answer every question, the first that does each, and that none stands there besides.

    Raises ValueError.
    """
    loaded = [load_list(der) for der in held]
    used: list[int] = []
    for question in questions:
        faults = [fault_of_list(found, question) for found in loaded]
        if None not in faults:
            told = next((fault for fault in faults if fault != _BY_ANOTHER), "no list by its issuer is there")
            raise ValueError(f"{question.about}: {told}")
        if faults.index(None) not in used:
            used.append(faults.index(None))
    if used != list(range(len(held))):
        raise ValueError("the update holds other revocation lists than it must")


def load_list(der: bytes) -> x509.CertificateRevocationList:
    """Raises ValueError where it is none, or too large."""
    if len(der) > LARGEST_LIST:
        raise ValueError("a revocation list is too large")
    return x509.load_der_x509_crl(der)
