"""What was uploaded, one thing after another: files as they came and those in a ZIP, each with its kind and its limits.

Bounded by number, by the size of one and of all; a ZIP within a ZIP is not opened. One that is not opened has its
reason and hides none of the others. Not here: what is found in each (`files`, `lists`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from werkzeug.datastructures import FileStorage

from certsvc.brought.kinds import Kind, kind_of, why_unread
from certsvc.brought.names import plain_name
from certsvc.brought.zip_file import MOST_FILES, Member, nested, open_zip
from certsvc.credential.verdict import Check, CheckName
from certsvc.web.gate import LARGEST_FILE, LARGEST_JSON

_LARGEST_TOGETHER: Final = 60 * 1024 * 1024
SKIPPED: Final = CheckName.FILE


@dataclass(frozen=True, slots=True)
class Brought:
    """One thing. `reason` says why it was not opened; its kind is then UNREAD."""

    name: str
    kind: Kind
    content: bytes
    reason: Check | None = None


def bring(uploads: Iterable[FileStorage]) -> Iterator[Brought]:
    """Each thing in what was uploaded; what is beyond number or size is told as the last."""
    count, together = 0, 0
    for upload in uploads:
        name, content = plain_name(upload.filename), upload.stream.read()
        if not content and not upload.filename:
            continue
        for each in _opened(name, content):
            count += 1
            together += len(each.content)
            if count > MOST_FILES or together > _LARGEST_TOGETHER:
                yield unopened(name, f"一次最多查验 {MOST_FILES} 个文件", f"at most {MOST_FILES} files at a time")
                return
            yield each


def named(name: str, content: bytes, kind: Kind | None = None) -> Brought:
    """One file, unless it is too large for its kind or of one that is not read here."""
    kind = kind or kind_of(content, name)
    if len(content) > LARGEST_FILE:
        return unopened(name, "文件大于 10 MB，没有查验", "over 10 MB: not checked")
    if kind is Kind.DOCUMENT and content.lstrip()[:1] == b"{" and len(content) > LARGEST_JSON:
        return unopened(name, "JSON 文件大于 1 MB，不是证书凭证", "JSON over 1 MB: no certificate's credential")
    why = why_unread(content)
    return unopened(name, *why) if why is not None else Brought(name, kind, content)


def unopened(name: str, zh: str, en: str) -> Brought:
    return Brought(name, Kind.UNREAD, b"", Check(SKIPPED, False, zh, en))


def _opened(name: str, content: bytes) -> Iterator[Brought]:
    if kind_of(content, name) is not Kind.ZIP:
        yield named(name, content)
        return
    for member in open_zip(content, name):
        inner = plain_name(member.name)
        if member.content is not None and kind_of(member.content, inner) is Kind.ZIP:
            yield _told(inner, nested(inner))
        elif member.content is None:
            yield _told(inner, member)
        else:
            yield named(inner, member.content)


def _told(name: str, member: Member) -> Brought:
    assert member.reason is not None
    return unopened(name, *member.reason)
