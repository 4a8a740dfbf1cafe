"""The file check: whatever was brought, each thing examined and shown beside the true record.

A PDF or a credential is verified; of a picture, and of a PDF that is one, the codes are read and looked up, which says
nothing about the picture itself; a list among other files is answered row by row. Bounded by number and size in
`bring`, by turns in `web.gate`, by time here and in the children that read each file. Each thing gets its own answer;
one that cannot be read never hides the others. Not here: what is checked (`services.verification.verify`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from werkzeug.datastructures import FileStorage

from certsvc.brought.kinds import Kind
from certsvc.credential.compact import QrText, parse_qr_text
from certsvc.credential.verdict import Check, Verdict, Verification
from certsvc.credential.wording import say
from certsvc.errors import FileRefused, MalformedCredential, PictureRefused, Refused
from certsvc.pictures.codes import read_codes
from certsvc.services.verification.verify import verify_document
from certsvc.web.answers import HTML, Answer, json_answer
from certsvc.web.limits import Kind as Limited
from certsvc.web.pages import beijing
from certsvc.web.problems import BadRequest, TooMany, problem_answer, problem_page
from certsvc.web.public.bring import SKIPPED, Brought, bring
from certsvc.web.public.lists import Answered, answer_rows, count_rows, read_rows
from certsvc.web.public.page import portrait_address
from certsvc.web.public.record import look_at
from certsvc.web.public.statement import Statement
from certsvc.web.requests import address
from certsvc.web.site import Site

SECONDS_TOGETHER: Final = 60.0
_MOST_CODES: Final = 10  # of one picture
_SHOWN_ROWS: Final = 200
_TOO_OFTEN: Final = Check(SKIPPED, None, "查验次数过多,请稍后再试", "asked too often; try again later")
_TOO_BUSY: Final = Check(
    SKIPPED, None, "一次查验的文件太多,未及查验", "too many files at a time; there was no time for this one"
)
_LINK: Final = re.compile(rb"/[vV]/([A-Za-z2-7]{26})(?![A-Za-z2-7])")
_PIECE: Final = 64 * 1024  # looked through at once: a long search would hold up every scan
_PDF: Final = b"%PDF-"

_PICTURE: Final = "picture"
_FROM_PICTURE: Final = Check(
    _PICTURE,
    None,
    "由图片中的二维码查得;图片本身不能证明什么",
    "looked up by the code in the picture; the picture itself proves nothing",
)
_NO_CODE: Final = Check(_PICTURE, False, "图片中没有找到二维码", "no QR code was found in the picture")


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing's answer. `truth` is what the register says of the certificate it claims to be, where it claims one;
    `rows` are those of a list."""

    name: str
    kind: Kind
    verification: Verification
    truth: Statement | None = None
    rows: list[Answered] | None = None
    code: QrText | None = None
    fragment: str = ""

    @property
    def link(self) -> str | None:
        """Where the record is seen with what the code itself says, which is checked on the device (R10)."""
        return None if self.code is None else f"/v/{self.code.token}{self.fragment}"

    @property
    def state(self) -> str:
        return self.verification.verdict.value

    def as_json(self) -> dict[str, object]:
        if self.rows is not None:
            return {
                "file": self.name,
                "kind": self.kind.value,
                "rows": [statement.as_json() for _, statement in self.rows],
            }
        return {
            "file": self.name,
            "kind": self.kind.value,
            **self.verification.as_json(),
            "register": None if self.truth is None else self.truth.as_json(),
        }


def examine_uploads(
    site: Site,
    uploads: Iterable[FileStorage],
    language: str,
    *,
    as_json: bool,
    by_address: bool = True,
    seconds: float = SECONDS_TOGETHER,
) -> Answer:
    """Examine what was uploaded, within a turn at the gate; 400 where nothing was.

    The caller has counted the first thing against the limit of this address; each further one is counted here, unless
    `by_address` is off: thirty in one ZIP are as much work as thirty that came one by one. What is not begun within
    `seconds` gets no answer.
    """
    ends_at = time.monotonic() + seconds
    examined: list[Examined] = []
    for place, brought in enumerate(bring(uploads)):
        if place and by_address and not site.limits.allow(Limited.FILE, address()):
            examined.append(_not_examined(brought, Verdict.UNAVAILABLE, _TOO_OFTEN))
        elif time.monotonic() > ends_at:
            examined.append(_not_examined(brought, Verdict.UNAVAILABLE, _TOO_BUSY))
        else:
            examined += _examine(site, brought, by_address=by_address)
    for each in examined:
        if each.rows is None:
            site.figures.answered("file", each.state)
    if not examined:
        refusal = BadRequest("请选择要查验的文件", "choose a file to check")
        return problem_answer(refusal) if as_json else problem_page(site, refusal, language)
    if as_json:
        return json_answer({"files": [each.as_json() for each in examined]}, 200, ("Cache-Control", "no-store"))
    text = site.pages.render(
        "public/files.html",
        language,
        checked_at=beijing(site.services.now()),
        files=[_shown(site, each, language) for each in examined],
    )
    return Answer(200, HTML, text.encode("utf-8", "replace"), (("Cache-Control", "no-store"),))


def _not_examined(brought: Brought, verdict: Verdict, why: Check) -> Examined:
    return Examined(brought.name, brought.kind, Verification(verdict, (why,)))


def _examine(site: Site, brought: Brought, *, by_address: bool) -> Iterator[Examined]:
    """The answers to one thing: several for a picture that shows several codes."""
    if brought.reason is not None:
        yield _not_examined(brought, Verdict.UNKNOWN, brought.reason)
    elif brought.kind is Kind.LIST:
        yield _examine_list(site, brought, by_address=by_address)
    elif brought.kind is Kind.PICTURE:
        yield from _examine_picture(site, brought)
    else:
        found = _examine_document(site, brought)
        # A PDF that never claimed to be an original may well be a scan of one: then its code leads to the record.
        scanned = [] if _of(found) != "foreign" or _PDF not in brought.content[:1024] else _codes(site, brought)
        yield from scanned or [found]


