"""The answer put together from what was examined and what was asked: steps V11 and V12, and what is shown (R11).

V11 validity  the day of the check is within the period of validity
V12 verdict   integrity before everything: nothing that fails a signature is called revoked, expired or valid

Decided here: what is signed by our own key but is not in the register, or not in the log, is `unknown`, not `forged`.
The signature does match, so R11's words for forged would be false, and a database restored from an older copy looks
just so. It is never `valid`. A file that never claimed to be a certificate is `unknown` too. `altered` is what is no
original and contradicts no signature; it shows the record that it names, and never its own words.
Not here: examining and asking (`verify` and what it calls).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from certsvc.credential.document import CertificateClaims
from certsvc.credential.status import Status, effective
from certsvc.credential.verdict import Alteration, CheckName, Part, Verdict, Verification
from certsvc.person.name import mask_name
from certsvc.services.verification.ask_register import Entry
from certsvc.services.verification.examine import Examined, Kind
from certsvc.services.verification.named import OF_A_DISTRUSTED_KEY

# Of several certificates in one picture the worst is the answer.
_FROM_WORST: Final = (
    Verdict.FORGED,
    Verdict.REVOKED,
    Verdict.SUSPENDED,
    Verdict.SUPERSEDED,
    Verdict.EXPIRED,
    Verdict.UNKNOWN,
    Verdict.UNAVAILABLE,
    Verdict.UNCHECKED,
    Verdict.VALID,
)


# Findings about what the register and the log say, not about whether what was brought is genuine.
_NOT_ABOUT_INTEGRITY: Final = frozenset(
    {
        CheckName.STATUS,
        CheckName.VALIDITY,
        CheckName.REGISTER_ENTRY,
        CheckName.LOG_INCLUSION,
        CheckName.LOG_LATER,
    }
)


def of_one(found: Examined, entry: Entry | None, today: date, *, online: bool) -> Verification:
    """V11 and V12 for one certificate."""
    if found.claims is not None:
        _check_validity(found, found.claims, today)
    verdict = _verdict(found, entry, today, online=online)
    if found.alteration is Alteration.ADDED and verdict not in {Verdict.FORGED, Verdict.UNKNOWN}:
        shown = _shown(found, entry, Verdict.ALTERED)
        if shown is not None:
            return Verification(Verdict.ALTERED, tuple(found.checks), shown, Alteration.ADDED, found.original)
    return Verification(verdict, tuple(found.checks), _shown(found, entry, verdict))


def of_picture(found: Examined, answers: Sequence[Verification]) -> Verification:
    """A picture says what its code says: it is no document that could be altered, and proves nothing but the code."""
    if not answers:
        return Verification(Verdict.UNKNOWN, tuple(found.checks))
    first, *rest = sorted(answers, key=lambda answer: _FROM_WORST.index(answer.verdict))
    own = tuple(check for check in first.checks if check.name is not CheckName.FILE_FORM)
    others = list(_telling([first, *rest]))[1 if first.certificate is not None else 0 :]
    return replace(first, checks=(*found.checks, *own), others=tuple(others))


def of_parts(found: Examined, named: Sequence[Verification], parts: Sequence[Part]) -> Verification:
    """V12 for what is no original: forged where anything contradicts a signature, else altered where it names a record.

    The record shown is that of the certificates named or contained, whatever their state.
    """
    answers = [*named, *(part.verification for part in parts)]
    shown = list(_telling([answer for answer in answers if answer.verdict not in {Verdict.FORGED, Verdict.UNKNOWN}]))
    checks = list(found.checks)
    if named:
        known = {check.name for check in checks}
        checks += [check for check in named[0].checks if check.name not in known]
    own = found.claims_to_be_ours and bool(found.faults)
    if own or any(answer.verdict is Verdict.FORGED for answer in answers):
        return Verification(Verdict.FORGED, tuple(checks), parts=tuple(parts))
    if not shown:
        hindered = any(answer.verdict is Verdict.UNAVAILABLE for answer in answers)
        verdict = Verdict.UNAVAILABLE if hindered else Verdict.UNKNOWN
        return Verification(verdict, tuple(checks), parts=tuple(parts))
    originals = [part.original for part in parts if part.original is not None]
    return Verification(
        Verdict.ALTERED,
        tuple(checks),
        shown[0],
        alteration=found.alteration if named else Alteration.CONTAINED,
        original=originals[0] if len(originals) == 1 else None,
        others=tuple(shown[1:]),
        parts=tuple(parts),
    )


def _telling(answers: Sequence[Verification]) -> Iterator[Mapping[str, object]]:
    """The certificates that these answers show, each once."""
    seen: set[object] = set()
    for answer in answers:
        for shown in [] if answer.certificate is None else [answer.certificate, *answer.others]:
            key = shown.get("token") or (shown.get("number"), shown.get("version"))
            if key not in seen:
                seen.add(key)
                yield shown


def _check_validity(found: Examined, claims: CertificateClaims, today: date) -> None:
    if claims.issued_on > today:
        # R11 has no words for it; the log's auditor has (L5). Most often it is this machine's clock that is wrong.
        zh, en = f"发证日期 {claims.issued_on} 尚未到", f"dated {claims.issued_on}, still to come"
        found.say(CheckName.VALIDITY, None, zh, en)
    elif claims.valid_until is None:
        found.say(CheckName.VALIDITY, True, "长期有效", "no end of validity")
    else:
        within = today <= claims.valid_until
        found.say(
            CheckName.VALIDITY,
            within,
            f"有效期至 {claims.valid_until}" + ("" if within else "，已过"),
            f"in force until {claims.valid_until}" + ("" if within else ", which has passed"),
        )


def _verdict(found: Examined, entry: Entry | None, today: date, *, online: bool) -> Verdict:
    failed = found.faults
    if failed and failed <= OF_A_DISTRUSTED_KEY:
        # Signed by a key that was stolen, and no proof that it was logged before. Never valid; but who has not seen the
        # log cannot call it a thief's work either.
        return Verdict.UNKNOWN if online else Verdict.UNAVAILABLE
    if failed - _NOT_ABOUT_INTEGRITY:
        return Verdict.FORGED if found.claims_to_be_ours else Verdict.UNKNOWN
    if CheckName.LOG_INCLUSION in failed or (online and entry is None):
        return Verdict.UNKNOWN
    nothing_signed = found.claims is None and found.compact is None
    if (online and entry is not None and entry.status is None) or (not online and nothing_signed):
        return Verdict.UNAVAILABLE
    status = Status.VALID if entry is None or entry.status is None else entry.status
    valid_until = None if found.claims is None else found.claims.valid_until
    told = Verdict(effective(status, valid_until, today).value)
    if told is Verdict.VALID and not (entry is not None and entry.seen):
        return Verdict.UNCHECKED
    return told


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
            # The address it came with is not part of what was signed (`qr-address`).
            "token": None,
        }
    return None


def _of_claims(found: Examined, claims: CertificateClaims, entry: Entry | None) -> dict[str, object]:
    # A bare link names no one, so it is shown no more than the public page shows (R10).
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
