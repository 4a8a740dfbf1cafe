"""A PDF file written object by object, in one revision, the same bytes for the same objects (PDF 32000-1, 7.5)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class Objects:
    """Numbers objects as they are added or reserved, and writes the file; every reserved number must be filled."""

    def __init__(self) -> None:
        self._bodies: list[bytes | None] = []

    @property
    def next(self) -> int:
        return len(self._bodies) + 1

    def add(self, body: bytes | str) -> int:
        """Store a body (without `obj` and `endobj`) and return its number."""
        self._bodies.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self._bodies)

    def extend(self, bodies: Sequence[bytes]) -> int:
        """Store consecutive bodies and return the number of the first."""
        first = self.next
        self._bodies.extend(bodies)
        return first

    def reserve(self, count: int = 1) -> int:
        """Keep `count` numbers for bodies that come later; returns the first."""
        first = self.next
        self._bodies.extend([None] * count)
        return first

    def fill(self, number: int, body: bytes | str) -> None:
        assert self._bodies[number - 1] is None, "an object is written once"
        self._bodies[number - 1] = body.encode("latin-1") if isinstance(body, str) else body

    def bodies(self) -> list[bytes]:
        """Every body so far, in order of number; a reserved one is empty."""
        return [body or b"" for body in self._bodies]

    def file(self, catalog: int) -> bytes:
        """The whole file, from header to the end mark; its ID is a digest of the objects."""
        parts, offsets, at = [HEADER], [], len(HEADER)
        for number, body in enumerate(self._bodies, 1):
            assert body is not None, f"object {number} was reserved and never filled"
            part = b"%d 0 obj\n%b\nendobj\n" % (number, body)
            offsets.append(at)
            parts.append(part)
            at += len(part)
        identity = hashlib.sha256(b"".join(parts)).hexdigest()[:32]
        table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        size = len(offsets) + 1
        parts.append(
            b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root %d 0 R/ID[<%b><%b>]>>\n"
            b"startxref\n%d\n%%%%EOF\n" % (size, table, size, catalog, identity.encode(), identity.encode(), at)
        )
        return b"".join(parts)


def text_string(text: str) -> str:
    """A PDF text string for an object (PDF 32000-1, 7.9.2.2): ASCII as it is, else UTF-16BE, one character a byte."""
    return literal(text if text.isascii() else (b"\xfe\xff" + text.encode("utf-16-be")).decode("latin-1"))


def literal(octets: str) -> str:
    """A literal string (7.3.4.2) of characters that each stand for a byte; what would be syntax is escaped."""
    # A bare carriage return would be read as a line feed.
    for char, escaped in (("\\", "\\\\"), ("(", "\\("), (")", "\\)"), ("\r", "\\r")):
        octets = octets.replace(char, escaped)
    return f"({octets})"


def hex_string(text: str) -> str:
    """The same text string in hexadecimal, for content streams, which are ASCII and deflated."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def stream(content: bytes, entries: str = "", level: int = 6) -> bytes:
    """A deflated stream with further dictionary entries."""
    squeezed = zlib.compress(content, level)
    return b"<<%b/Length %d/Filter/FlateDecode>>\nstream\n%b\nendstream" % (entries.encode(), len(squeezed), squeezed)
