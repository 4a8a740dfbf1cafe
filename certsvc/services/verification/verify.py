"""One answer for whatever is brought: a verdict, and every check that was made (R11).

Online asks the register (`ask_register`), offline the published files where a folder is given (`ask_published`), and
always what the thing says by itself (`examine`), or what it names where it is no original (`named`), or what is in it
(`brought.wrappings`). Then two steps remain:

V11 validity  the day of the check is within the period of validity
V12 verdict   integrity before everything: nothing that fails a signature is called revoked, expired or valid

Decided here: what is signed by our own key but is not in the register, or not in the log, is `unknown`, not `forged`.
The signature does match, so R11's words for forged would be false, and a database restored from an older copy looks
just so. It is never `valid`. A file that never claimed to be a certificate is `unknown` too. `altered` is what is no
original and contradicts no signature; it shows the record that it names, and never its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from certsvc.brought.kinds import why_unread
from certsvc.brought.wrappings import Wrapping, unpack, wrapping_of
from certsvc.credential.document import CertificateClaims
from certsvc.credential.status import Status, effective
from certsvc.credential.verdict import Alteration, CheckName, Part, Verdict, Verification
from certsvc.errors import Unavailable
from certsvc.person.name import mask_name
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.verification.ask_published import ask_published
from certsvc.services.verification.ask_register import Entry, ask_register, has_file, prove_index
from certsvc.services.verification.examine import Examined, Kind, Means, examine
from certsvc.services.verification.named import OF_A_DISTRUSTED_KEY, name_from_pdf, name_from_picture
from certsvc.signing.trust import TrustBundle

_MOST_CONTAINED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What comes beside the thing to be verified, and how it is looked at.

    `now` defaults to the services' clock, or this machine's. `bounded` examines files in a process of their own.
    `receipt` (`certsvc log prove`) comes with a bare credential as one comes inside a PDF: offline, it is what a
    credential of a key distrusted since needs. `gm_signature` is a detached SM2 signature over the credential
    (docs/gm.md). Offline alone: `published` is a folder of static files for the status, and with `demand_log` nothing
    that has no receipt is valid, so that not even the issuer's own keys are enough to make a certificate out of the
    public's sight.
    """

    now: datetime | None = None
    bounded: bool = True
    receipt: bytes | None = None
    gm_signature: bytes | None = None
    published: Path | None = None
    demand_log: bool = False


_PLAIN: Final = Options()


def verify_online(services: Services, content: bytes | str, options: Options = _PLAIN) -> Verification:
    """Verify what was brought by asking the register; never raises on hostile input."""
    return _verify(content, _Register(services, options))


def verify_offline(content: bytes | str, trust: TrustBundle, options: Options = _PLAIN) -> Verification:
    """Verify what was brought by pinned keys, and by published files where `options` name a folder of them."""
    return _verify(content, _Published(trust, options))


class _Register:
    """Asks the register; `hindered` once it could not be asked."""

    def __init__(self, services: Services, options: Options) -> None:
        self._services = services
        self._hindered = False
        now = services.now() if options.now is None else options.now
        self._today = now.astimezone(SHANGHAI).date()
        self.means = Means(
            services.trust,
            now,
            options.bounded,
            self._prove_index,
            options.receipt,
            self._on_record,
            options.gm_signature,
        )

    def answer(self, found: Examined) -> Verification:
        """Steps V7 to V12 for one certificate."""
        if found.failed:
            return _answer(found, None, self._today, online=not self._hindered)
        try:
            with self._services.database.reading() as session:
                entry = ask_register(self._services, session, found)
        except (Unavailable, SQLAlchemyError):
            zh, en = "暂时无法查询登记", "the register cannot be asked just now"
            found.say(CheckName.REGISTER_ENTRY, None, zh, en)
            entry = Entry(None)
        return _answer(found, entry, self._today, online=True)

    def _prove_index(self, subject: bytes | str) -> int | None:
        """The register's proven log index, asked for once any key is distrusted."""
        if all(key.distrusted_from is None for key in self._services.trust.keys.values()):
            return None
        try:
            with self._services.database.reading() as session:
                return prove_index(self._services, session, subject)
        except (Unavailable, SQLAlchemyError):
            self._hindered = True
            return None

    def _on_record(self, pdf_sha256: str) -> bool:
        try:
            with self._services.database.reading() as session:
                return has_file(session, pdf_sha256)
        except (Unavailable, SQLAlchemyError):
            self._hindered = True
            return False


class _Published:
    """Asks published files, or no one."""

    def __init__(self, trust: TrustBundle, options: Options) -> None:
        self._trust, self._options = trust, options
        self._now = datetime.now(UTC) if options.now is None else options.now
        self.means = Means(
            trust, self._now, options.bounded, receipt=options.receipt, gm_signature=options.gm_signature
        )

    def answer(self, found: Examined) -> Verification:
        """Steps V9 to V12 for one certificate."""
        entry = None if found.failed else ask_published(found, self._trust, self._options.published, self._now)
        if found.kind is Kind.QR and found.compact is not None and found.claims is None:
            found.say(
                CheckName.QR_ADDRESS,
                None,
                "所签内容中没有网址：离线时不能确认该网址属于这张证书",
                "the signed content names no address: offline it is not known that this address is its own",
            )
        unseen = _unseen(found)
        answer = _answer(found, entry, self._now.astimezone(SHANGHAI).date(), online=False)
        settled = {Verdict.FORGED, Verdict.UNKNOWN, Verdict.ALTERED}
        if self._options.demand_log and unseen and answer.verdict not in settled:
            return replace(answer, verdict=Verdict.UNAVAILABLE)
        return answer


