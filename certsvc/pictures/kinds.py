"""What a picture begins with; whether it opens is another question (`reading`)."""

from __future__ import annotations

from typing import Final

_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif"})
_BEGINNINGS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"II*\0", b"MM\0*", b"BM", b"GIF8")


def is_picture(content: bytes) -> bool:
    """Whether these bytes begin as a picture does. A PDF is none here."""
    return content.startswith(_BEGINNINGS) or _is_webp(content) or is_heif(content)


def is_heif(content: bytes) -> bool:
    """Whether these bytes begin as what phones take does (HEIC, AVIF)."""
    return content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS


def _is_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def add_heif() -> None:
    """Let Pillow read what phones take; the reader is an extra (`certsvc[heic]`)."""
    try:
        from pillow_heif import register_heif_opener  # noqa: PLC0415 - may be missing
    except ImportError:
        return
    register_heif_opener()
