"""What certificates come wrapped in: a signed or plain mail, a CMS file (.p7m), a ZIP. Taken apart, within bounds.

A mail program signs what it sends, an office zips what it hands on; the certificate inside is whole, and the wrapping
is no part of it. Only what can be a certificate is taken out (PDF, credential, and from a ZIP pictures); what is too
large, too much or too deep is left. Readers of mail and CMS meet a stranger's bytes, so all is done in a child
(`bounded`).
Not here: how a ZIP is read (`zip_file`), the files attached to a PDF (`signing.pdf_within`), and what is inside what
was taken out.
"""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import io
import json
import re
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import Any, Final

from asn1crypto import cms

from certsvc.bounded import Bounds, OutOfBounds, Say, run_bounded
from certsvc.brought.kinds import ARCHIVES, OLE
from certsvc.brought.names import plain_name
from certsvc.brought.zip_file import entries
from certsvc.pictures.kinds import is_picture

MOST_PARTS: Final = 20
LARGEST_PART: Final = 20 * 1024 * 1024
_LARGEST_TOGETHER: Final = 40 * 1024 * 1024
_MOST_ENTRIES: Final = 2000
_DEEPEST: Final = 4  # a signed mail holds a mail, which holds a CMS file
_BOUNDS: Final = Bounds(seconds=10, memory_bytes=384 * 1024 * 1024, answer_bytes=48 * 1024 * 1024)
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_FIELD = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{1,60}:[ \t])")
_OF_MAIL = re.compile(rb"^(?:mime-version|content-type|message-id|received)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/\r\n]{64}")
_CLOSED: Final = (*ARCHIVES, OLE)


class Wrapping(StrEnum):
    """What it came in."""

    ZIP = "zip"
    MAIL = "mail"
    SIGNED_MAIL = "signed-mail"
    CMS = "cms"
    CLOSED = "closed"
    """An archive or mail file of a kind that is not taken apart here."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The parts that can be certificates, each with its name. `whole`: none was left out for its size or number."""

    wrapping: Wrapping
    parts: tuple[tuple[str, bytes], ...]
    whole: bool = True


def wrapping_of(content: bytes) -> Wrapping | None:
    """What this is by its beginning; None for what is no wrapping."""
    if content.startswith(b"PK\x03\x04"):
        return Wrapping.ZIP
    if content.startswith(_CLOSED):
        return Wrapping.CLOSED
    if _SIGNED_DATA in _der_of(content[:4096])[:40]:
        return Wrapping.CMS
    if _FIELD.match(content) and _OF_MAIL.search(content[: 64 * 1024]):
        return Wrapping.MAIL
    return None


def unpack(content: bytes, wrapping: Wrapping, *, bounded: bool = True) -> Unpacked:
    """What is inside; nothing where it cannot be taken apart within the limits."""
    if wrapping is Wrapping.CLOSED:
        return Unpacked(wrapping, (), whole=False)
    settings = {"wrapping": wrapping.value}
    try:
        if bounded:
            answer = run_bounded(unpack_in_child, settings, content, _BOUNDS)
        else:
            said = io.BytesIO()
            unpack_in_child(settings, content, said.write)
            answer = said.getvalue()
        return _decode(answer)
    except (OutOfBounds, ValueError):
        return Unpacked(wrapping, (), whole=False)


def unpack_in_child(settings: dict[str, Any], content: bytes, say: Say) -> None:
    """The child's work: a line of JSON about the parts, then their bytes."""
    taken = _Taken(Wrapping(settings["wrapping"]))
    try:
        if taken.wrapping is Wrapping.ZIP:
            taken.take_zip(content)
        elif taken.wrapping is Wrapping.CMS:
            taken.take_cms(content, 0)
        else:
            taken.take_mail(content, 0)
    except Exception:
        taken.whole = False
    parts = [[name, len(part)] for name, part in taken.parts]
    say(json.dumps({"wrapping": taken.wrapping.value, "parts": parts, "whole": taken.whole}).encode() + b"\n")
    for _, part in taken.parts:
        say(part)


def _decode(answer: bytes) -> Unpacked:
    head, _, rest = answer.partition(b"\n")
    told = json.loads(head)
    parts, at = [], 0
    for name, size in told["parts"]:
        parts.append((name, rest[at : at + size]))
        at += size
    return Unpacked(Wrapping(told["wrapping"]), tuple(parts), told["whole"])


class _Taken:
    """What was taken out so far."""

    def __init__(self, wrapping: Wrapping) -> None:
        self.wrapping = wrapping
        self.parts: list[tuple[str, bytes]] = []
        self.whole = True
        self._room = _LARGEST_TOGETHER

    def take(self, name: str, content: bytes, *, pictures: bool) -> None:
        """Keep what can be a certificate, within the limits."""
        if not _can_be_a_certificate(content, pictures=pictures):
            return
        if len(self.parts) == MOST_PARTS or len(content) > min(LARGEST_PART, self._room):
            self.whole = False
            return
        self._room -= len(content)
        self.parts.append((plain_name(name), content))

    def take_zip(self, content: bytes) -> None:
        for name, reason, member in entries(content):
            if reason is None:
                self.take(name, member, pictures=True)
            elif reason != "empty":
                self.whole = False

    def take_cms(self, content: bytes, depth: int) -> None:
        signed = cms.ContentInfo.load(_der_of(content))["content"]["encap_content_info"]["content"]
        inner = b"" if signed.native is None else bytes(signed.native)
        if depth < _DEEPEST and wrapping_of(inner) is Wrapping.CMS:
            self.take_cms(inner, depth + 1)
        elif depth < _DEEPEST and wrapping_of(inner) is Wrapping.MAIL:
            self.wrapping = Wrapping.SIGNED_MAIL
            self.take_mail(inner, depth + 1)
        else:
            self.take("", inner, pictures=False)

    def take_mail(self, content: bytes, depth: int) -> None:
        message = email.message_from_bytes(content, EmailMessage, policy=email.policy.default)
        for number, part in enumerate(message.walk()):
            if number > _MOST_ENTRIES:
                self.whole = False
                return
            if part.get_content_type() == "multipart/signed":
                self.wrapping = Wrapping.SIGNED_MAIL
            if part.is_multipart():
                continue
            payload = part.get_payload(decode=True)
            if not isinstance(payload, bytes):
                continue
            if depth < _DEEPEST and wrapping_of(payload) is Wrapping.CMS:
                if part.get_content_type() not in {"application/pkcs7-signature", "application/x-pkcs7-signature"}:
                    self.wrapping = Wrapping.SIGNED_MAIL
                    self.take_cms(payload, depth + 1)
            else:
                self.take(part.get_filename() or "", payload, pictures=False)


def _can_be_a_certificate(content: bytes, *, pictures: bool) -> bool:
    start = content[:1024]
    return (
        b"%PDF-" in start or start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or (pictures and is_picture(content))
    )


def _der_of(content: bytes) -> bytes:
    """A CMS as DER, whether it came so, in base64, or as PEM."""
    if content[:1] == b"0":
        return content
    if content.startswith(b"-----BEGIN "):
        content = content.partition(b"\n")[2].partition(b"-----END")[0]
    if not _BASE64.match(content.lstrip()):
        return b""
    plain = b"".join(content.split())
    try:
        return base64.b64decode(plain[: len(plain) // 4 * 4])
    except binascii.Error:
        return b""