def _examine_document(site: Site, brought: Brought) -> Examined:
    services = site.services
    verification = verify_document(services, brought.content, trust=services.trust, online=True)
    token = (verification.certificate or {}).get("token") or _claimed_token(brought.content)
    return Examined(brought.name, brought.kind, verification, _truth(site, token))


def _truth(site: Site, token: object) -> Statement | None:
    statement = look_at(site, token) if isinstance(token, str) else None
    return statement if statement is not None and statement.record is not None else None


def _claimed_token(content: bytes) -> str | None:
    """The certificate an altered file claims to be, by its link: believed for nothing but what to show beside it."""
    for start in range(0, len(content), _PIECE):
        found = _LINK.search(content, start, start + _PIECE + 40)
        if found is not None:
            return found[1].decode()
    return None


def _examine_picture(site: Site, brought: Brought) -> list[Examined]:
    try:
        return _codes(site, brought) or [_not_examined(brought, Verdict.UNKNOWN, _NO_CODE)]
    except PictureRefused as error:
        return [_not_examined(brought, Verdict.UNKNOWN, Check(SKIPPED, False, error.zh, error.en))]


def _codes(site: Site, brought: Brought) -> list[Examined]:
    """An answer for each certificate whose code is in the picture; one for strange codes if there are no others.

    Raises `PictureRefused` for a picture, and for a PDF gives none.
    """
    try:
        texts = read_codes(brought.content)
    except PictureRefused:
        if brought.kind is Kind.PICTURE:
            raise
        return []
    codes = list(filter(None, map(_code_of, texts)))
    ours = [code for code in codes if code.host == site.host.lower()]
    if ours:
        return [_look_up(site, brought, text) for text in texts if _code_of(text) in ours][:_MOST_CODES]
    if not texts:
        return []
    return [_not_examined(brought, Verdict.UNKNOWN, _strange(codes[0].host if codes else ""))]


def _code_of(text: str) -> QrText | None:
    with suppress(MalformedCredential):
        return parse_qr_text(text)
    return None


def _strange(host: str) -> Check:
    if not host:
        return Check(_PICTURE, False, "图片中的二维码不是证书的二维码", "the code in the picture is no certificate's")
    return Check(
        _PICTURE,
        False,
        f"图片中的二维码通往 {host[:80]},不是本站的证书;不要打开它的网址",
        f"the code in the picture leads to {host[:80]}, which is not this site; do not open it",
    )


def _look_up(site: Site, brought: Brought, text: str) -> Examined:
    services = site.services
    verification = verify_document(services, text, trust=services.trust, online=True)
    shown = Verification(verification.verdict, (_FROM_PICTURE, *verification.checks), verification.certificate)
    code = parse_qr_text(text)
    fragment = "".join(text.strip().partition("#")[1:])
    return Examined(brought.name, Kind.PICTURE, shown, _truth(site, code.token), code=code, fragment=fragment)


def _examine_list(site: Site, brought: Brought, *, by_address: bool) -> Examined:
    try:
        rows = read_rows(brought.content, brought.name)
        if by_address:
            count_rows(site, len(rows))
    except (FileRefused, Refused) as error:
        verdict = Verdict.UNAVAILABLE if isinstance(error, TooMany) else Verdict.UNKNOWN
        return _not_examined(brought, verdict, Check(SKIPPED, False, error.zh, error.en))
    answered = list(answer_rows(site, rows))
    return Examined(brought.name, brought.kind, Verification(Verdict.UNKNOWN, ()), rows=answered)


def _shown(site: Site, each: Examined, language: str) -> dict[str, object]:
    """For the template."""
    if each.rows is not None:
        return {"name": each.name, "of": "list", "rows": each.rows[:_SHOWN_ROWS], "more": len(each.rows) > _SHOWN_ROWS}
    truth = each.truth
    record = truth.record if truth else None
    facts = {
        "date": record and (record.valid_until if record.state == "expired" else record.changed_on),
        "reason": record and record.reason,
        "number": record and record.successor_number,
        "version": record and record.successor_version,
    }
    words = say(each.state, **facts)
    successor = record.successor_state if record else None
    return {
        "of": _of(each),
        "successor": say(successor) if successor else None,
        "name": each.name,
        "state": each.state,
        "says": words.zh if language == "zh" else words.en,
        "next": words.next_zh if language == "zh" else words.next_en,
        "checks": each.verification.checks,
        "record": record,
        "portrait": portrait_address(site, record),
        "signed": each.verification.certificate or {},
        "link": each.link,
    }


def _of(each: Examined) -> str:
    """What the page says of it besides its state: "skipped" was not opened, "foreign" never came from us, "no-code" is
    a picture in which nothing was found, "strange-code" one whose code leads elsewhere, "picture" one whose code was
    looked up; "" for any other."""
    failed = {check.name for check in each.verification.checks if check.ok is False}
    if each.code is not None:
        return "picture"
    if _NO_CODE in each.verification.checks:
        return "no-code"
    if _PICTURE in failed:
        return "strange-code"
    if each.state != Verdict.UNKNOWN.value:
        return ""
    if failed == {SKIPPED}:
        return "skipped"
    # Signed by our keys, and not in the register, or by a key that is distrusted since: that is no foreign file.
    ours = failed & {"register-entry", "log-inclusion"} or any(name.endswith("-trust") for name in failed)
    return "" if ours or not failed else "foreign"
