"""The file check: one or several PDFs or credentials, or a ZIP of them, each examined and shown beside the true record.

Bounded: number, size and depth here (a ZIP within a ZIP is not opened), time and memory of one file in
`services.verification`. Each file gets its own answer; one that cannot be read never hides the others. Not here: what
is checked (`services.verification.verify`).
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from werkzeug.datastructures import FileStorage

from certsvc.credential.verdict import Check, CheckName, Verdict, Verification
from certsvc.credential.wording import ALTERATIONS, say
from certsvc.services.verification.verify import verify_online
from certsvc.web.answers import HTML, Answer, json_answer
from certsvc.web.limits import Kind
from certsvc.web.pages import beijing
from certsvc.web.problems import BadRequest, problem_answer, problem_page
from certsvc.web.public.page import portrait_address
from certsvc.web.public.record import look_at
from certsvc.web.public.statement import Statement
from certsvc.web.requests import address
from certsvc.web.site import Site

MOST_FILES: Final = 30
LARGEST_FILE: Final = 10 * 1024 * 1024
_LARGEST_TOGETHER: Final = 60 * 1024 * 1024
SECONDS_TOGETHER: Final = 60.0
_at_once: Final = threading.BoundedSemaphore(4)
_SKIPPED: Final = CheckName.FILE
_TOO_OFTEN: Final = Check(_SKIPPED, None, "查验次数过多，请稍后再试", "asked too often; try again later")
_TOO_BUSY: Final = Check(
    _SKIPPED, None, "一次查验的文件太多，未及查验", "too many files at a time; there was no time for this one"
)
_LARGEST_HANDED_BACK: Final = 2 * 1024 * 1024
_ZIP: Final = b"PK\x03\x04"
_LINK: Final = re.compile(rb"/[vV]/([A-Za-z2-7]{26})(?![A-Za-z2-7])")


@dataclass(frozen=True, slots=True)
class Examined:
    """One file's answer. `truth` is what the register says of the certificate it claims to be, where it claims one."""

    name: str
    verification: Verification
    truth: Statement | None

    @property
    def state(self) -> str:
        return self.verification.verdict.value

    def as_json(self) -> dict[str, object]:
        told = self.verification.as_json()
        if (original := self.verification.original) is not None and len(original) <= _LARGEST_HANDED_BACK:
            described = {"bytes": len(original), "sha256": hashlib.sha256(original).hexdigest()}
            told["original"] = described | {"content": base64.b64encode(original).decode()}
        return {
            "file": self.name,
            **told,
            "register": None if self.truth is None else self.truth.as_json(),
        }


@dataclass(frozen=True, slots=True)
class _Brought:
    name: str
    content: bytes | None  # None: not opened, for the reason given
    reason: Check | None = None


def examine_uploads(
    site: Site,
    uploads: Iterable[FileStorage],
    language: str,
    *,
    as_json: bool,
    by_address: bool = True,
    seconds: float = SECONDS_TOGETHER,
) -> Answer:
    """Examine what was uploaded; 400 where nothing was.

    The caller has counted the first file against the limit of this address; each further one is counted here, unless
    `by_address` is off: thirty in one ZIP are as much work as thirty that came one by one. What is not begun within
    `seconds` gets no answer.
    """
    ends_at = time.monotonic() + seconds
    examined = [
        _examine_within(site, brought, ends_at)
        if at == 0 or not by_address or site.limits.allow(Kind.FILE, address())
        else Examined(brought.name, Verification(Verdict.UNAVAILABLE, (_TOO_OFTEN,)), None)
        for at, brought in enumerate(_unpack(uploads))
    ]
    for each in examined:
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


def _examine_within(site: Site, brought: _Brought, ends_at: float) -> Examined:
    # Each examination is a process of its own: as many at once as requests come would be no bound of memory.
    remaining = ends_at - time.monotonic()
    if remaining <= 0 or not _at_once.acquire(timeout=remaining):
        return Examined(brought.name, Verification(Verdict.UNAVAILABLE, (_TOO_BUSY,)), None)
    try:
        return _examine(site, brought)
    finally:
        _at_once.release()


