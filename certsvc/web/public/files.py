"""The file check: whatever was brought, each thing examined and shown beside the true record.

A PDF, a picture, a mail or a credential is verified; a list among other files is answered row by row. Bounded by number
and size in `bring`, by turns in `web.gate`, by time here and in the children that read each file. Each thing gets its
own answer; one that cannot be read never hides the others. Not here: what is checked (`services.verification.verify`).
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from werkzeug.datastructures import FileStorage

from certsvc.brought.kinds import Kind
from certsvc.credential.verdict import Check, CheckName, Verdict, Verification
from certsvc.credential.wording import ALTERATIONS, say
from certsvc.errors import FileRefused, Refused
from certsvc.services.verification.public_record import say_of
from certsvc.services.verification.verify import verify_online
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
_SHOWN_ROWS: Final = 200
_TOO_OFTEN: Final = Check(SKIPPED, None, "查验次数过多，请稍后再试", "asked too often; try again later")
_TOO_BUSY: Final = Check(
    SKIPPED, None, "一次查验的文件太多，未及查验", "too many files at a time; there was no time for this one"
)
_LARGEST_HANDED_BACK: Final = 2 * 1024 * 1024
_LINK: Final = re.compile(rb"/[vV]/([A-Za-z2-7]{26})(?![A-Za-z2-7])")
_PIECE: Final = 64 * 1024  # looked through at once: a long search would hold up every scan


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing's answer. `truth` is what the register says of the certificate it claims to be, where it claims one;
    `rows` are those of a list."""

    name: str
    kind: Kind
    verification: Verification
    truth: Statement | None = None
    rows: list[Answered] | None = None

    @property
    def state(self) -> str:
        return self.verification.verdict.value

    def as_json(self) -> dict[str, object]:
        if self.rows is not None:
            rows = [statement.as_json() for _, statement in self.rows]
            return {"file": self.name, "kind": self.kind.value, "rows": rows}
        told = self.verification.as_json()
        if (original := self.verification.original) is not None and len(original) <= _LARGEST_HANDED_BACK:
            described = {"bytes": len(original), "sha256": hashlib.sha256(original).hexdigest()}
            told["original"] = described | {"content": base64.b64encode(original).decode()}
        return {
            "file": self.name,
            "kind": self.kind.value,
            **told,
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
        elif brought.reason is None and time.monotonic() > ends_at:
            examined.append(_not_examined(brought, Verdict.UNAVAILABLE, _TOO_BUSY))
        else:
            examined.append(_examine(site, brought, by_address=by_address))
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


def _examine(site: Site, brought: Brought, *, by_address: bool) -> Examined:
    if brought.reason is not None:
        return _not_examined(brought, Verdict.UNKNOWN, brought.reason)
    if brought.kind is Kind.LIST:
        return _examine_list(site, brought, by_address=by_address)
    verification = verify_online(site.services, brought.content)
    token = (verification.certificate or {}).get("token")
    if token is None and brought.kind is Kind.DOCUMENT:
        token = _claimed_token(brought.content)
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


def _examine_list(site: Site, brought: Brought, *, by_address: bool) -> Examined:
    try:
        rows = read_rows(brought.content, brought.name)
        if by_address:
            count_rows(site, len(rows))
    except (FileRefused, Refused) as error:
        verdict = Verdict.UNAVAILABLE if isinstance(error, TooMany) else Verdict.UNKNOWN
        return _not_examined(brought, verdict, Check(SKIPPED, False, error.zh, error.en))
    answered = list(answer_rows(site, rows, by_address=by_address))
    return Examined(brought.name, brought.kind, Verification(Verdict.UNKNOWN, ()), rows=answered)


def _shown(site: Site, each: Examined, language: str) -> dict[str, object]:
    """For the template."""
    if each.rows is not None:
        return {"name": each.name, "of": "list", "rows": each.rows[:_SHOWN_ROWS], "more": len(each.rows) > _SHOWN_ROWS}
    record = each.truth.record if each.truth else None
    words = say(each.state) if record is None else say_of(record, each.state)
    successor = record.successor_state if record else None
    return {
        "of": _of(each),
        "truth": None if record is None else say_of(record),
        "successor": say(successor) if successor else None,
        "name": each.name,
        "state": each.state,
        "says": words.zh if language == "zh" else words.en,
        "next": words.next_zh if language == "zh" else words.next_en,
        "checks": each.verification.checks,
        "record": record,
        "portrait": portrait_address(site, record),
        "signed": each.verification.certificate or {},
        **_shown_alteration(each.verification, language),
    }


def _shown_alteration(verification: Verification, language: str) -> dict[str, object]:
    how = None if verification.alteration is None else ALTERATIONS[verification.alteration]
    original = verification.original
    return {
        "how": how and (how.zh if language == "zh" else how.en),
        "how_next": how and (how.next_zh if language == "zh" else how.next_en),
        # The file is not kept, so its part goes back within the page.
        "original": base64.b64encode(original).decode() if original and len(original) <= _LARGEST_HANDED_BACK else None,
        "others": verification.others,
        "parts": [
            {"name": part.name, "state": part.verification.verdict.value, "says": say(part.verification.verdict.value)}
            for part in verification.parts
        ],
    }


def _of(each: Examined) -> str:
    """What the page says of it besides its state: "skipped" was not opened, "locked" asks for a password, "foreign"
    never came from us, "no-code" is a picture in which nothing was found, "strange-code" one whose code leads
    elsewhere, "picture" one whose code was looked up; "" for any other."""
    checks = each.verification.checks
    failed = {check.name for check in checks if check.ok is False}
    if each.kind is Kind.PICTURE and CheckName.PICTURE_CODE in {check.name for check in checks}:
        elsewhere = "strange-code" if CheckName.QR_HOST in failed else "picture"
        return "no-code" if CheckName.PICTURE_CODE in failed else elsewhere
    if each.state != Verdict.UNKNOWN.value:
        return ""
    if any(check.name is CheckName.FILE_PASSWORD for check in checks):
        return "locked"
    if CheckName.FILE in failed:
        return "skipped"
    # Signed by our keys, and not in the register, or by a key that is distrusted since: that is no foreign file.
    ours = failed & {CheckName.REGISTER_ENTRY, CheckName.LOG_INCLUSION} or any(
        name.endswith("-trust") for name in failed
    )
    return "" if ours or not failed else "foreign"
