"""A page sent packed at next to no cost: its fixed pieces are deflated once, its words go between them as they are.

A gzip stream may be put together from parts that were packed apart (full flush) and parts that are only stored, so a
prebuilt page (`web.prebuilt`) is packed by joining bytes. Nothing that differs from answer to answer is ever
compressed, hence nothing of it can be told from the length. Source: RFC 1951, 3.2.4; RFC 1952. Not here: the page.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
_END: Final = b"\x03\x00"  # an empty last block
_LONGEST_STORED: Final = 0xFFFF
# A piece shorter than this costs more packed apart than it saves.
_WORTH_PACKING: Final = 64


def pack_piece(piece: bytes) -> bytes | None:
    """A fixed piece as a part of a deflate stream of its own; None where it is better stored."""
    if len(piece) < _WORTH_PACKING:
        return None
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)


def join(parts: Sequence[tuple[bytes, bytes | None]]) -> bytes:
    """A gzip file of all parts in order: each as it is, and as `pack_piece` made it, None to store it."""
    out = [_HEAD]
    waiting: list[bytes] = []
    for plain, packed in parts:
        if packed is None:
            waiting.append(plain)
            continue
        out.append(_stored(b"".join(waiting)))
        waiting.clear()
        out.append(packed)
    out.append(_stored(b"".join(waiting)))
    whole = b"".join(plain for plain, _ in parts)
    out.append(_END + struct.pack("<II", zlib.crc32(whole), len(whole) & 0xFFFFFFFF))
    return b"".join(out)


def _stored(content: bytes) -> bytes:
    if 0 < len(content) <= _LONGEST_STORED:
        return b"\0" + struct.pack("<HH", len(content), len(content) ^ _LONGEST_STORED) + content
    blocks = [content[i : i + _LONGEST_STORED] for i in range(0, len(content), _LONGEST_STORED)]
    return b"".join(b"\0" + struct.pack("<HH", len(block), len(block) ^ 0xFFFF) + block for block in blocks)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header names gzip, and not with a weight of 0 (RFC 9110, 12.5.3)."""
    named = accept_encoding[:200].lower()  # cut before it is kept
    return "gzip" in named and _names_gzip(named)


@lru_cache(maxsize=1000)
def _names_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            try:
                return float(weight.replace(" ", "").removeprefix("q=") or "1") > 0
            except ValueError:
                return False
    return False
