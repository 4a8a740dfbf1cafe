"""One answer for whatever is brought: a verdict, and every check that was made (R11).

Online asks the register (`ask_register`), offline the published files where a folder is given (`ask_published`), and
always what the thing says by itself (`examine`), or what it names where it is no original (`named`), or what is in it
(`brought.wrappings`). The verdict is then put together (`answer`: V11 and V12, and what each of them means).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from certsvc.brought.kinds import why_unread
from certsvc.brought.wrappings import Wrapping, unpack, wrapping_of
from certsvc.credential.verdict import Alteration, CheckName, Part, Verdict, Verification
from certsvc.errors import Unavailable
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.verification.answer import of_one, of_parts, of_picture
from certsvc.services.verification.ask_published import ask_published
from certsvc.services.verification.ask_register import Entry, ask_register, has_file, prove_index
from certsvc.services.verification.examine import Examined, Kind, Means, examine
from certsvc.services.verification.named import name_from_pdf, name_from_picture
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
            return of_one(found, None, self._today, online=not self._hindered)
        try:
            with self._services.database.reading() as session:
                entry = ask_register(self._services, session, found)
        except (Unavailable, SQLAlchemyError):
            zh, en = "暂时无法查询登记", "the register cannot be asked just now"
            found.say(CheckName.REGISTER_ENTRY, None, zh, en)
            entry = Entry(None)
        return of_one(found, entry, self._today, online=True)

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
        answer = of_one(found, entry, self._now.astimezone(SHANGHAI).date(), online=False)
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
        return of_picture(found, [door.answer(one) for one in found.named])
    if found.kind is Kind.WRAPPING:
        _unwrap(brought, door.means, found, inside=inside)
    if found.within is not None:
        name_from_pdf(brought, door.means, found)
    elif found.kind is not Kind.WRAPPING:
        return door.answer(found)
    _say_contained(found)
    contained = () if inside else found.contained[:_MOST_CONTAINED]
    parts = [Part(name, _verify(part, door, inside=True), part) for name, part in contained]
    return of_parts(found, [door.answer(one) for one in found.named], parts)


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
