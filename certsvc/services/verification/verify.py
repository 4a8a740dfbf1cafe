"""One answer for a PDF, a credential, or the text of a QR: a verdict, and every check that was made (R11).

Online asks the register (`verify_register`), offline the published files where a folder is given (`verify_published`),
and always what the thing says by itself (`verify_file`). Then two steps remain:

V11 validity  the day of the check is within the period of validity
V12 verdict   integrity before everything: nothing that fails a signature is called revoked, expired or valid

Decided here: what is signed by our own key but is not in the register, or not in the log, is `unknown`, not `forged`.
The signature does match, so R11's words for forged would be false, and a database restored from an older copy looks
just so. It is never `valid`. A file that never claimed to be a certificate is `unknown` too; one that claims to be
one and fails any signature is `forged`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from certsvc.credential.document import CertificateClaims
from certsvc.credential.status import Status, effective
from certsvc.credential.verdict import Verdict, Verification
from certsvc.errors import Unavailable
from certsvc.person.name import mask_name
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.verification.ask_published import ask_published
from certsvc.services.verification.ask_register import Entry, ask_register, has_file, prove_index
from certsvc.services.verification.examine import Examined, Kind, Means, examine
from certsvc.signing.trust import TrustBundle


def verify_document(
    services: Services | None,
    content: bytes | str,
    *,
    trust: TrustBundle,
    online: bool,
    published: Path | None = None,
    now: datetime | None = None,
    bounded: bool = True,
    receipt: bytes | None = None,
    gm_signature: bytes | None = None,
    demand_log: bool = False,
) -> Verification:
    """Verify what was brought; never raises on hostile input.

    Online needs `services`; `published` is a folder of static files (`publish_static`) for the status offline; `now`
    defaults to the services' clock, or this machine's. `bounded` examines PDFs in a process of their own. `receipt`
    (`certsvc log prove`) comes with a bare credential as one comes inside a PDF: offline, it is what a credential of a
    key distrusted since needs. `gm_signature` is a detached SM2 signature over the credential (docs/gm.md).
    `demand_log`, offline: without a receipt that holds nothing is valid, so that not even the issuer's own keys are
    enough to make a certificate out of the public's sight.
    """
    if now is None:
        now = services.now() if services is not None else datetime.now(UTC)
    today = now.astimezone(SHANGHAI).date()
    if not online:
        found = examine(content, Means(trust, now, bounded, receipt=receipt, gm_signature=gm_signature))
        entry = None if found.failed else ask_published(found, trust, published, now)
        unseen = _unseen(found)
        answer = _answer(found, entry, today, online=False)
        if demand_log and unseen and answer.verdict not in {Verdict.FORGED, Verdict.UNKNOWN}:
            return replace(answer, verdict=Verdict.UNAVAILABLE)
        return answer
    assert services is not None
    prover = _Prover(services)
    found = examine(content, Means(trust, now, bounded, prover, receipt, prover.on_record, gm_signature))
    if found.failed:
        return _answer(found, None, today, online=not prover.hindered)
    try:
        with services.database.reading() as session:
            entry = ask_register(services, session, found)
    except (Unavailable, SQLAlchemyError):
        found.say("register-entry", None, "暂时无法查询登记", "the register cannot be asked just now")
        entry = Entry(None)
    return _answer(found, entry, today, online=True)


def _unseen(found: Examined) -> bool:
    """V3: whether nothing proves that the public log has it; then a check says so."""
    if found.leaf_index is not None:
        return False
    signed = found.claims is not None or found.compact is not None
    if signed and not any(check.name == "log-receipt" for check in found.checks):
        found.say(
            "log-receipt",
            None,
            "未附日志凭据,未查是否记入公开日志",
            "no receipt came with it: not checked whether the public log has it",
        )
    return True


class _Prover:
    """Asks the register for proven log indexes, once any key is distrusted. `hindered`: it could not be asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.hindered = False

    def __call__(self, subject: bytes | str) -> int | None:
        if all(key.distrusted_from is None for key in self._services.trust.keys.values()):
            return None
        try:
            with self._services.database.reading() as session:
                return prove_index(self._services, session, subject)
        except (Unavailable, SQLAlchemyError):
            self.hindered = True
            return None

    def on_record(self, pdf_sha256: str) -> bool:
        try:
            with self._services.database.reading() as session:
                return has_file(session, pdf_sha256)
        except (Unavailable, SQLAlchemyError):
            self.hindered = True
            return False