_Door = _Register | _Published


def _unseen(found: Examined) -> bool:
    """V3: whether nothing proves that the public log has it; then a check says so."""
    if found.leaf_index is not None:
        return False
    signed = found.claims is not None or found.compact is not None
    if signed and not any(check.name is CheckName.LOG_RECEIPT for check in found.checks):
        found.say(
            CheckName.LOG_RECEIPT,
            None,
            "未附日志凭据，未查是否记入公开日志",
            "no receipt came with it: not checked whether the public log has it",
        )
    return True


def _verify(content: bytes | str, door: _Door, *, inside: bool = False) -> Verification:
    """The answer for what was brought, or, `inside`, for a document that was found in it, which is unpacked no more."""
    found = examine(content, door.means)
    brought = content if isinstance(content, bytes) else b""
    if found.kind is Kind.PICTURE:
        name_from_picture(brought, door.means, found)
        return _of_picture(found, [door.answer(one) for one in found.named])
    if found.kind is Kind.WRAPPING:
        _unwrap(brought, door.means, found, inside=inside)
    if found.within is not None:
        name_from_pdf(brought, door.means, found)
    elif found.kind is not Kind.WRAPPING:
        return door.answer(found)
    _say_contained(found)
    contained = () if inside else found.contained[:_MOST_CONTAINED]
    parts = [Part(name, _verify(part, door, inside=True), part) for name, part in contained]
    return _of_parts(found, [door.answer(one) for one in found.named], parts)


_SAID_OF: Final[Mapping[Wrapping, tuple[str, str]]] = {
    Wrapping.ZIP: ("ZIP 压缩包", "a ZIP archive"),
    Wrapping.MAIL: ("电子邮件", "a mail"),
    Wrapping.SIGNED_MAIL: ("带签名的电子邮件", "a signed mail"),
    Wrapping.CMS: ("CMS 签名文件（.p7m）", "a file signed with CMS (.p7m)"),
}


def _unwrap(brought: bytes, means: Means, found: Examined, *, inside: bool) -> None:
    wrapping = wrapping_of(brought)
    assert wrapping is not None
    if inside or wrapping is Wrapping.CLOSED:
        zh, en = why_unread(brought) or (
            "此种压缩包或邮件文件（或包中之包）不予打开；请取出其中的 PDF 再查验",
            "an archive or mail file of this kind, or one within another, is not opened; take the PDF out and check it",
        )
        found.say(CheckName.FILE_FORM, False, zh, en)
        return
    unpacked = unpack(brought, wrapping, bounded=means.bounded)
    zh, en = _SAID_OF[unpacked.wrapping]
    found.say(CheckName.FILE_FORM, True, zh, en)
    found.alteration = Alteration.CONTAINED
    found.contained += unpacked.parts
    if not unpacked.whole:
        zh, en = (
            "其中有打不开、过大或过多的文件，未予查验",
            "some of what is in it was not opened: damaged, or too much",
        )
        found.say(CheckName.FILE_CONTAINER, None, zh, en)


def _say_contained(found: Examined) -> None:
    if not found.contained:
        return
    names = ", ".join(name for name, _ in found.contained[:5])
    if not any(check.name is CheckName.FILE_CONTAINER for check in found.checks):
        found.say(
            CheckName.FILE_CONTAINER,
            None,
            f"内含 {len(found.contained)} 个可能是证书的文件，已分别查验：{names}",
            f"it holds {len(found.contained)} files that may be certificates, each checked by itself: {names}",
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


def _of_picture(found: Examined, answers: Sequence[Verification]) -> Verification:
    """A picture says what its code says: it is no document that could be altered, and proves nothing but the code."""
    if not answers:
        return Verification(Verdict.UNKNOWN, tuple(found.checks))
    first, *rest = sorted(answers, key=lambda answer: _FROM_WORST.index(answer.verdict))
    own = tuple(check for check in first.checks if check.name is not CheckName.FILE_FORM)
    others = list(_telling([first, *rest]))[1 if first.certificate is not None else 0 :]
    return replace(first, checks=(*found.checks, *own), others=tuple(others))


def _of_parts(found: Examined, named: Sequence[Verification], parts: Sequence[Part]) -> Verification:
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


def _answer(found: Examined, entry: Entry | None, today: date, *, online: bool) -> Verification:
    """V11 and V12 for one certificate."""
    if found.claims is not None:
        _check_validity(found, found.claims, today)
    verdict = _verdict(found, entry, today, online=online)
    if found.alteration is Alteration.ADDED and verdict not in {Verdict.FORGED, Verdict.UNKNOWN}:
        shown = _shown(found, entry, Verdict.ALTERED)
        if shown is not None:
            return Verification(Verdict.ALTERED, tuple(found.checks), shown, Alteration.ADDED, found.original)
    return Verification(verdict, tuple(found.checks), _shown(found, entry, verdict))


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