def _examine(site: Site, brought: _Brought) -> Examined:
    if brought.content is None:
        reason = brought.reason
        assert reason is not None
        return Examined(brought.name, Verification(Verdict.UNKNOWN, (reason,)), None)
    services = site.services
    verification = verify_online(services, brought.content)
    token = (verification.certificate or {}).get("token") or _claimed_token(brought.content)
    truth = look_at(site, token) if isinstance(token, str) else None
    if truth is not None and truth.record is None:
        truth = None
    return Examined(brought.name, verification, truth)


def _claimed_token(content: bytes) -> str | None:
    """The certificate an altered file claims to be, by its link: believed for nothing but what to show beside it."""
    found = _LINK.search(content)
    return None if found is None else found[1].decode()


def _shown(site: Site, each: Examined, language: str) -> dict[str, object]:
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
    verification = each.verification
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
        "truth": None if record is None else say(record.state, **facts),
        "kind": _kind(each),
        "successor": say(successor) if successor else None,
        "name": each.name,
        "state": each.state,
        "says": words.zh if language == "zh" else words.en,
        "next": words.next_zh if language == "zh" else words.next_en,
        "checks": each.verification.checks,
        "record": record,
        "portrait": portrait_address(site, record),
        "signed": each.verification.certificate or {},
    }


def _kind(each: Examined) -> str:
    """Of the files that are answered "unknown": "skipped" was not opened, "locked" asks for a password,
    "foreign" never came from us; else ""."""
    checks = each.verification.checks
    failed = {check.name for check in checks if check.ok is False}
    if any(check.name is CheckName.FILE_PASSWORD for check in checks) and each.state == Verdict.UNKNOWN.value:
        return "locked"
    if each.state != Verdict.UNKNOWN.value:
        return ""
    if failed == {_SKIPPED}:
        return "skipped"
    # Signed by our keys, and not in the register, or by a key that is distrusted since: that is no foreign file.
    ours = failed & {"register-entry", "log-inclusion"} or any(name.endswith("-trust") for name in failed)
    return "" if ours or not failed else "foreign"


def _unpack(uploads: Iterable[FileStorage]) -> Iterator[_Brought]:
    count, together = 0, 0
    for upload in uploads:
        name = _plain_name(upload.filename)
        content = upload.stream.read(LARGEST_FILE * 2 + 1)
        if not content and not upload.filename:
            continue
        members = _members(content) if content.startswith(_ZIP) else iter([_Brought(name, content)])
        for member in members:
            count += 1
            together += len(member.content or b"")
            if count > MOST_FILES or together > _LARGEST_TOGETHER:
                yield _unopened(name, f"一次最多查验 {MOST_FILES} 个文件", f"at most {MOST_FILES} files at a time")
                return
            if member.content is not None and len(member.content) > LARGEST_FILE:
                yield _unopened(
                    member.name, "文件大于 10 MB，不是本机构的证书", "over 10 MB: not a certificate of ours"
                )
            else:
                yield member


def _members(content: bytes) -> Iterator[_Brought]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            if not files:
                yield _unopened("ZIP", "压缩包是空的", "the ZIP is empty")
            for info in files[: MOST_FILES + 1]:
                yield _member(archive, info)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError):
        yield _unopened("ZIP", "压缩包已损坏，打不开", "the ZIP is damaged and cannot be opened")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Brought:
    name = _plain_name(info.filename)
    if info.flag_bits & 1:
        return _unopened(name, "文件有密码，打不开", "the file is encrypted and cannot be opened")
    if info.file_size > LARGEST_FILE:
        return _unopened(name, "文件大于 10 MB，不是本机构的证书", "over 10 MB: not a certificate of ours")
    try:
        with archive.open(info) as member:
            # What the directory says of the size is not believed: no more than the largest file is unpacked.
            content = member.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, RuntimeError):
        return _unopened(name, "文件已损坏，打不开", "the file is damaged and cannot be opened")
    except Exception as error:  # zlib.error and lzma.LZMAError have no common root below Exception
        if type(error).__module__ not in {"zlib", "_lzma", "lzma"}:
            raise
        return _unopened(name, "文件已损坏，打不开", "the file is damaged and cannot be opened")
    if content.startswith(_ZIP):
        return _unopened(name, "压缩包中的压缩包不予打开", "a ZIP within a ZIP is not opened")
    return _Brought(name, content)


def _unopened(name: str, zh: str, en: str) -> _Brought:
    return _Brought(name, None, Check(_SKIPPED, False, zh, en))


def _plain_name(name: str | None) -> str:
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c if c.isprintable() else "\ufffd" for c in last[:120]) or "?"