def _answer(found: Examined, entry: Entry | None, today: date, *, online: bool) -> Verification:
    """V11 and V12."""
    if found.claims is not None:
        _check_validity(found, found.claims, today)
    verdict = _verdict(found, entry, today, online=online)
    return Verification(verdict, tuple(found.checks), _shown(found, entry, verdict))


def _check_validity(found: Examined, claims: CertificateClaims, today: date) -> None:
    if claims.issued_on > today:
        # R11 has no words for it; the log's auditor has (L5). Most often it is this machine's clock that is wrong.
        found.say("validity", None, f"发证日期 {claims.issued_on} 尚未到", f"dated {claims.issued_on}, still to come")
    elif claims.valid_until is None:
        found.say("validity", True, "长期有效", "no end of validity")
    else:
        within = today <= claims.valid_until
        found.say(
            "validity",
            within,
            f"有效期至 {claims.valid_until}" + ("" if within else ",已过"),
            f"in force until {claims.valid_until}" + ("" if within else ", which has passed"),
        )


# Findings about what the register says, not about whether what was brought is genuine.
_NOT_ABOUT_INTEGRITY = frozenset({"status", "validity", "register-entry", "log-inclusion"})

# The signature holds, but its key is distrusted from a log index on, and nothing proves an earlier one.
_OF_A_DISTRUSTED_KEY = frozenset(
    {"proof-eddsa-jcs-2022-trust", "proof-eddsa-rdfc-2022-trust", "qr-trust", "pdf-seal-trust", "gm-trust"}
)


def _verdict(found: Examined, entry: Entry | None, today: date, *, online: bool) -> Verdict:
    failed = {check.name for check in found.checks if check.ok is False}
    if failed and failed <= _OF_A_DISTRUSTED_KEY:
        # Signed by a key that was stolen, and no proof that it was logged before. Never valid; but whoever has not
        # seen the log cannot call it a thief's work either.
        return Verdict.UNKNOWN if online else Verdict.UNAVAILABLE
    if failed - _NOT_ABOUT_INTEGRITY:
        return Verdict.FORGED if found.claims_to_be_ours else Verdict.UNKNOWN
    if "log-inclusion" in failed or (online and entry is None):
        return Verdict.UNKNOWN
    nothing_signed = found.claims is None and found.compact is None
    if (online and entry is not None and entry.status is None) or (not online and nothing_signed):
        return Verdict.UNAVAILABLE
    status = Status.VALID if entry is None or entry.status is None else entry.status
    valid_until = None if found.claims is None else found.claims.valid_until
    return Verdict(effective(status, valid_until, today).value)


def _shown(found: Examined, entry: Entry | None, verdict: Verdict) -> Mapping[str, object] | None:
    """What was signed, so that the reader compares it with what is shown; "valid" alone is not an answer (R11)."""
    if verdict in {Verdict.FORGED, Verdict.UNKNOWN}:
        return None
    if found.claims is not None:
        return _of_claims(found, found.claims, entry)
    if found.compact is not None:
        whole = found.compact.name_digest is None
        return {
            "number": found.compact.number,
            "name": found.compact.name_prefix + ("" if whole else "…"),
            "issued_on": found.compact.issued_on.isoformat(),
            "level": found.compact.level,
            "sample": found.compact.sample,
            "token": found.token,
        }
    return None


def _of_claims(found: Examined, claims: CertificateClaims, entry: Entry | None) -> dict[str, object]:
    # A bare link names nobody, so it is shown no more than the public page shows (R10).
    named = found.kind is not Kind.QR or (found.compact is not None and found.compact.names(claims.holder_name))
    return {
        "number": claims.number,
        "name": claims.holder_name if named else mask_name(claims.holder_name),
        "occupation": claims.occupation_zh,
        "occupation_en": claims.occupation_en,
        "level": claims.level,
        "level_name": claims.level_zh,
        "issuer": claims.issuer.name_zh,
        "issued_on": claims.issued_on.isoformat(),
        "reissued_on": claims.reissued_on and claims.reissued_on.isoformat(),
        "valid_until": claims.valid_until and claims.valid_until.isoformat(),
        "version": claims.version,
        "token": claims.token,
        "sample": claims.issuer.sample,
        "status": None if entry is None or entry.status is None else entry.status.value,
        "status_as_of": None if entry is None else entry.as_of,
        "status_changed_on": entry.changed_on.isoformat() if entry is not None and entry.changed_on else None,
        "status_reason": None if entry is None else entry.reason,
        "successor": None if entry is None else entry.successor,
    }
